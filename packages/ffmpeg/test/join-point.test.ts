import { Buffer } from "node:buffer";
import { readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { ffmpeg, run, type TemporaryFolder, temporaryFolder, videoPackets } from "@stream-control/test-kit";
import fc from "fast-check";
import { TS_PACKET_SIZE, TsJoinPoint } from "../src/index.js";

const PLENTY = 64 * 1024 * 1024;

let folder: TemporaryFolder;
let stream: Buffer;
beforeAll(async () => {
  folder = await temporaryFolder();
  const inputs = ["testsrc2=s=160x90:r=25", "sine"].flatMap((input) => ["-f", "lavfi", "-i", input]);
  const encode = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-c:a", "aac"];
  await ffmpeg([...inputs, "-t", "4", ...encode, folder.file("a.ts")]);
  stream = await readFile(folder.file("a.ts"));
});
afterAll(() => folder.remove());

test("whatever was sent so far can be joined at the newest keyframe, without an error of a decoder", async () => {
  const joint = new TsJoinPoint(PLENTY);
  const half = Math.floor(stream.length / 2);
  joint.push(stream.subarray(0, half));
  const begun = joint.beginning;
  expect(begun.length).toBeGreaterThan(0);
  // What follows goes to whoever has joined, as it came.
  const rest = joint.push(stream.subarray(half));
  const file = folder.file("joined.ts");
  const joinedAt = Buffer.concat([...begun]);
  await writeFile(file, Buffer.concat([joinedAt, ...rest.map(({ data }) => data)]));
  const packets = await videoPackets(file);
  expect(packets[0]).toMatchObject({ key: true });
  expect(packets.length).toBeGreaterThanOrEqual(50);
  expect(packets.length).toBeLessThanOrEqual(75);
  const { stderr } = await run("ffmpeg", ["-v", "error", "-i", file, "-map", "0:v", "-f", "null", "-"]);
  expect(stderr).toBe("");
});

test("says the same however the bytes are cut, and passes all of them on", () => {
  const whole = new TsJoinPoint(PLENTY);
  whole.push(stream);
  const expected = Buffer.concat([...whole.beginning]);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1, maxLength: 20 }), (sizes) => {
      const joint = new TsJoinPoint(PLENTY);
      const out: Buffer[] = [];
      for (let at = 0, turn = 0; at < stream.length; turn += 1) {
        const size = sizes[turn % sizes.length] ?? 1;
        out.push(...joint.push(stream.subarray(at, at + size)).map(({ data }) => data));
        at += size;
      }
      expect(Buffer.concat(out).equals(stream)).toBe(true);
      expect(Buffer.concat([...joint.beginning]).equals(expected)).toBe(true);
    }),
    { numRuns: 20 },
  );
});

test("can be left before any picture, and joined again at a keyframe, without a broken one", async () => {
  const joint = new TsJoinPoint(PLENTY);
  const out: Buffer[] = [];
  let left = false;
  for (let at = 0, piece = 0; at < stream.length; at += 3000, piece += 1)
    for (const { data, keyframe, wholeTo } of joint.push(stream.subarray(at, at + 3000))) {
      // Leaves a while after each keyframe.
      if (keyframe && left) out.push(...joint.beginning);
      else if (!left && piece % 7 === 6 && wholeTo !== undefined) out.push(data.subarray(0, wholeTo));
      else if (!left) out.push(data);
      left = keyframe ? false : left || (piece % 7 === 6 && wholeTo !== undefined);
    }
  const file = folder.file("left.ts");
  await writeFile(file, Buffer.concat(out));
  expect((await videoPackets(file)).length).toBeLessThan(100);
  const { stderr } = await run("ffmpeg", ["-v", "error", "-i", file, "-map", "0:v", "-f", "null", "-"]);
  expect(stderr).toBe("");
});

test("keeps no more than it may, and begins again at the next keyframe", () => {
  const joint = new TsJoinPoint(20 * TS_PACKET_SIZE);
  let most = 0;
  let begun = 0;
  for (let at = 0; at < stream.length; at += TS_PACKET_SIZE) {
    const had = joint.beginning.length > 0;
    joint.push(stream.subarray(at, at + TS_PACKET_SIZE));
    most = Math.max(most, Buffer.concat([...joint.beginning]).length);
    if (!had && joint.beginning.length > 0) begun += 1;
  }
  expect(most).toBeLessThanOrEqual(20 * TS_PACKET_SIZE);
  expect(begun).toBe(4);
});

test("begins with nothing that is no stream", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3000 }), (noise) => {
      const joint = new TsJoinPoint(PLENTY);
      joint.push(Buffer.from(noise));
      expect(joint.beginning).toEqual([]);
      joint.push(Buffer.alloc(TS_PACKET_SIZE * 5, 0x47));
      expect(joint.beginning).toEqual([]);
    }),
  );
});
