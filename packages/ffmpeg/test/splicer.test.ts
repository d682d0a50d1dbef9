import { Buffer } from "node:buffer";
import { readFile, writeFile } from "node:fs/promises";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  ffmpeg,
  ffprobe,
  frameDistances,
  streamOf,
  type TemporaryFolder,
  temporaryFolder,
  videoPackets,
} from "@stream-control/test-kit";
import fc from "fast-check";
import {
  readTicks,
  TS_PACKET_SIZE,
  TS_WRAP,
  type TsSegment,
  TsSplicer,
  TsSwitcher,
  type TsUnit,
  TsUnitReader,
  ticksBetween,
  wrapTicks,
  writeTicks,
} from "../src/index.js";

const FPS = 25;
const FRAME = 90_000 / FPS;
const SOUND = (1024 * 90_000) / 48_000;
let folder: TemporaryFolder;
/** Two streams of the same encode settings, and one with B-frames. */
let first: Buffer;
let second: Buffer;
let third: Buffer;

const encode = async (name: string, picture: string, extra: readonly string[] = ["-tune", "zerolatency"]) => {
  const file = folder.file(name);
  await ffmpeg([
    ...["-f", "lavfi", "-i", `${picture}=s=160x90:r=${FPS}`, "-f", "lavfi", "-i", "sine=sample_rate=48000", "-t", "3"],
    ...["-c:v", "libx264", "-preset", "ultrafast", ...extra, "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac"],
    ...["-muxdelay", "0", "-muxpreload", "0", "-pes_payload_size", "0", "-omit_video_pes_length", "0", file],
  ]);
  return readFile(file);
};

beforeAll(async () => {
  folder = await temporaryFolder();
  [first, second, third] = await Promise.all([
    encode("a.ts", "testsrc2"),
    encode("b.ts", "smptebars"),
    encode("c.ts", "testsrc", ["-bf", "2", "-b_strategy", "0"]),
  ]);
});
afterAll(() => folder.remove());

describe("timestamps", () => {
  test("are read as they were written, and the bits around them stay", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.nat(15), (value, prefix) => {
        const ticks = value % TS_WRAP;
        const field = Buffer.from([(prefix << 4) | 1, 0, 1, 0, 1]);
        writeTicks(field, 0, ticks);
        expect(readTicks(field, 0)).toBe(ticks);
        expect((field[0] ?? 0) >> 4).toBe(prefix);
        expect(((field[0] ?? 0) & 1) + ((field[2] ?? 0) & 1) + ((field[4] ?? 0) & 1)).toBe(3);
      }),
    );
  });

  test("are compared the short way round the clock", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.integer({ min: -(2 ** 32), max: 2 ** 32 - 1 }), (start, distance) => {
        const earlier = start % TS_WRAP;
        expect(ticksBetween(earlier, wrapTicks(earlier + distance))).toBe(distance);
      }),
    );
  });
});

/** A stream as its units; a stream that begins anywhere on the clock, with a length of its own, and breaks off anywhere. */
const sourceArbitrary = fc.record({
  start: fc.oneof(fc.nat(1_000_000), fc.integer({ min: TS_WRAP - 200_000, max: TS_WRAP - 1 })),
  frames: fc.integer({ min: 1, max: 60 }),
  /** Pictures by which showing lags behind decoding, as with B-frames. */
  delay: fc.integer({ min: 0, max: 3 }),
  /** By how much its sound is ahead of or behind its pictures. */
  soundOffset: fc.integer({ min: -20_000, max: 20_000 }),
  gap: fc.integer({ min: 0, max: 90_000 }),
});

function unitsOf({
  start,
  frames,
  delay,
  soundOffset,
}: {
  start: number;
  frames: number;
  delay: number;
  soundOffset: number;
}) {
  const units: { at: number; unit: TsUnit }[] = [];
  const make = (kind: "video" | "audio", at: number, pts: number, keyframe: boolean) =>
    units.push({ at, unit: packet(kind, wrapTicks(start + at), wrapTicks(start + pts), keyframe) });
  for (let index = 0; index < frames; index += 1) {
    const reorder = delay === 0 || index === 0 ? delay : index % 2 === 1 ? delay + 1 : delay - 1;
    make("video", index * FRAME, (index + reorder) * FRAME, index % FPS === 0);
  }
  for (let at = 0; at < frames * FRAME; at += SOUND) make("audio", at, at + soundOffset, false);
  return units.sort((a, b) => a.at - b.at).map(({ unit }) => unit);
}

function packet(kind: "video" | "audio", dts: number, pts: number, keyframe: boolean): TsUnit {
  const data = Buffer.alloc(TS_PACKET_SIZE, 0xff);
  // Sync byte, beginning of a unit, PID, adaptation field with a clock reference, and payload.
  data.set([0x47, 0x40 | 0x01, kind === "video" ? 0x00 : 0x01, 0x30, 7, 0x10], 0);
  data.set([0, 0, 1, 0xe0, 0, 0, 0x80, 0xc0, 10, 0x31, 0, 1, 0, 1, 0x11, 0, 1, 0, 1], 12);
  const header = { bytes: undefined, ptsAt: 21, dtsAt: 26 };
  writeTicks(data, header.ptsAt, pts);
  writeTicks(data, header.dtsAt, dts);
  return { kind, pid: kind === "video" ? 0x100 : 0x101, data, header, keyframe, pts, dts };
}

const TABLES = Buffer.alloc(2 * TS_PACKET_SIZE, 0xff);
TABLES.set([0x47, 0x40, 0x00, 0x10], 0);
TABLES.set([0x47, 0x50, 0x00, 0x10], TS_PACKET_SIZE);

describe("the splicer", () => {
  test("makes one stream without a step back of any streams, wherever they begin and break off", () => {
    fc.assert(
      fc.property(fc.array(sourceArbitrary, { minLength: 1, maxLength: 6 }), (sources) => {
        const splicer = new TsSplicer({ fps: FPS, sampleRateHz: 48_000 });
        const last = new Map<string, number>();
        const counters = new Map<number, number>();
        const shown = new Set<number>();
        for (const source of sources) {
          const units = unitsOf(source);
          const begin = units.findIndex(({ keyframe }) => keyframe);
          let cut = true;
          let moved: number | undefined;
          for (const unit of units.slice(begin)) {
            if (cut) splicer.cut(unit, source.gap);
            const segment = splicer.write(unit, TABLES);
            if (segment === undefined) {
              // Pictures are never lost.
              expect(unit.kind).toBe("audio");
              continue;
            }
            for (let at = 0; at < segment.data.length; at += TS_PACKET_SIZE) {
              const pid = segment.data.readUInt16BE(at + 1) & 0x1fff;
              const counter = segment.data.readUInt8(at + 3) & 0x0f;
              expect(counter).toBe(((counters.get(pid) ?? 15) + 1) & 0x0f);
              counters.set(pid, counter);
            }
            const own = segment.data.subarray(segment.data.length - TS_PACKET_SIZE);
            const [pts, dts] = [readTicks(own, unit.header.ptsAt), readTicks(own, unit.header.dtsAt)];
            const before = last.get(unit.kind);
            if (before !== undefined) {
              const step = ticksBetween(before, dts);
              expect(step).toBeGreaterThan(0);
              if (unit.kind === "video" && cut) {
                expect(step).toBeGreaterThanOrEqual(FRAME);
                // Never later than asked but for pictures that wait to be shown.
                expect(step).toBeLessThanOrEqual(Math.max(FRAME, source.gap) + 5 * FRAME);
              }
            }
            last.set(unit.kind, dts);
            // One difference for everything between two cuts.
            moved ??= ticksBetween(unit.dts, dts);
            expect(ticksBetween(unit.dts, dts)).toBe(moved);
            expect(ticksBetween(unit.pts, pts)).toBe(moved);
            if (unit.kind === "video") {
              expect(shown.has(pts)).toBe(false);
              shown.add(pts);
            }
            cut = false;
          }
        }
      }),
    );
  });
});

const unitsIn = (data: Buffer) => new TsUnitReader().push(data);

describe("the switcher", () => {
  /** Airs streams one after the other, each broken off at a byte, against a clock that the test moves. */
  async function air(parts: readonly { data: Buffer; bytes: number; silenceMs: number }[]) {
    let now = 0;
    const out: TsSegment[] = [];
    const switcher = new TsSwitcher({
      ...{ fps: FPS, sampleRateHz: 48_000 },
      now: () => now,
      onSegment: (segment) => out.push(segment),
    });
    for (const { data, bytes, silenceMs } of parts) {
      now += silenceMs;
      const source = new PassThrough({ highWaterMark: 1e7 });
      const feed = switcher.feed(source);
      switcher.take(feed, () => {});
      source.end(data.subarray(0, bytes));
      await new Promise((resolve) => source.once("end", resolve));
    }
    return out;
  }

  test("cuts real streams, broken off anywhere, into one that decodes without an error", async () => {
    const out = await air([
      { data: first, bytes: Math.floor(first.length * 0.57) + 13, silenceMs: 0 },
      { data: second, bytes: Math.floor(second.length * 0.71) + 101, silenceMs: 400 },
      { data: first, bytes: first.length, silenceMs: 5000 },
    ]);
    const file = folder.file("spliced.ts");
    await writeFile(file, Buffer.concat(out.map(({ data }) => data)));
    const flv = folder.file("spliced.flv");
    await ffmpeg(["-v", "error", "-xerror", "-i", file, "-c", "copy", "-bsf:a", "aac_adtstoasc", flv]);
    for (const recording of [file, flv]) {
      const { stderr } = await ffmpeg(["-v", "warning", "-xerror", "-i", recording, "-f", "null", "-"]);
      expect(stderr.split("\n").filter((line) => /error|discont|non.?monoton|corrupt/i.test(line))).toEqual([]);
      const distances = frameDistances(await videoPackets(recording));
      // The pause of five seconds leaves a gap of one, because nobody downstream needs more.
      expect(distances.filter((distance) => distance > 0.05).map((distance) => Number(distance.toFixed(1)))).toEqual([
        0.4, 1,
      ]);
    }
    expect(streamOf(await ffprobe(flv), "video").codec_name).toBe("h264");
  });

  test("goes over to a stream with B-frames and back without losing the order of pictures", async () => {
    const out = await air([
      { data: third, bytes: Math.floor(third.length * 0.63), silenceMs: 0 },
      { data: third, bytes: Math.floor(third.length * 0.8), silenceMs: 0 },
      { data: first, bytes: first.length, silenceMs: 0 },
    ]);
    const pts = unitsIn(Buffer.concat(out.map(({ data }) => data)))
      .filter(({ kind }) => kind === "video")
      .map((unit) => unit.pts);
    expect(new Set(pts).size).toBe(pts.length);
  });

  test("leaves the old stream on air until the new one has a keyframe, and goes on with what it holds", async () => {
    let now = 0;
    const out: TsSegment[] = [];
    const switcher = new TsSwitcher({
      ...{ fps: FPS, sampleRateHz: 48_000 },
      now: () => now,
      onSegment: (segment) => out.push(segment),
    });
    const [a, b] = [new PassThrough(), new PassThrough()];
    const [feedA, feedB] = [switcher.feed(a), switcher.feed(b)];
    const cuts: string[] = [];
    switcher.take(feedA, () => cuts.push("a"));
    const write = async (stream: PassThrough, data: Buffer) => {
      stream.write(data);
      await new Promise((resolve) => setImmediate(resolve));
    };
    await write(a, first.subarray(0, 20_116));
    expect(cuts).toEqual(["a"]);
    // Without a keyframe, b has nothing to begin with.
    switcher.take(feedB, () => cuts.push("b"));
    const before = out.length;
    await write(a, first.subarray(20_116, 30_268));
    expect(out.length).toBeGreaterThan(before);
    expect(switcher.onAir).toBe(feedA);
    await write(b, second.subarray(0, 9400));
    expect(cuts).toEqual(["a", "b"]);
    const atCut = out.length;
    await write(a, first.subarray(30_268, 40_420));
    expect(out).toHaveLength(atCut);
    // Off air a holds on from its next keyframe; after a pause it comes back at once.
    await write(a, first.subarray(40_420));
    now += 3000;
    switcher.take(feedA, () => cuts.push("a again"));
    expect(cuts.at(-1)).toBe("a again");
    expect(out.length).toBeGreaterThan(atCut);
    expect(out[atCut]?.keyframe).toBe(true);
    switcher.clear();
    expect(switcher.onAir).toBeUndefined();
  });
});
