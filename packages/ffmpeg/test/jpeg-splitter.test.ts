import { readFile } from "node:fs/promises";
import { expect, test } from "@jest/globals";
import { ffmpeg, temporaryFolder } from "@stream-control/test-kit";
import fc from "fast-check";
import { JpegSplitter } from "../src/index.js";

/** Files as ffmpeg writes them, one after the other. */
async function files(count: number): Promise<Buffer[]> {
  await using folder = await temporaryFolder();
  const args = ["-f", "lavfi", "-i", "testsrc2=s=160x90:r=5", "-frames:v", String(count), "-q:v", "4"];
  await ffmpeg([...args, folder.file("%d.jpg")]);
  return Promise.all(Array.from({ length: count }, (_, index) => readFile(folder.file(`${index + 1}.jpg`))));
}

const cut = (bytes: Buffer, at: readonly number[]) => {
  const places = [0, ...at.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((place, index) => bytes.subarray(places[index], place));
};

test("cuts a stream into the files that were put in, wherever its chunks end, and finds them again after rubbish", async () => {
  const whole = await files(3);
  fc.assert(
    fc.property(fc.array(fc.nat()), fc.uint8Array({ maxLength: 300 }), (places, junk) => {
      // No start of a file in it, and no first byte of one at its end.
      const rubbish = Buffer.from(junk.map((byte) => (byte === 0xff ? 0 : byte)));
      const splitter = new JpegSplitter();
      const found = cut(Buffer.concat([rubbish, ...whole, rubbish]), places).flatMap((chunk) => splitter.push(chunk));
      expect(found.map((file) => file.toString("base64"))).toEqual(whole.map((file) => file.toString("base64")));
    }),
  );
});

test("a file that breaks off is left out, and the next one found", async () => {
  const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = await files(2);
  const broken = Buffer.concat([first.subarray(0, 60), Buffer.from([0, 1, 2, 3]), second]);
  const splitter = new JpegSplitter();
  const found = splitter.push(Buffer.concat([broken, second]));
  expect(found.some((file) => file.equals(second))).toBe(true);
});

test("whatever comes costs bounded memory and never throws", () => {
  const splitter = new JpegSplitter();
  fc.assert(fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => void splitter.push(Buffer.from(bytes))));
});
