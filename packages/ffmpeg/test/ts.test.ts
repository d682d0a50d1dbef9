import { Buffer } from "node:buffer";
import { readFile, writeFile } from "node:fs/promises";
import { PassThrough, Readable, Writable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  ffmpeg,
  ffprobe,
  keyframeDistances,
  type TemporaryFolder,
  temporaryFolder,
  videoPackets,
  waitFor,
} from "@stream-control/test-kit";
import fc from "fast-check";
import { TS_PACKET_SIZE, TsAligner, TsRelay, type TsSegment, TsSink, TsSwitcher, TsUnitReader } from "../src/index.js";

let folder: TemporaryFolder;
let stream: Buffer;

beforeAll(async () => {
  folder = await temporaryFolder();
  const file = folder.file("a.ts");
  await ffmpeg([
    ...["-f", "lavfi", "-i", "testsrc2=s=160x90:r=25", "-f", "lavfi", "-i", "sine", "-t", "4"],
    ...["-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-c:a", "aac", file],
  ]);
  stream = await readFile(file);
});
afterAll(() => folder.remove());

const packets = (count: number, fill = 0) =>
  Buffer.concat(Array.from({ length: count }, () => Buffer.alloc(TS_PACKET_SIZE, fill).fill(0x47, 0, 1)));

describe("the aligner", () => {
  test("gives back exactly the packets, however they are cut", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 }), (sizes) => {
        const whole = stream.subarray(0, TS_PACKET_SIZE * 40);
        const aligner = new TsAligner();
        const out: Buffer[] = [];
        for (let at = 0, turn = 0; at < whole.length; turn += 1) {
          const size = sizes[turn % sizes.length] ?? 1;
          out.push(...aligner.push(whole.subarray(at, at + size)));
          at += size;
        }
        expect(Buffer.concat(out).equals(whole)).toBe(true);
        expect(aligner.skippedBytes).toBe(0);
      }),
    );
  });

  test("finds its way back after bytes that belong to nothing", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 400 }), (noise) => {
        // Without sync bytes, which could begin something that looks like a packet.
        const rubbish = Buffer.from(noise).map((byte) => (byte === 0x47 ? 0 : byte));
        const aligner = new TsAligner();
        const out = Buffer.concat(aligner.push(Buffer.concat([packets(2), rubbish, packets(3)])));
        expect(out.equals(packets(5))).toBe(true);
        expect(aligner.skippedBytes).toBe(rubbish.length);
      }),
    );
  });

  test("gives whole packets for any input", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 1000 })), (parts) => {
        const aligner = new TsAligner();
        const reader = new TsUnitReader();
        for (const run of parts.flatMap((part) => aligner.push(Buffer.from(part)))) {
          expect(run.length % TS_PACKET_SIZE).toBe(0);
          reader.push(run);
        }
      }),
    );
  });
});

describe("the unit reader", () => {
  test("finds every picture and every sound of a real stream, however it is cut", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), (packetsAtOnce) => {
        const reader = new TsUnitReader();
        const units = cutInto(stream, packetsAtOnce * TS_PACKET_SIZE).flatMap((run) => reader.push(run));
        units.push(...reader.finish());
        const pictures = units.filter(({ kind }) => kind === "video");
        expect(pictures).toHaveLength(100);
        expect(pictures.filter(({ keyframe }) => keyframe)).toHaveLength(4);
        expect(units.length).toBeGreaterThan(100 + 10);
        expect(reader.tables.packets).toHaveLength(2 * TS_PACKET_SIZE);
      }),
      { numRuns: 10 },
    );
  });

  test("survives packets that were changed anywhere", () => {
    const some = stream.subarray(0, TS_PACKET_SIZE * 30);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(some.length - 1), fc.nat(255)), { maxLength: 200 }), (changes) => {
        const broken = Buffer.from(some);
        for (const [at, value] of changes) broken[at] = value;
        const aligner = new TsAligner();
        const reader = new TsUnitReader();
        const units = aligner.push(broken).flatMap((run) => reader.push(run));
        for (const { data } of [...units, ...reader.finish()]) expect(data.length % TS_PACKET_SIZE).toBe(0);
      }),
    );
  });
});

/** A reader that takes nothing until it is told to. */
class SlowReader extends Writable {
  taken = 0;
  private held: (() => void) | undefined;
  private open = false;
  constructor() {
    super({ highWaterMark: 1024 });
  }
  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.taken += chunk.length;
    if (this.open) done();
    else this.held = done;
  }
  go(): void {
    this.open = true;
    this.held?.();
  }
}

const segment = (bytes: number, keyframe = false): TsSegment => ({ data: Buffer.alloc(bytes), keyframe });

describe("a sink", () => {
  test("begins with a keyframe", () => {
    const target = new PassThrough();
    let begun = 0;
    const sink = new TsSink(target, { policy: "drop", maxBytes: 1e6, onBegin: () => (begun += 1) });
    sink.write(segment(188));
    expect(target.readableLength).toBe(0);
    sink.write(segment(188, true));
    sink.write(segment(188));
    expect(target.readableLength).toBe(2 * 188);
    expect(begun).toBe(1);
  });

  test("of a slow reader drops up to the next keyframe and counts what it dropped", async () => {
    const reader = new SlowReader();
    const sink = new TsSink(reader, { policy: "drop", maxBytes: 10_000 });
    sink.write(segment(5000, true));
    for (let index = 0; index < 100; index += 1) sink.write(segment(1000));
    expect(sink.droppedBytes).toBeGreaterThan(10_000);
    expect(sink.isFull).toBe(false);
    const atLoss = sink.droppedBytes;
    sink.write(segment(1000));
    expect(sink.droppedBytes).toBe(atLoss);
    sink.write(segment(2000, true));
    sink.end();
    reader.go();
    await waitFor(() => reader.writableFinished);
    expect(reader.taken).toBe(5000 + 2000);
  });

  test("that blocks loses nothing and says when it has room", async () => {
    const reader = new SlowReader();
    let room = 0;
    const sink = new TsSink(reader, { policy: "block", maxBytes: 10_000, onRoom: () => (room += 1) });
    for (let index = 0; index < 100; index += 1) sink.write(segment(1000, index === 0));
    expect(sink.isFull).toBe(true);
    reader.go();
    await waitFor(() => room === 1);
    sink.end();
    await waitFor(() => reader.writableFinished);
    expect(reader.taken).toBe(100_000);
    expect(sink.droppedBytes).toBe(0);
  });

  test("writes nothing, not even what waits, once it may not", async () => {
    const reader = new SlowReader();
    let allowed = true;
    const sink = new TsSink(reader, { policy: "drop", maxBytes: 100_000, mayWrite: () => allowed });
    sink.write(segment(5000, true));
    sink.write(segment(5000));
    allowed = false;
    reader.go();
    sink.write(segment(5000));
    await new Promise((resolve) => setImmediate(resolve));
    expect(reader.taken).toBe(5000);
  });

  test("whose reader breaks away holds nobody up", async () => {
    const reader = new SlowReader();
    let room = 0;
    const sink = new TsSink(reader, { policy: "block", maxBytes: 1000, onRoom: () => (room += 1) });
    sink.write(segment(5000, true));
    sink.write(segment(5000));
    reader.on("error", () => {});
    reader.destroy(new Error("gone"));
    await waitFor(() => !sink.isFull);
    expect(room).toBeGreaterThan(0);
  });
});

/** What lies between an encoder and the readers. */
function airing(onSegment: (segment: TsSegment) => void) {
  const switcher = new TsSwitcher({ fps: 25, sampleRateHz: 44_100, now: () => performance.now(), onSegment });
  return (source: Readable) => switcher.take(switcher.feed(source), () => {});
}

describe("the relay", () => {
  test("gives a late reader a stream that plays from its first picture", async () => {
    let keyframes = 0;
    const late = new PassThrough({ highWaterMark: 10_000_000 });
    const relay = new TsRelay();
    const air = airing((segment) => {
      if (segment.keyframe) keyframes += 1;
      relay.push(segment);
      if (segment.keyframe && keyframes === 1) relay.add(late, { policy: "drop", maxBytes: 1e7 });
    });
    air(Readable.from(cutInto(stream, 1000), { objectMode: false }));
    await waitFor(() => keyframes === 4);
    relay.end();
    const file = folder.file("late.ts");
    await writeFile(file, await late.toArray());
    expect((await videoPackets(file))[0]?.key).toBe(true);
    expect(keyframeDistances(await videoPackets(file))).toEqual([1, 1]);
    expect((await ffprobe(file)).streams).toHaveLength(2);
  });

  test("waits for a reader that blocks while the others have theirs", async () => {
    const slow = new SlowReader();
    const quick = new PassThrough({ highWaterMark: 10_000_000 });
    const source = Readable.from(cutInto(stream, 1000), { objectMode: false });
    const relay = new TsRelay({ onHeldUp: (heldUp) => (heldUp ? source.pause() : source.resume()) });
    relay.add(slow, { policy: "block", maxBytes: 20_000 });
    relay.add(quick, { policy: "drop", maxBytes: 1e7 });
    airing((segment) => relay.push(segment))(source);
    await waitFor(() => source.isPaused());
    expect(quick.readableLength).toBeLessThan(stream.length / 2);
    slow.go();
    await waitFor(() => source.readableEnded);
    relay.end();
    await waitFor(() => slow.writableFinished);
    expect(slow.taken).toBe(quick.readableLength);
  });
});

function cutInto(data: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(data.length / size) }, (_, index) =>
    data.subarray(index * size, (index + 1) * size),
  );
}
