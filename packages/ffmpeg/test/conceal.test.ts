import { readdir, stat, writeFile } from "node:fs/promises";
import { describe, expect, test } from "@jest/globals";
import { type Destination, type Source, streamConfigSchema } from "@stream-control/protocol";
import {
  argumentsOf,
  ffmpeg,
  ffprobe,
  freePort,
  freeUdpPort,
  secret,
  startRtmpServer,
  temporaryFolder,
  waitFor,
} from "@stream-control/test-kit";
import fc from "fast-check";
import {
  childEnvironment,
  concealArguments,
  createRedactor,
  FfmpegProcess,
  openArguments,
  probeSource,
  programArguments,
  secretsOf,
  senderArguments,
} from "../src/index.js";

const env = childEnvironment(process.env);
const sourceOf = (source: object) => streamConfigSchema.parse({ source }).source;
const destinationOf = (destination: object): Destination =>
  streamConfigSchema.parse({ source: { type: "test" }, destinations: [destination] }).destinations[0] as Destination;
const conceal = (given: readonly string[]) => concealArguments(given, (number) => `/f/${number}`);
const sender = (destination: object) => conceal(senderArguments(destinationOf(destination)));

describe("a concealed command line", () => {
  test.each([
    ["a key", { url: "rtmp://h/live", streamKey: "K" }, "rtmp://h/live", "rtmp_app=live\nrtmp_playpath=K\n"],
    [
      "a key in the address",
      { url: "rtmps://h:9/live/K?a=b=c" },
      "rtmps://h:9/live",
      "rtmp_app=live\nrtmp_playpath=K?a=b=c\n",
    ],
    ["an instance", { url: "rtmp://h/a/b/c", streamKey: "K" }, "rtmp://h/a", "rtmp_app=a/b\nrtmp_playpath=c/K\n"],
    ["a playpath with a colon", { url: "rtmp://h/a/mp4:b/K" }, "rtmp://h/a", "rtmp_app=a\nrtmp_playpath=mp4:b/K\n"],
    ["a slash in a query", { url: "rtmp://h/a/K?t=b/c" }, "rtmp://h/a", "rtmp_app=a/K?t=b\nrtmp_playpath=c\n"],
    ["a query of the application", { url: "rtmp://h/a?t=K" }, "rtmp://h/", "rtmp_app=a?t=K\n"],
    ["the ending of a file", { url: "rtmp://h/a/K.flv" }, "rtmp://h/a", "rtmp_app=a\nrtmp_playpath=K\n"],
  ])("of an RTMP sender with %s leaves it to a file", (_, destination, address, options) => {
    const { arguments: shown, files } = sender({ type: "rtmp", ...destination });
    expect(shown.slice(-3)).toEqual(["-fpre", "/f/0", address]);
    expect(files.get("/f/0")).toBe(options);
  });

  test("of an SRT sender leaves passphrase and stream id to a file", () => {
    const url = "srt://h:9?streamid=%23!::u=K&latency=300&token=K2&passphrase=0123456789";
    const { arguments: shown, files } = sender({ type: "srt", url, passphrase: "overruled-by-it" });
    expect(shown.slice(-3)).toEqual(["-fpre", "/f/0", "srt://h:9?latency=300"]);
    expect(files.get("/f/0")).toBe("streamid=#!::u=K\npassphrase=0123456789\n");
    expect(shown).not.toContain("-passphrase");
  });

  test.each([
    ["an application alone", { type: "rtmp", url: "rtmp://h/live" }],
    ["SRT without secrets", { type: "srt", url: "srt://h:9?latency=300" }],
    ["HLS", { type: "hls", path: "/hls" }],
    ["a recording", { type: "file", path: "/r.mp4" }],
  ])("of %s stays as it is", (_, destination) => {
    const given = senderArguments(destinationOf(destination));
    expect(conceal(given)).toEqual({ arguments: given, files: new Map() });
  });

  test("of a program leaves a camera's password to a script, with every option that opens the camera", () => {
    const config = streamConfigSchema.parse({ source: { type: "rtsp", url: "rtsp://admin:it's@h/1" } });
    const options = { hasVideo: true, hasAudio: false, videoEncoder: "libx264", muted: false };
    const given = programArguments(config, options);
    const { arguments: shown, files } = conceal(given);
    const at = shown.indexOf("-i");
    expect(shown.slice(at - 6, at + 2)).toEqual([
      ...["-f", "concat", "-safe", "0", "-protocol_whitelist", "file", "-i", "file:/f/0"],
    ]);
    // What stands before and after is the same, the filler input too.
    expect(shown.slice(0, at - 6)).toEqual(given.slice(0, given.indexOf("-protocol_whitelist")));
    expect(shown.slice(at + 2)).toEqual(given.slice(given.indexOf("-i") + 2));
    expect(files.get("/f/0")?.split("\n")).toEqual([
      "ffconcat version 1.0",
      "file 'rtsp://admin:it'\\''s@h/1'",
      expect.stringMatching(/^option protocol_whitelist 'rtsp,/),
      ...["option rtsp_transport 'tcp'", "option timeout '8000000'", ""],
    ]);
  });

  test.each([
    ["a camera without a password", { type: "rtsp", url: "rtsp://h/1" }],
    ["a file", { type: "file", path: "/a.mp4" }],
    ["HTTP, which would lose its length behind a script", { type: "http", url: "https://u:p@h/a.mp4?t=1" }],
  ])("of %s stays as it is", (_, source) => {
    const given = [...openArguments(sourceOf(source), 10_000), "-f", "null", "-"];
    expect(conceal(given)).toEqual({ arguments: given, files: new Map() });
  });

  test("refuses a line break, which would begin another option", () => {
    const options = { message: /must not hold a line break/ };
    expect(() => sender({ type: "rtmp", url: "rtmp://h/live", streamKey: "K\nrtmp_tcurl=x" })).toThrow(options.message);
    const camera = { ...sourceOf({ type: "rtsp", url: "rtsp://u:p@h/1" }), url: "rtsp://u:p\nfile@h/1" } as Source;
    expect(() => conceal([...openArguments(camera, 10_000), "-f", "null", "-"])).toThrow(options.message);
    // A config does not even get as far as that.
    expect(() => sourceOf({ type: "rtsp", url: "rtsp://u:p\nfile@h/1" })).toThrow(/control characters/);
  });

  test("holds no secret of a destination that ffmpeg can be told otherwise", () => {
    const word = fc.stringMatching(/^S[A-Za-z0-9_./=?&:-]{9,40}$/).filter((text) => !/[?&/]$/.test(text));
    fc.assert(
      fc.property(word, word, (key, phrase) => {
        const rtmp = sender({ type: "rtmp", url: "rtmp://h/live", streamKey: key }).arguments.join(" ");
        expect(rtmp).not.toContain(key);
        const srt = sender({ type: "srt", url: `srt://h:1?streamid=${key}`, passphrase: phrase }).arguments.join(" ");
        expect(srt).not.toContain(phrase);
      }),
    );
  });
});

describe("a real ffmpeg", () => {
  /** Test pictures as a sender gets them. */
  async function stream(file: string): Promise<string> {
    await ffmpeg([
      ...["-f", "lavfi", "-i", "testsrc2=s=320x180:r=15", "-f", "lavfi", "-i", "sine", "-t", "20"],
      ...["-c:v", "libx264", "-preset", "ultrafast", "-g", "15", "-c:a", "aac", "-f", "mpegts", file],
    ]);
    return file;
  }

  /** A sender that reads a file at the clock's speed instead of its standard input. */
  const send = (destination: object, file: string, folder: string) => {
    const given = senderArguments(destinationOf(destination));
    const at = given.indexOf("-i");
    const input = ["-re", "-protocol_whitelist", "file,pipe", "-f", "mpegts", "-i", file];
    return new FfmpegProcess({
      ...{ path: "ffmpeg", env, stdin: "media", hideIn: [folder] },
      arguments: [...given.slice(0, given.indexOf("-protocol_whitelist")), ...input, ...given.slice(at + 2)],
    });
  };

  test("pushes to RTMP with a key, and pulls it again, that no list of processes shows; the files go with it", async () => {
    const server = await startRtmpServer();
    const folder = await temporaryFolder();
    try {
      const key = secret("stream-key");
      const token = secret("token");
      const file = await stream(folder.file("in.ts"));
      const before = await readdir(folder.path);
      const pushing = send({ type: "rtmp", url: `${server.url()}?token=${token}`, streamKey: key }, file, folder.path);
      await waitFor(() => server.live.has(`/live/${key}`), { what: "the stream to be live" });
      const line = (await argumentsOf(pushing.pid ?? 0)).join(" ");
      expect(line).toContain(`${server.url()}`);
      for (const hidden of [key, token]) expect(line).not.toContain(hidden);
      const files = (await readdir(folder.path)).filter((name) => !before.includes(name));
      expect(files).toHaveLength(1);
      expect((await stat(folder.file(files[0] ?? ""))).mode & 0o777).toBe(0o600);

      const source = sourceOf({ type: "rtmp", url: server.url(key) });
      const redactor = createRedactor(secretsOf(source));
      const probe = await probeSource({
        ...{ source, env, redactor, ffprobePath: "ffprobe", deadlineMs: 20_000, stallTimeoutMs: 10_000 },
        hideIn: [folder.path],
      });
      expect(probe).toMatchObject({ ok: true, info: { hasVideo: true, hasAudio: true } });
      await pushing.kill();
      expect(await readdir(folder.path)).toEqual(before);
    } finally {
      await server.close();
      await folder.remove();
    }
  });

  test("sends and receives SRT with a passphrase that no list of processes shows", async () => {
    const folder = await temporaryFolder();
    try {
      const passphrase = secret("passphrase");
      const file = await stream(folder.file("in.ts"));
      const address = `srt://127.0.0.1:${await freeUdpPort()}`;
      const source = sourceOf({ type: "srt", url: address, listen: true, passphrase });
      const receiving = new FfmpegProcess({
        ...{ path: "ffmpeg", env, stdin: "commands", hideIn: [folder.path] },
        arguments: [
          ...["-hide_banner", "-y", "-loglevel", "level+warning", ...openArguments(source, 10_000)],
          ...["-c", "copy", "-t", "2", "-f", "mpegts", folder.file("out.ts")],
        ],
      });
      const destination = { type: "srt", url: `${address}?streamid=${passphrase}`, passphrase };
      // The listener may not be there yet; it takes one caller.
      let sending = send(destination, file, folder.path);
      for (let tries = 0; !receiving.hasExited && tries < 5; tries += 1) {
        for (const { pid } of [receiving, sending])
          expect((await argumentsOf(pid ?? 0)).join(" ")).not.toContain(passphrase);
        await Promise.race([receiving.exited, sending.exited]);
        if (!receiving.hasExited) sending = send(destination, file, folder.path);
      }
      expect((await receiving.exited).reason).toBe("ended");
      await sending.kill();
      expect((await ffprobe(folder.file("out.ts"))).streams.map(({ codec_type }) => codec_type)).toContain("video");
    } finally {
      await folder.remove();
    }
  });

  test("is started with its secrets in the next folder where the first cannot be written, and at last without hiding", async () => {
    const folder = await temporaryFolder();
    try {
      const missing = folder.file("missing");
      const destination = {
        type: "rtmp",
        url: `rtmp://127.0.0.1:${await freePort()}/live`,
        streamKey: secret("stream-key"),
      };
      await writeFile(folder.file("in.ts"), "");
      const said: string[] = [];
      for (const hideIn of [[missing, folder.path], [missing]]) {
        const process = new FfmpegProcess({
          ...{ path: "ffmpeg", env, stdin: "media", hideIn, onLine: (line) => said.push(line) },
          arguments: senderArguments(destinationOf(destination)),
        });
        await using _ended = { [Symbol.asyncDispose]: async () => void (await process.kill()) };
        const hidden = !(await argumentsOf(process.pid ?? 0)).join(" ").includes(destination.streamKey);
        expect(hidden).toBe(hideIn.length === 2);
        expect(said.some((line) => line.includes("could not be hidden: Error: ENOENT"))).toBe(hideIn.length === 1);
      }
    } finally {
      await folder.remove();
    }
  });
});
