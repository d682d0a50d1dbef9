import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { StreamMetadata } from "@stream-control/protocol";
import { type TemporaryFolder, temporaryFolder } from "@stream-control/test-kit";
import fc from "fast-check";
import { allowedPath } from "../src/assignments/allowed-paths.js";
import { fileNameOf } from "../src/assignments/destinations.js";
import { type Limits, prepare } from "../src/assignments/prepare.js";
import { PROTOCOLS } from "../src/config.js";

let base: TemporaryFolder;
let media: string;
let limits: Limits;
beforeAll(async () => {
  base = await temporaryFolder();
  media = join(base.path, "media");
  await mkdir(join(media, "sub"), { recursive: true });
  await mkdir(join(base.path, "secret"));
  await writeFile(join(base.path, "secret/file.mp4"), "");
  await writeFile(join(media, "there.mp4"), "");
  await symlink(join(base.path, "secret"), join(media, "way-out"));
  await symlink(join(base.path, "nowhere"), join(media, "dangling"));
  await symlink(join(media, "sub"), join(media, "way-in"));
  const second = join(base.path, "second");
  limits = {
    outputDirs: [media, second],
    inputDirs: [media],
    allowedProtocols: PROTOCOLS,
    maxResolution: "1080p",
    drawsText: true,
    encoders: [
      { name: "h264_nvenc", works: false, reason: "no such device" },
      { name: "libx264", works: true },
      { name: "libopenh264", works: true },
    ],
  };
});
afterAll(() => base.remove());

const assignment = (config: Record<string, unknown>, streamMetadata?: StreamMetadata, jobId = "job-1", epoch = 1) => ({
  jobId,
  idempotencyKey: null,
  config,
  expiresAt: "2026-01-01T00:00:00Z",
  metadata: {},
  epoch,
  ...(streamMetadata === undefined ? {} : { streamMetadata }),
});
async function prepared(...args: Parameters<typeof assignment>) {
  const preparation = await prepare(assignment(...args), limits);
  if (!preparation.ok) throw new Error(preparation.error.message);
  return preparation.job;
}
async function refused(config: Record<string, unknown>, streamMetadata?: StreamMetadata, other: Partial<Limits> = {}) {
  const preparation = await prepare(assignment(config, streamMetadata), { ...limits, ...other });
  if (preparation.ok) throw new Error("The config was taken.");
  expect(preparation.error).toMatchObject({ code: "CONFIG_INVALID", detail: { fault: "config" } });
  return preparation.error.message;
}

test("paths are allowed below the folders only, whatever leads out of them", async () => {
  const verdict = async (path: string) => {
    const judged = await allowedPath(path, [media]);
    return judged.ok ? judged.path : judged.message;
  };
  expect(await verdict("a.mp4")).toBe(join(media, "a.mp4"));
  expect(await verdict("not/yet/there/a.mp4")).toBe(join(media, "not/yet/there/a.mp4"));
  expect(await verdict("way-in/a.mp4")).toBe(join(media, "sub/a.mp4"));
  for (const path of [
    "/etc/passwd",
    "../secret/file.mp4",
    "sub/../../secret/x.mp4",
    "way-out/file.mp4",
    "way-out/not/yet/there.mp4",
    media,
    `${media}-other/a.mp4`,
    "..",
  ])
    expect(await verdict(path)).toMatch(/must lie below/);
  expect(await verdict("dangling/a.mp4")).toMatch(/symbolic link to nowhere/);
  expect(await verdict("dangling")).toMatch(/symbolic link to nowhere/);
});

test("no text is a path that leads out of the folder", async () => {
  const piece = fc.oneof(fc.constantFrom("..", ".", "", "way-out", "way-in", "sub", "dangling", "~"), fc.string());
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 8 }), async (pieces) => {
      const path = pieces.join("/").replaceAll("\0", "");
      const judged = await allowedPath(path, [media]);
      if (judged.ok) expect(judged.path.startsWith(`${media}/`)).toBe(true);
    }),
  );
});

test("the short form writes where it says", async () => {
  const { config, videoEncoder, muted } = await prepared({ streamUrl: "test:", outputPath: join(media, "x/out.mp4") });
  expect(config.destinations).toEqual([{ type: "file", path: join(media, "x/out.mp4"), format: "mp4" }]);
  expect({ videoEncoder, muted }).toEqual({ videoEncoder: "libx264", muted: false });
  expect(await readdir(join(media, "x"))).toEqual([]);
});

test("a recording without a place gets one, and what an earlier try recorded is kept", async () => {
  const input = { streamUrl: "test:", outputFormat: "mkv" };
  expect((await prepared(input)).config.destinations).toMatchObject([{ path: join(media, "job-1.mkv") }]);
  // Nothing was recorded by the first try.
  expect((await prepared(input, undefined, "job-1", 2)).config.destinations).toMatchObject([
    { path: join(media, "job-1.mkv") },
  ]);
  for (const name of ["job-1.mkv", "match.mp4"]) await writeFile(join(media, name), "recorded");
  expect((await prepared(input, undefined, "job-1", 2)).config.destinations).toMatchObject([
    { path: join(media, "job-1-2.mkv") },
  ]);
  const named = { streamUrl: "test:", outputPath: "match.mp4" };
  expect((await prepared(named)).config.destinations).toMatchObject([{ path: join(media, "match.mp4") }]);
  expect((await prepared(named, undefined, "job-1", 3)).config.destinations).toMatchObject([
    { path: join(media, "match-3.mp4") },
  ]);
});

test("with nowhere to go there is an HLS preview, in a folder that the job's id cannot lead astray", async () => {
  expect((await prepared({ streamUrl: "test:" })).config.destinations).toMatchObject([
    { type: "hls", id: "preview", path: join(media, "job-1") },
  ]);
  const { config } = await prepared({ streamUrl: "test:" }, undefined, "../../../etc");
  expect(config.destinations).toMatchObject([{ path: expect.stringMatching(`^${media}/job-[0-9a-f]{24}$`) }]);
  for (const id of ["..", ".", ".hidden", "a/b", "-rf", "ü", "x".repeat(128)]) expect(fileNameOf(id)).toMatch(/^job-/);
});

test("a broadcast in the metadata is pushed to, also beside other destinations, never twice", async () => {
  const youtube = { streamUrl: "rtmp://a.rtmp.youtube.com/live2", streamKey: "abcd-1234" };
  const push = { type: "rtmp", url: youtube.streamUrl, streamKey: youtube.streamKey };
  expect((await prepared({ streamUrl: "test:" }, { youtube, isMuted: true })).config.destinations).toEqual([
    { ...push, id: "youtube" },
  ]);
  expect((await prepared({ streamUrl: "test:" }, { youtube, isMuted: true })).muted).toBe(true);
  const beside = await prepared({ streamUrl: "test:", outputPath: "a.mp4" }, { youtube });
  expect(beside.config.destinations.map(({ type }) => type)).toEqual(["file", "rtmp"]);
  const twice = await prepared({ source: { type: "test" }, destinations: [push] }, { youtube });
  expect(twice.config.destinations).toHaveLength(1);
  const half = await prepared({ streamUrl: "test:" }, { youtube: { streamUrl: youtube.streamUrl } });
  expect(half.config.destinations).toMatchObject([{ type: "hls" }]);
  const message = await refused({ streamUrl: "test:" }, { youtube: { ...youtube, streamUrl: "ftp://a" } });
  expect(message).toContain("streamMetadata.youtube.streamUrl: must begin with rtmp://");
  expect(message).not.toContain("abcd-1234");
});

test("every mistake is named with its path, in one answer", async () => {
  const message = await refused({
    source: { type: "file", path: "/etc/passwd" },
    destinations: [
      { type: "file", path: "../out.mp4" },
      { type: "file", path: "no-ending" },
      { type: "hls", path: "there.mp4" },
      { type: "file", path: "same.mp4" },
      { type: "file", path: "./same.mp4" },
      { type: "file", path: "sub", format: "mp4" },
    ],
    video: { width: 3840, height: 2160, encoder: "h264_nvenc" },
  });
  for (const part of [
    "source.path: must lie below",
    "destinations.0.path: must lie below",
    "destinations.1.path: must end in one of",
    "destinations.2.path: is a file",
    "destinations.4.path: another destination",
    "destinations.5.path: is a folder",
    "video.height: this agent takes at most 1080p",
    'video.encoder: The encoder "h264_nvenc" does not work on this machine (no such device)',
  ])
    expect(message).toContain(part);
});

test("a source file must be there", async () => {
  expect((await prepared({ streamUrl: join(media, "there.mp4") })).config.source).toMatchObject({ type: "file" });
  expect(await refused({ streamUrl: join(media, "missing.mp4") })).toContain("there is no such file");
});

test("only the allowed protocols are spoken, by source and destinations", async () => {
  const allowedProtocols = ["test", "rtmp"] as const;
  const destinations = [
    { type: "rtmp", url: "RTMPS://user:pass@host/app" },
    { type: "file", path: "a.mp4" },
  ];
  const message = await refused({ source: { type: "srt", url: "srt://h:1" }, destinations }, undefined, {
    allowedProtocols,
  });
  expect(message).toContain("source: the protocol srt is not allowed");
  expect(message).toContain("destinations.0: the protocol rtmps is not allowed");
  expect(message).toContain("destinations.1: the protocol file is not allowed");
  expect(message).not.toContain("pass@");
});

test("what is no config at all is refused, and an agent without an encoder refuses everything", async () => {
  expect(await refused({})).toContain("source:");
  expect(await refused({ streamUrl: "test:" }, undefined, { encoders: [] })).toContain("no working H.264 encoder");
});

test("devices are devices of this machine, and their names say nothing else", async () => {
  const device = (video: object | undefined, audio?: object) => ({
    source: { type: "device", ...(video && { video }), ...(audio && { audio }) },
    destinations: [{ type: "file", path: "a.mp4" }],
  });
  const good = [
    device({ format: "v4l2", device: "/dev/video0" }, { format: "alsa", device: "plughw:CARD=PCH,DEV=0" }),
    device({ format: "x11grab", device: ":0.0+10,20" }, { format: "alsa", device: "default" }),
    device({ format: "v4l2", device: "/dev/v4l/by-id/usb-cam-index0" }),
  ];
  for (const config of good) expect((await prepared(config)).config.source).toMatchObject({ type: "device" });
  for (const name of ["10.0.0.1:0.0", "localhost:0", "evil.example:0", "/tmp/x"])
    expect(await refused(device({ format: "x11grab", device: name }))).toContain(
      "source.video.device: must be a display",
    );
  for (const name of ["/etc/passwd", "/dev/../etc/passwd", "video0", "/dev/shm/x", "http://h/x"])
    expect(await refused(device({ format: "v4l2", device: name }))).toContain("source.video.device: must be a device");
  for (const name of ["file:x", "tee:hw,'/tmp/x',raw", "plug:{type hw}", "/etc/x", "FILE:a"])
    expect(await refused(device(undefined, { format: "alsa", device: name }))).toContain(
      "source.audio.device: must be",
    );
});

test("an address with a line break in it is no address", async () => {
  const message = await refused({ streamUrl: "rtmp://h/live/key\r\nHost: other" });
  expect(message).toContain("must not contain control characters");
});
