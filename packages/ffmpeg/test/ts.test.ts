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
import { TS_PACKET_SIZE, TsAligner, TsInspector, TsRelay, type TsSegment, TsSink } from "../src/index.js";

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
        const inspector = new TsInspector();
        for (const run of parts.flatMap((part) => aligner.push(Buffer.from(part)))) {
          expect(run.length % TS_PACKET_SIZE).toBe(0);
          expect(Buffer.concat(inspector.push(run).map(({ data }) => data)).equals(run)).toBe(true);
        }
      }),
    );
  });
});

describe("the inspector", () => {
  test("cuts a real stream before every keyframe and loses nothing", () => {
    const inspector = new TsInspector();
    expect(inspector.tables).toBeUndefined();
    const segments = inspector.push(stream);
    expect(segments.filter(({ keyframe }) => keyframe)).toHaveLength(4);
    expect(Buffer.concat(segments.map(({ data }) => data)).equals(stream)).toBe(true);
    expect(inspector.tables).toHaveLength(2 * TS_PACKET_SIZE);
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
const TABLES = Buffer.alloc(376, 1);

describe("a sink", () => {
  test("begins with the tables and a keyframe", () => {
    const target = new PassThrough();
    let begun = 0;
    const sink = new TsSink(target, { policy: "drop", maxBytes: 1e6, onBegin: () => (begun += 1) });
    sink.write(segment(188), TABLES);
    sink.write(segment(188, true), undefined);
    expect(target.readableLength).toBe(0);
    sink.write(segment(188, true), TABLES);
    sink.write(segment(188), TABLES);
    expect(target.readableLength).toBe(376 + 2 * 188);
    expect(begun).toBe(1);
  });

  test("of a slow reader drops up to the next keyframe and counts what it dropped", async () => {
    const reader = new SlowReader();
    const sink = new TsSink(reader, { policy: "drop", maxBytes: 10_000 });
    sink.write(segment(5000, true), TABLES);
    for (let index = 0; index < 100; index += 1) sink.write(segment(1000), TABLES);
    expect(sink.droppedBytes).toBeGreaterThan(10_000);
    expect(sink.isFull).toBe(false);
    const atLoss = sink.droppedBytes;
    sink.write(segment(1000), TABLES);
    expect(sink.droppedBytes).toBe(atLoss);
    sink.write(segment(2000, true), TABLES);
    sink.end();
    reader.go();
    await waitFor(() => reader.writableFinished);
    expect(reader.taken).toBe(376 + 5000 + 376 + 2000);
  });

  test("that blocks loses nothing and says when it has room", async () => {
    const reader = new SlowReader();
    let room = 0;
    const sink = new TsSink(reader, { policy: "block", maxBytes: 10_000, onRoom: () => (room += 1) });
    for (let index = 0; index < 100; index += 1) sink.write(segment(1000, index === 0), TABLES);
    expect(sink.isFull).toBe(true);
    reader.go();
    await waitFor(() => room === 1);
    sink.end();
    await waitFor(() => reader.writableFinished);
    expect(reader.taken).toBe(376 + 100_000);
    expect(sink.droppedBytes).toBe(0);
  });

  test("whose reader breaks away holds nobody up", async () => {
    const reader = new SlowReader();
    let room = 0;
    const sink = new TsSink(reader, { policy: "block", maxBytes: 1000, onRoom: () => (room += 1) });
    sink.write(segment(5000, true), TABLES);
    sink.write(segment(5000), TABLES);
    reader.on("error", () => {});
    reader.destroy(new Error("gone"));
    await waitFor(() => !sink.isFull);
    expect(room).toBeGreaterThan(0);
  });
});

describe("the relay", () => {
  test("gives a late reader a stream that plays from its first picture", async () => {
    let keyframes = 0;
    const late = new PassThrough({ highWaterMark: 10_000_000 });
    const relay = new TsRelay(() => {
      keyframes += 1;
      if (keyframes === 2) relay.add(late, { policy: "drop", maxBytes: 1e7 });
    });
    relay.connect(Readable.from(cutInto(stream, 1000), { objectMode: false }));
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
    const relay = new TsRelay();
    relay.add(slow, { policy: "block", maxBytes: 20_000 });
    relay.add(quick, { policy: "drop", maxBytes: 1e7 });
    const source = Readable.from(cutInto(stream, 1000), { objectMode: false });
    relay.connect(source);
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
