import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import {
  childrenOf,
  ffmpeg,
  ffprobe,
  freePort,
  freeUdpPort,
  isRunning,
  REFUSING_PORT,
  type RtmpServer,
  secret,
  startRtmpServer,
  streamOf,
  type TemporaryFolder,
  temporaryFolder,
  videoPackets,
  volumeOverTime,
  waitFor,
} from "@stream-control/test-kit";
import { SMALL, TestRunner } from "./runner-kit.js";

let server: RtmpServer;
let folder: TemporaryFolder;
let clip: string;
const runners: TestRunner[] = [];

const start = async (...args: Parameters<typeof TestRunner.start>) => {
  const runner = await TestRunner.start(...args);
  runners.push(runner);
  return runner;
};

const PICTURE = ["-f", "lavfi", "-i", "testsrc2=s=320x240:r=25"];
const TONE = ["-f", "lavfi", "-i", "sine=f=440"];
const ENCODE = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac"];

/** A publisher that runs until it is ended. */
const publish = (args: readonly string[]) => {
  const child = spawn("ffmpeg", ["-v", "error", "-re", ...PICTURE, "-re", ...TONE, ...ENCODE, ...args], {
    stdio: "ignore",
  });
  const exited = once(child, "exit");
  return async () => {
    child.kill("SIGKILL");
    await exited;
  };
};

beforeAll(async () => {
  server = await startRtmpServer();
  folder = await temporaryFolder("sc-in-");
  clip = folder.file("clip.mp4");
  // Its index stands in front, so that a web server without ranges can serve it.
  await ffmpeg([...PICTURE, ...TONE, "-t", "2", ...ENCODE, "-movflags", "+faststart", clip]);
});
afterEach(async () => {
  await Promise.all(runners.splice(0).map((runner) => runner.dispose()));
});
afterAll(async () => {
  await server.close();
  await folder.remove();
});

test("a stream is pulled from an RTMP server, and its end without a stop is the source's failure", async () => {
  const own = await startRtmpServer();
  const unpublish = publish(["-f", "flv", own.url("camera")]);
  try {
    await waitFor(() => own.live.has("/live/camera"));
    const path = folder.file("pulled.mp4");
    const runner = await start({
      source: { type: "rtmp", url: own.url("camera") },
      destinations: [{ type: "file", path }],
      video: SMALL,
      sourceLoss: { action: "fail" },
    });
    const client = await runner.client();
    await client.event("progress", ({ progress }) => (progress.outTimeMs ?? 0) > 2000);
    await own.close();
    expect(await runner.result()).toMatchObject({
      status: "FAILED",
      error: { code: "FFMPEG_EXITED", detail: { cause: "SOURCE_ENDED", fault: "source" } },
    });
    // A 4:3 picture stands whole in a 16:9 frame.
    expect(streamOf(await ffprobe(path), "video")).toMatchObject({
      ...{ width: 320, height: 180, sample_aspect_ratio: "1:1" },
    });
  } finally {
    await unpublish();
    await own.close();
  }
}, 60_000);

test("a source that falls silent without ending fails after the stall time", async () => {
  const unpublish = publish(["-f", "flv", server.url("silent")]);
  try {
    await waitFor(() => server.live.has("/live/silent"));
    const runner = await start({
      source: { type: "rtmp", url: server.url("silent") },
      destinations: [{ type: "file", path: folder.file("silent.mp4") }],
      video: SMALL,
      stallTimeoutMs: 2000,
      sourceLoss: { action: "fail" },
    });
    const client = await runner.client();
    await client.event("progress", ({ progress }) => (progress.outTimeMs ?? 0) > 1000);
    // The server keeps its players when the publisher goes.
    await unpublish();
    const result = await runner.result();
    expect(result).toMatchObject({ status: "FAILED", error: { detail: { fault: "source" } } });
    expect(["ENCODER_STALLED", "FFMPEG_EXITED"]).toContain(result.error?.code);
  } finally {
    await unpublish();
  }
}, 60_000);

test("a publisher is waited for, and may be stopped for before it comes", async () => {
  const port = await freePort();
  const path = folder.file("listened.mp4");
  const config = {
    source: { type: "rtmp", url: `rtmp://127.0.0.1:${port}/live/key`, listen: true },
    video: SMALL,
    sourceLoss: { action: "fail" },
  } as const;
  const runner = await start({ ...config, destinations: [{ type: "file", path }] });
  const client = await runner.client();
  // Refused until the program listens, so the publisher is sent again and again.
  await waitFor(async () => {
    await ffmpeg(["-re", ...PICTURE, ...TONE, "-t", "3", ...ENCODE, "-f", "flv", `rtmp://127.0.0.1:${port}/live/key`]);
    return true;
  });
  expect(client.all("status").map(({ status }) => status)).toContain("RUNNING");
  await runner.result();
  expect((await videoPackets(path)).length).toBeGreaterThan(25);

  const idle = await start(
    { ...config, destinations: [{ type: "file", path: folder.file("never.mp4") }] },
    {
      stopGraceMs: 500,
      killAfterMs: 500,
    },
  );
  const idleClient = await idle.client();
  await idleClient.command({ type: "stop" });
  expect(await idle.result()).toMatchObject({ status: "STOPPED" });
}, 60_000);

test("SRT is received", async () => {
  const port = await freeUdpPort();
  const path = folder.file("srt.mp4");
  const runner = await start({
    source: { type: "srt", url: `srt://127.0.0.1:${port}`, listen: true, passphrase: "a-long-passphrase" },
    destinations: [{ type: "file", path }],
    video: SMALL,
  });
  const client = await runner.client();
  const stop = publish([
    "-f",
    "mpegts",
    "-passphrase",
    "a-long-passphrase",
    `srt://127.0.0.1:${port}?timeout=20000000`,
  ]);
  try {
    await client.event("progress", ({ progress }) => (progress.outTimeMs ?? 0) > 1000);
    await client.command({ type: "stop" });
    expect(await runner.result()).toMatchObject({ status: "STOPPED" });
    expect(streamOf(await ffprobe(path), "audio")).toMatchObject({ codec_name: "aac" });
  } finally {
    await stop();
  }
}, 60_000);

test("a looped file goes on beyond its end, at the clock's speed", async () => {
  const path = folder.file("looped.mp4");
  const runner = await start({
    source: { type: "file", path: clip, loop: true },
    destinations: [{ type: "file", path }],
    video: SMALL,
    durationSeconds: 5,
  });
  const began = Date.now();
  expect(await runner.result()).toMatchObject({ status: "STOPPED" });
  expect(Date.now() - began).toBeGreaterThan(3500);
  expect((await videoPackets(path)).length).toBeGreaterThanOrEqual(120);
}, 60_000);

test("a recording of a file runs as fast as it can and loses nothing", async () => {
  const long = folder.file("long.mp4");
  await ffmpeg([...PICTURE, ...TONE, "-t", "60", ...ENCODE, long]);
  const paths = [folder.file("copy.mp4"), folder.file("copy.ts")];
  const runner = await start({
    source: { type: "file", path: long },
    destinations: paths.map((path) => ({ type: "file" as const, path })),
    video: { ...SMALL, preset: "ultrafast" },
  });
  const began = Date.now();
  expect(await runner.result(60_000)).toMatchObject({ status: "STOPPED" });
  expect(Date.now() - began).toBeLessThan(45_000);
  for (const path of paths) expect(await videoPackets(path)).toHaveLength(1500);
}, 90_000);

test("a file without sound gets silence, a file without picture a black one", async () => {
  const mute = folder.file("mute.mp4");
  const sound = folder.file("sound.wav");
  await ffmpeg([...PICTURE, "-t", "2", "-c:v", "libx264", "-preset", "ultrafast", mute]);
  await ffmpeg([...TONE, "-t", "2", sound]);
  for (const source of [mute, sound]) {
    const path = `${source}.filled.mp4`;
    const runner = await start({
      source: { type: "file", path: source },
      destinations: [{ type: "file", path }],
      video: SMALL,
    });
    expect(await runner.result()).toMatchObject({ status: "STOPPED" });
    const media = await ffprobe(path);
    expect(streamOf(media, "video")).toMatchObject({ width: 320, height: 180 });
    expect(Number(media.format.duration)).toBeGreaterThan(1.7);
    expect(Number(media.format.duration)).toBeLessThan(2.6);
    const silent = (await volumeOverTime(path)).every(({ rmsDb }) => rmsDb < -80);
    expect(silent).toBe(source === mute);
  }
}, 60_000);

test("a playlist in a file may not read other files", async () => {
  const playlist = folder.file("evil.m3u8");
  const segment = folder.file("secret.ts");
  await ffmpeg(["-i", clip, "-c", "copy", segment]);
  await writeFile(playlist, `#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n${segment}\n#EXT-X-ENDLIST\n`);
  const concat = folder.file("evil.ffconcat");
  await writeFile(concat, `ffconcat version 1.0\nfile secret.ts\n`);
  for (const path of [playlist, concat]) {
    const runner = await start({
      source: { type: "file", path },
      destinations: [{ type: "file", path: folder.file("evil.mp4") }],
      video: SMALL,
    });
    expect(await runner.result()).toMatchObject({
      status: "FAILED",
      error: { code: "SOURCE_UNREACHABLE", detail: { cause: "NOT_ALLOWED" } },
    });
  }
}, 60_000);

test("a recording on the web is taken whole, and a playlist there may not read files of this machine", async () => {
  const segment = folder.file("local.ts");
  await ffmpeg(["-i", clip, "-c", "copy", segment]);
  const playlist = (uri: string) => `#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n${uri}\n#EXT-X-ENDLIST\n`;
  const pages: Record<string, Buffer | string> = {
    "/clip.mp4": await readFile(clip),
    "/segment.ts": await readFile(segment),
    "/good.m3u8": playlist("segment.ts"),
    "/evil.m3u8": playlist(`file://${segment}`),
  };
  const web = createServer((request, response) => {
    const body = pages[request.url ?? ""];
    response.writeHead(body === undefined ? 404 : 200).end(body);
  }).listen(0, "127.0.0.1");
  await once(web, "listening");
  const address = web.address();
  const port = typeof address === "object" ? address?.port : 0;
  try {
    for (const [page, expected] of [
      ["clip.mp4", { status: "STOPPED" }],
      ["good.m3u8", { status: "STOPPED" }],
      ["evil.m3u8", { status: "FAILED", error: { code: "SOURCE_UNREACHABLE", detail: { cause: "NOT_ALLOWED" } } }],
      ["none.mp4", { status: "FAILED", error: { code: "SOURCE_UNREACHABLE", detail: { cause: "NOT_FOUND" } } }],
    ] as const) {
      const path = folder.file(`web-${page}.mp4`);
      const runner = await start({
        source: { type: "http", url: `http://127.0.0.1:${port}/${page}` },
        destinations: [{ type: "file", path }],
        video: SMALL,
      });
      const result = await runner.result();
      expect([page, result]).toMatchObject([page, expected]);
      if (expected.status === "STOPPED") expect((await videoPackets(path)).length).toBeGreaterThanOrEqual(49);
    }
  } finally {
    web.closeAllConnections();
    web.close();
  }
}, 90_000);

test("a source that cannot be reached is said so, without its password", async () => {
  const password = secret("camera-password");
  const runner = await start({
    source: { type: "rtsp", url: `rtsp://user:${password}@127.0.0.1:${REFUSING_PORT}/cam` },
    destinations: [{ type: "file", path: folder.file("none.mp4") }],
  });
  const result = await runner.result();
  expect(result).toMatchObject({
    status: "FAILED",
    error: {
      code: "SOURCE_UNREACHABLE",
      message: "The source could not be opened: the connection was refused.",
      detail: { fault: "source", cause: "REFUSED" },
    },
  });
  expect(JSON.stringify(result)).not.toContain(password);
}, 60_000);

test("a program that makes no new frame counts as failed, and nothing of it is left", async () => {
  const runner = await start({
    source: { type: "test" },
    destinations: [{ type: "file", path: folder.file("stalled.mp4") }],
    video: SMALL,
    stallTimeoutMs: 1500,
    sourceLoss: { action: "fail" },
  });
  const client = await runner.client();
  await client.event("status", ({ status }) => status === "RUNNING");
  const children = await childrenOf(runner.pid);
  // The program is started first.
  process.kill(Math.min(...children), "SIGSTOP");
  expect(await runner.result()).toMatchObject({
    status: "FAILED",
    error: { code: "ENCODER_STALLED", detail: { fault: "encoder", afterMs: 1500 } },
  });
  expect((await Promise.all(children.map(isRunning))).includes(true)).toBe(false);
}, 60_000);

test("a source that never sends a frame fails after the start time", async () => {
  const runner = await start({
    source: { type: "srt", url: `srt://127.0.0.1:${await freeUdpPort()}`, listen: true },
    destinations: [{ type: "file", path: folder.file("never2.mp4") }],
    startTimeoutMs: 1000,
  });
  expect(await runner.result()).toMatchObject({
    status: "FAILED",
    error: { code: "ENCODER_STALLED", detail: { cause: "NO_FIRST_FRAME", fault: "source" } },
  });
}, 60_000);

test("a program that waits for its source does not outlive a runner that is killed", async () => {
  const runner = await start({
    source: { type: "srt", url: `srt://127.0.0.1:${await freeUdpPort()}`, listen: true },
    destinations: [{ type: "file", path: folder.file("never3.mp4") }],
  });
  const children = await waitFor(async () => {
    const pids = await childrenOf(runner.pid);
    // The program, the sender and the viewer.
    return pids.length === 3 && pids;
  });
  runner.process.kill("SIGKILL");
  await waitFor(async () => !(await Promise.all(children.map(isRunning))).includes(true));
});
