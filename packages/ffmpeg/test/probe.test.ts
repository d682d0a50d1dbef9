import { once } from "node:events";
import { chmod, readFile, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type Source, sourceSchema } from "@stream-control/protocol";
import { ffmpeg, freePort, type TemporaryFolder, temporaryFolder } from "@stream-control/test-kit";
import { childEnvironment, chooseVideoEncoder, createRedactor, probeEncoders, probeSource } from "../src/index.js";

const env = childEnvironment({ PATH: "/usr/local/bin:/usr/bin:/bin" });
let folder: TemporaryFolder;

beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

describe("the machine", () => {
  test("is tried, not asked, and the answer kept for the same binary", async () => {
    const cacheFile = folder.file("cache", "machine.json");
    const now = () => 1_000_000;
    const probe = await probeEncoders("ffmpeg", { env, cacheFile, now });
    expect(probe.encoders.find(({ name }) => name === "libx264")).toEqual({ name: "libx264", works: true });
    for (const { works, reason } of probe.encoders) expect(works || (reason ?? "") !== "").toBe(true);
    expect(probe.version).toMatch(/^\S+$/);
    expect(probe.inputProtocols).toEqual(expect.arrayContaining(["file", "rtmp", "http"]));
    expect(probe.outputProtocols).toEqual(expect.arrayContaining(["file", "rtmp"]));
    expect(probe.outputProtocols).not.toContain("hls");
    expect(probe.muxers).toEqual(expect.arrayContaining(["mpegts", "flv", "hls", "mp4", "matroska"]));

    const kept = await stat(cacheFile);
    expect(await probeEncoders("ffmpeg", { env, cacheFile, now })).toEqual(probe);
    expect((await stat(cacheFile)).mtimeMs).toBe(kept.mtimeMs);
    await writeFile(cacheFile, JSON.stringify({ ...probe, key: "another ffmpeg" }));
    expect(await probeEncoders("ffmpeg", { env, cacheFile, now })).toEqual(probe);
    const aDayLater = now() + 86_400_000;
    expect((await probeEncoders("ffmpeg", { env, cacheFile, now: () => aDayLater })).probedAt).toBe(aDayLater);
    await writeFile(cacheFile, "rubbish");
    await probeEncoders("ffmpeg", { env, cacheFile, now });
    expect(JSON.parse(await readFile(cacheFile, "utf8"))).toEqual(probe);
  }, 60_000);

  test("without ffmpeg says what to do", async () => {
    await expect(probeEncoders("/nonexistent/ffmpeg", { env })).rejects.toThrow("(ENOENT). Install ffmpeg");
    const broken = folder.file("ffmpeg");
    await writeFile(broken, "#!/bin/sh\nexit 3\n");
    await chmod(broken, 0o755);
    await expect(probeEncoders(broken, { env })).rejects.toThrow("it ended with 3");
  });

  test("gives the best encoder that works, or the one asked for, or says why not", () => {
    const works = (name: string) => ({ name, works: true });
    const broken = { name: "h264_nvenc", works: false, reason: "Cannot load libcuda.so.1" };
    expect(chooseVideoEncoder("auto", [broken, works("libx264"), works("h264_vaapi")])).toBe("h264_vaapi");
    expect(chooseVideoEncoder("libx264", [works("libx264"), works("h264_vaapi")])).toBe("libx264");
    expect(() => chooseVideoEncoder("h264_nvenc", [broken, works("libx264")])).toThrow(
      'The encoder "h264_nvenc" does not work on this machine (Cannot load libcuda.so.1). Use "auto", or choose another: these work here: libx264.',
    );
    expect(() => chooseVideoEncoder("auto", [broken])).toThrow("no working H.264 encoder");
  });
});

describe("a source", () => {
  const probe = (source: Source, deadlineMs = 20_000, signal?: AbortSignal) =>
    probeSource({
      ...{ source, env, deadlineMs, ffprobePath: "ffprobe", redactor: createRedactor([]), stallTimeoutMs: 10_000 },
      ...(signal === undefined ? {} : { signal }),
    });
  const file = (path: string): Source => sourceSchema.parse({ type: "file", path });

  test("tells its streams, its size, its rate and its length", async () => {
    const path = folder.file("a.mp4");
    await ffmpeg([
      ...["-f", "lavfi", "-i", "testsrc2=s=320x180:r=25", "-f", "lavfi", "-i", "sine=r=44100", "-t", "2"],
      ...["-c:v", "libx264", "-c:a", "aac", path],
    ]);
    const result = await probe(file(path));
    expect(result).toMatchObject({
      ok: true,
      info: {
        ...{ hasVideo: true, hasAudio: true },
        streams: [
          { type: "video", codec: "h264", width: 320, height: 180, fps: 25 },
          { type: "audio", codec: "aac", sampleRateHz: 44_100, channels: 1 },
        ],
      },
    });
    expect(result.ok && result.info.durationSeconds).toBeCloseTo(2, 0);
    expect(result.ok && result.info.firstPacketMs).toBeUndefined();
  });

  test("tells when its first packet came and its bitrates, where that is asked for", async () => {
    const before = performance.now();
    const options = { env, deadlineMs: 20_000, ffprobePath: "ffprobe", redactor: createRedactor([]) };
    const source = file(folder.file("a.mp4"));
    const result = await probeSource({ ...options, source, stallTimeoutMs: 10_000, readPacket: true });
    if (!result.ok) throw new Error(result.error.message);
    const { firstPacketMs = 0, bitrateKbps = 0, streams } = result.info;
    expect(firstPacketMs).toBeGreaterThan(0);
    expect(firstPacketMs).toBeLessThanOrEqual(performance.now() - before + 1);
    expect(streams).toHaveLength(2);
    for (const stream of streams) expect(stream.bitrateKbps).toBeGreaterThan(0);
    expect(bitrateKbps).toBeGreaterThanOrEqual(streams[0]?.bitrateKbps ?? Number.NaN);
  });

  test.each<[string, () => Promise<Source> | Source, string, string]>([
    ["not there", () => file(folder.file("none.mp4")), "NOT_FOUND", "the file or device does not exist"],
    [
      "no media",
      async () => {
        await writeFile(folder.file("text.mp4"), "this is no film\n".repeat(100));
        return file(folder.file("text.mp4"));
      },
      "NOT_MEDIA",
      "it holds no media that can be read",
    ],
    [
      "refused",
      async () => sourceSchema.parse({ type: "rtmp", url: `rtmp://127.0.0.1:${await freePort()}/a/b` }),
      "REFUSED",
      "the connection was refused",
    ],
  ])("that is %s is said to be so", async (_, make, cause, words) => {
    const result = await probe(await make());
    expect(result).toMatchObject({ ok: false, error: { code: "SOURCE_UNREACHABLE", detail: { cause } } });
    expect(!result.ok && result.error.message).toBe(`The source could not be opened: ${words}.`);
  });

  test("that does not speak ends at the deadline, or when nobody wants to know any more", async () => {
    const silent = createServer((socket) => socket.on("error", () => {})).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const address = silent.address();
    const port = typeof address === "object" ? address?.port : 0;
    const source = sourceSchema.parse({ type: "rtsp", url: `rtsp://127.0.0.1:${port}/cam` });
    expect(await probe(source, 700)).toMatchObject({
      ok: false,
      error: { message: "The source gave no media within 700 ms.", detail: { cause: "TIMED_OUT" } },
    });
    const abort = new AbortController();
    const aborted = probe(source, 60_000, abort.signal);
    await once(silent, "connection");
    abort.abort();
    expect((await aborted).ok).toBe(false);
    silent.close();
  });
});
