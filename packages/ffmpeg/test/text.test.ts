import { describe, expect, test } from "@jest/globals";
import { streamConfigSchema } from "@stream-control/protocol";
import fc from "fast-check";
import {
  BoundedLog,
  createRedactor,
  destinationTarget,
  diagnose,
  mediaError,
  ProgressParser,
  redactAddress,
  secretsOf,
} from "../src/index.js";

/** Cuts a text at random places. */
const cut = (text: string, places: readonly number[]): string[] => {
  const at = [...new Set(places.map((place) => place % (text.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((start, index) => text.slice(start, at[index] ?? text.length));
};
const places = fc.array(fc.nat(5000), { maxLength: 20 });

describe("progress", () => {
  const BLOCK =
    "frame=  120\nfps= 29.9\nstream_0_0_q=28.0\nbitrate=2978.1kbits/s\ntotal_size=1489120\nout_time_us=4000000\n" +
    "out_time_ms=4000000\nout_time=00:00:04.000000\ndup_frames=2\ndrop_frames=1\nspeed=   1x\nprogress=continue\n";
  const REPORT = {
    progress: {
      ...{ frame: 120, fps: 29.9, bitrateKbps: 2978.1, speed: 1 },
      ...{ droppedFrames: 1, duplicatedFrames: 2, outTimeMs: 4000 },
    },
    totalBytes: 1489120,
    last: false,
  };

  test("is the same wherever the stream is cut", () => {
    fc.assert(
      fc.property(places, (at) => {
        const parser = new ProgressParser();
        const reports = cut(BLOCK + BLOCK.replace("continue", "end"), at).flatMap((part) => parser.push(part));
        expect(reports).toEqual([REPORT, { ...REPORT, last: true }]);
      }),
    );
  });

  test("leaves out what ffmpeg does not know", () => {
    const text =
      "frame=0\nfps=N/A\nbitrate=N/A\ntotal_size=N/A\nout_time_us=-22000\nout_time=N/A\nspeed=N/A\nprogress=end\n";
    expect(new ProgressParser().push(text)).toEqual([{ progress: { frame: 0 }, last: true }]);
  });

  test("survives anything", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary" })), (parts) => {
        const parser = new ProgressParser();
        for (const part of parts) parser.push(part);
        expect(parser.push(`\nprogress=continue\n${BLOCK}`).at(-1)).toEqual(REPORT);
      }),
    );
  });
});

describe("redaction", () => {
  test.each([
    ["rtmp://user:pw@h:1935/live/key", "rtmp://h:1935/live/[secret]"],
    ["rtmps://h/app/instance/key/", "rtmps://h/app/instance/[secret]/"],
    ["rtmp://h/live", "rtmp://h/live"],
    ["rtmp://h/live/", "rtmp://h/live/"],
    ["srt://h:9?passphrase=0123456789&streamid=x", "srt://h:9?[secret]"],
    ["https://h/a/b.m3u8?token=t#f", "https://h/a/b.m3u8?[secret]"],
    ["rtsp://u:p@ss@h/cam", "rtsp://h/cam"],
    ["/just/a/path", "/just/a/path"],
  ])("of %s", (address, shown) => {
    expect(redactAddress(address)).toBe(shown);
    expect(redactAddress(shown)).toBe(shown);
  });

  const secret = fc
    .stringMatching(/^[A-Za-z0-9_-]{6,30}$/)
    .filter((text) => !"[secret]rtmp://host/livelocalhost".includes(text));

  test("leaves no known secret in any text", () => {
    fc.assert(
      fc.property(secret, secret, fc.string(), fc.string(), (key, passphrase, before, after) => {
        const config = streamConfigSchema.parse({
          source: { type: "rtsp", url: `rtsp://admin:${key}x@localhost/cam?token=${passphrase}y` },
          destinations: [
            { type: "rtmp", url: "rtmp://localhost/live", streamKey: key },
            { type: "srt", url: "srt://localhost:9", passphrase: `${passphrase}-long-enough` },
          ],
        });
        const redact = createRedactor(secretsOf(config));
        for (const known of [key, `${key}x`, `${passphrase}y`, `${passphrase}-long-enough`]) {
          const shown = redact(`${before}${known}${after} rtmp://localhost/live/${known}: failed`);
          expect(shown.split("[secret]").join("\0")).not.toContain(known);
        }
      }),
    );
  });

  test("hides the key that stands in a destination's own address, in ffmpeg's words", () => {
    const config = streamConfigSchema.parse({
      source: { type: "test" },
      destinations: [{ type: "rtmp", url: "rtmp://h/live/my-own-key?auth=abcdef" }],
    });
    const redact = createRedactor(secretsOf(config));
    expect(redact("[error] rtmp://h/live/my-own-key?auth=abcdef: Connection refused")).toBe(
      "[error] rtmp://h/live/[secret]?[secret]: Connection refused",
    );
    expect(redact("Server error: my-own-key is taken")).toBe("Server error: [secret] is taken");
    expect(config.destinations.map(destinationTarget)).toEqual(["rtmp://h/live/[secret]?[secret]"]);
  });

  test("survives anything", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => typeof createRedactor([text])(text) === "string"));
  });
});

describe("the log", () => {
  test("keeps head and tail, however it is cut", () => {
    const lines = Array.from({ length: 50 }, (_, index) => `line ${index}`);
    fc.assert(
      fc.property(places, (at) => {
        const log = new BoundedLog({ headLines: 3, tailLines: 4 });
        const heard = cut(`${lines.join("\r\n")}`, at).flatMap((part) => log.push(part));
        heard.push(...log.finish());
        expect(heard).toEqual(lines);
        expect(log.lines()).toEqual([...lines.slice(0, 3), "(43 lines left out)", ...lines.slice(-4)]);
        expect(log.last(2)).toEqual(lines.slice(-2));
      }),
    );
  });

  test("does not grow with a line that never ends", () => {
    const log = new BoundedLog({ maxLineLength: 100 });
    for (let index = 0; index < 1000; index += 1) log.push("x".repeat(1000));
    expect(log.finish()).toEqual(["x".repeat(100)]);
  });
});

describe("diagnosis", () => {
  test.each([
    ["tcp://127.0.0.1:1: Connection refused", "REFUSED", undefined],
    ["[tcp @ 0x] Failed to resolve hostname nix.invalid: Name or service not known", "HOST_NOT_FOUND", undefined],
    ["av_interleaved_write_frame(): No space left on device", "DISK_FULL", "agent"],
    ["[h264_nvenc @ 0x] Cannot load libcuda.so.1", "ENCODER_BROKEN", "encoder"],
    ["HTTP error 404 Not Found", "NOT_FOUND", undefined],
    ["/in/a.mp4: Invalid data found when processing input", "NOT_MEDIA", undefined],
    ["av_interleaved_write_frame(): Broken pipe", "CONNECTION_LOST", "network"],
    ["[hls @ 0x] Protocol 'file' not on whitelist 'http,tcp'!", "NOT_ALLOWED", undefined],
  ])("of %s", (line, cause, fault) => {
    expect(diagnose(["[warning] something before", line])).toMatchObject({ cause, ...(fault ? { fault } : {}) });
  });

  test("of unknown words is none, and the error still says how it ended", () => {
    expect(diagnose(["all is strange"])).toBeUndefined();
    const log = new BoundedLog();
    log.push("the password is hunter2!\n");
    expect(
      mediaError({
        ...{ code: "FFMPEG_EXITED", what: "The program ended", fault: "encoder", log },
        redactor: createRedactor(["hunter2!"]),
        exit: { reason: "failed", code: 1, signal: null },
      }),
    ).toEqual({
      code: "FFMPEG_EXITED",
      message: "The program ended: ffmpeg ended with code 1.",
      detail: { fault: "encoder", exitCode: 1, signal: null, lastLines: ["the password is [secret]"] },
    });
  });
});
