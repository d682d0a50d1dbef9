import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { RenderElement, RenderFormat, RenderRequestInput } from "@stream-control/protocol";
import { ffmpeg, ffprobe, run, type TemporaryFolder, temporaryFolder, videoPackets } from "@stream-control/test-kit";
import fc from "fast-check";
import { compositionArguments, joinArguments, joinList } from "../../src/index.js";
import { anyRequest } from "./any.js";
import { composedFrames, encode, prepare, render } from "./render-kit.js";

let folder: TemporaryFolder;
const file = (name: string) => join(folder.path, name);
const SECONDS = 9;

beforeAll(async () => {
  folder = await temporaryFolder();
  const h264 = ["-c:v", "libx264", "-preset", "veryfast", "-g", "70", "-bf", "3", "-pix_fmt", "yuv420p"];
  const moving = (rate: string, size = "96x64") => ["-f", "lavfi", "-i", `testsrc2=s=${size}:r=${rate}:d=${SECONDS}`];
  const tone = ["-f", "lavfi", "-i", `sine=frequency=440:sample_rate=48000:d=${SECONDS}`];
  await ffmpeg([...moving("24"), ...tone, ...h264, "-c:a", "aac", file("film.mp4")]);
  // Moments in whole milliseconds, and two pictures for each of the result.
  await ffmpeg([...moving("60"), ...h264, file("quick.mkv")]);
  await ffmpeg([...moving("30000/1001"), ...tone, ...h264, file("camera.ts")]);
  // A picture that stands for four seconds, and an end before that of its sound.
  const slides = "select='eq(n,0)+eq(n,5)+eq(n,105)+gte(n,180)*lt(n,190)'";
  await ffmpeg([...moving("25"), ...tone, "-vf", slides, "-vsync", "vfr", ...h264, file("slides.mp4")]);
  await ffmpeg([...moving("24", "90x50").slice(0, -1), "testsrc2=s=90x50:r=24:d=1", ...h264, file("clip.mp4")]);
  await ffmpeg(["-f", "lavfi", "-i", "testsrc2=s=33x17", "-frames:v", "1", file("odd.png")]);
  await ffmpeg(["-f", "lavfi", "-i", "sine=d=0.7", file("tone.wav")]);
}, 60_000);
afterAll(() => folder.remove());

/** Cuts at those frames, where they are inside. */
function rangesAt(cuts: readonly number[], totalFrames: number) {
  const inside = [...new Set(cuts)].filter((cut) => cut > 0 && cut < totalFrames).sort((a, b) => a - b);
  const edges = [0, ...inside, totalFrames];
  return edges.slice(1).map((end, index) => {
    const firstFrame = edges[index] ?? 0;
    return { type: "frames" as const, firstFrame, frames: end - firstFrame };
  });
}

/** Composes a request at once and in parts; the frames of both must be the same to the last bit. */
async function expectSame(request: RenderRequestInput, cuts: readonly number[], name = "same"): Promise<boolean> {
  const prepared = await prepare(folder.path, request, name);
  if (!prepared.ok) return false;
  const { totalFrames } = prepared.composition.timeline;
  const whole = await composedFrames(prepared, file(`${name}.txt`));
  expect(whole).toHaveLength(totalFrames);
  const parts: string[] = [];
  for (const part of rangesAt(cuts, totalFrames))
    parts.push(...(await composedFrames(prepared, file(`${name}.txt`), part)));
  const differing = whole.flatMap((hash, frame) => (parts[frame] === hash ? [] : [frame]));
  expect([parts.length, differing.slice(0, 20)]).toEqual([totalFrames, []]);
  return true;
}

const small = { width: 96, height: 64, fps: 30 };
const video = (source: string, more: object = {}) => ({ type: "video" as const, source: file(source), ...more });

describe("frames of a part are those of the whole, to the last bit", () => {
  test.each(["film.mp4", "quick.mkv", "camera.ts", "slides.mp4"])(
    "of %s, from its beginning and trimmed",
    async (name) => {
      const cuts = [1, 59, 61, 100, 131, 190, 191, 250, 265];
      await expectSame({ ...small, elements: [video(name)] }, cuts);
      const trimmed = video(name, { time: 0.4, trim: { start: 1.37 } });
      await expectSame({ ...small, fps: 25, elements: [trimmed] }, [9, 10, 11, 80, 120, 161]);
    },
  );

  test("while something fades, is wiped, slides, stays beneath its neighbour, or stands still", async () => {
    const effects = [
      { type: "fade_in" as const, duration: 3 },
      { type: "fade_out" as const, duration: 2.5 },
    ];
    const elements = [
      video("film.mp4", { duration: 4, effects, rotation: 20 }),
      video("film.mp4", { time: 4, duration: 3, transition: { type: "wipe_left", duration: 2 } }),
      { type: "image" as const, source: file("odd.png"), track: 2, time: 0.5, duration: 6, effects },
      { type: "text" as const, text: "Final", track: 3, time: 1, duration: 5, effects: [{ type: "blur" as const }] },
      { type: "shape" as const, track: 4, duration: 2, width: "20%" },
      {
        ...{ type: "shape" as const, track: 4, time: 2, duration: 4, color: "#0000ff", opacity: 0.5 },
        transition: { type: "slide_up" as const, duration: 1.5 },
      },
    ];
    await expectSame({ ...small, elements }, [7, 37, 60, 61, 89, 121, 140, 150, 179, 200]);
  });

  test("whatever is asked for, wherever it is cut", async () => {
    let seen = 0;
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(anyRequest, cuts, async (given, at) => {
        const elements = given.elements.map((one) => ("source" in one ? { ...one, source: file(one.source) } : one));
        const request = { ...given, output_format: "mp4", elements };
        const written = JSON.parse(JSON.stringify(request)) as RenderRequestInput & { elements: RenderElement[] };
        if (await expectSame(written, at, `any-${seen}`)) seen += 1;
      }),
      { numRuns: 30, endOnFailure: true },
    );
    expect(seen).toBeGreaterThan(3);
  }, 180_000);
});

/** Renders in parts and joins them, as agents do. */
async function joined(request: RenderRequestInput, cuts: readonly number[], name: string): Promise<string> {
  const prepared = await prepare(folder.path, request, name);
  if (!prepared.ok) throw new Error("The request is wrong.");
  const { timeline, request: parsed } = prepared.composition;
  const format: RenderFormat = parsed.output_format;
  const pictures = [];
  for (const part of rangesAt(cuts, timeline.totalFrames)) {
    const made = await render(folder.path, request, `${name}-${part.firstFrame}`, part);
    pictures.push({ path: made.ok ? made.file : "", frames: part.frames });
  }
  const sound = format === "gif" ? undefined : await render(folder.path, request, `${name}-sound`, { type: "sound" });
  const joining = {
    format,
    fps: timeline.fps,
    pictures,
    list: file(`${name}.list`),
    output: file(`${name}.${format}`),
  };
  await writeFile(joining.list, joinList(joining));
  await encode(joinArguments({ ...joining, sound: sound?.ok ? sound.file : undefined }), file(`${name}.progress`));
  return joining.output;
}

const RATE = 48_000;
async function samplesOf(path: string): Promise<Int16Array> {
  const raw = `${path}.pcm`;
  await ffmpeg(["-i", path, "-map", "a:0", "-ac", "1", "-f", "s16le", raw]);
  const bytes = await readFile(raw);
  return new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
}
const PIXELS = small.width * small.height;
async function brightnessOf(path: string): Promise<Buffer[]> {
  const raw = `${path}.gray`;
  await ffmpeg(["-i", path, "-map", "v:0", "-vsync", "passthrough", "-pix_fmt", "gray", "-f", "rawvideo", raw]);
  const bytes = await readFile(raw);
  return Array.from({ length: bytes.length / PIXELS }, (_, index) =>
    bytes.subarray(index * PIXELS, (index + 1) * PIXELS),
  );
}

/** How far the pixels of a frame are from what they should be, on average. */
const lossOf = (wanted: Buffer, got: Buffer = Buffer.alloc(0)): number =>
  wanted.reduce((sum, value, at) => sum + Math.abs(value - (got[at] ?? 255)), 0) / wanted.length;

async function decodingTimes(path: string): Promise<number[]> {
  const asked = ["-v", "error", "-select_streams", "v:0", "-show_entries", "packet=dts_time", "-of", "csv=p=0", path];
  const { stdout } = await run("ffprobe", asked, { deadlineMs: 30_000 });
  return stdout.split("\n").flatMap((line) => (line.trim() === "" ? [] : [Number.parseFloat(line)]));
}

describe("a file that is joined from parts", () => {
  const CUTS = [47, 101, 160];
  test.each(["mp4", "mov", "avi", "webm"] as const)(
    "is as %s what the whole would be",
    async (output_format) => {
      const text = {
        type: "text" as const,
        text: "Final",
        track: 2,
        effects: [{ type: "fade_in" as const, duration: 7 }],
      };
      const request = { ...small, output_format, duration: 7, elements: [video("film.mp4"), text] };
      const whole = await render(folder.path, request, `whole-${output_format}`);
      if (!whole.ok) throw new Error("The request is wrong.");
      const path = await joined(request, CUTS, `joined-${output_format}`);
      const packets = await videoPackets(path);
      expect(packets).toHaveLength(210);
      const shown = packets.toSorted((a, b) => a.time - b.time);
      expect(CUTS.map((cut) => shown[cut]?.key)).toEqual([true, true, true]);
      // Each frame at the moment that it has in the whole, in the order of decoding.
      const moments = async (of: string) => (await videoPackets(of)).map(({ time }) => time).sort((a, b) => a - b);
      const [wanted, got] = [await moments(whole.file), await moments(path)];
      expect(
        got
          .flatMap((at, index) => (Math.abs(at - (wanted[index] ?? -1)) < 0.000_01 ? [] : [[at, wanted[index]]]))
          .slice(0, 5),
      ).toEqual([]);
      const decoding = await decodingTimes(path);
      expect(decoding.every((at, index) => index === 0 || at > (decoding[index - 1] ?? 0))).toBe(true);
      const length = async (of: string) => Number((await ffprobe(of)).format.duration);
      expect(Math.abs((await length(path)) - (await length(whole.file)))).toBeLessThan(0.002);

      // What encoding costs is no more beside a seam than in the middle of the whole.
      const exact = file(`exact-${output_format}.nut`);
      const prepared = await prepare(folder.path, request, "exact");
      if (!prepared.ok) throw new Error("The request is wrong.");
      const args = compositionArguments({ ...prepared.composition, output: "none" });
      await encode(
        [
          ...args.slice(0, args.indexOf("-map")),
          ...["-map", "[picture]", "-c:v", "ffv1", exact],
          ...["-map", "[sound]", "-f", "null", "-"],
        ],
        file("exact.progress"),
      );
      const [reference, one, many] = await Promise.all([exact, whole.file, path].map((of) => brightnessOf(of)));
      expect([reference?.length, one?.length, many?.length]).toEqual([210, 210, 210]);
      const losses = [one, many].map(
        (frames) => reference?.map((frame, index) => lossOf(frame, frames?.[index])) ?? [],
      );
      expect(Math.max(...(losses[1] ?? []))).toBeLessThan(Math.max(...(losses[0] ?? [])) * 1.25 + 0.2);

      const [sound, joinedSound] = await Promise.all([samplesOf(whole.file), samplesOf(path)]);
      expect(joinedSound.length).toBe(sound.length);
      expect(Buffer.from(joinedSound.buffer).equals(Buffer.from(sound.buffer))).toBe(true);
      expect(sound.length / RATE).toBeGreaterThan(6.9);

      // From any seam on it can be played.
      for (const cut of CUTS) {
        const from = ["-ss", String(cut / 30 + 0.001), "-i", path, "-map", "v:0", "-frames:v", "1"];
        const { stderr } = await ffmpeg(["-loglevel", "warning", ...from, "-f", "null", "-"]);
        expect(stderr).toBe("");
      }
    },
    60_000,
  );

  test("is as gif the same to the last pixel", async () => {
    const request = { ...small, fps: 20, output_format: "gif" as const, duration: 4, elements: [video("film.mp4")] };
    const whole = await render(folder.path, request, "whole-gif");
    const [one, many] = await Promise.all(
      [whole.ok ? whole.file : "", await joined(request, [45], "joined-gif")].map((of) => brightnessOf(of)),
    );
    expect([one?.length, many?.length]).toEqual([80, 80]);
    expect(many?.every((frame, index) => one?.[index]?.equals(frame))).toBe(true);
  });

  test("has its index in front", async () => {
    const bytes = await readFile(file("joined-mp4.mp4"));
    expect(bytes.indexOf("moov")).toBeLessThan(bytes.indexOf("mdat"));
  });
});
