import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { RenderRequestInput } from "@stream-control/protocol";
import {
  ffmpeg,
  ffprobe,
  streamOf,
  type TemporaryFolder,
  temporaryFolder,
  volumeOverTime,
} from "@stream-control/test-kit";
import { BLACK, BLUE, GREEN, RED, rendered, WHITE } from "./render-kit.js";

let folder: TemporaryFolder;
const file = (name: string) => join(folder.path, name);

beforeAll(async () => {
  folder = await temporaryFolder();
  // A second of red, green and blue each, with a tone in the middle one alone.
  const colors = ["red", "lime", "blue"].map((color) => `color=${color}:s=64x48:r=25:d=1,format=yuv444p`);
  await ffmpeg([
    ...colors.flatMap((color) => ["-f", "lavfi", "-i", color]),
    ...["-f", "lavfi", "-i", "sine=frequency=1000:sample_rate=48000:duration=3,volume=4:enable='between(t,1,2)'"],
    ...["-filter_complex", "[0][1][2]concat=n=3[v];[3]volume=0:enable='not(between(t,1,2))'[a]"],
    ...["-map", "[v]", "-map", "[a]", "-c:v", "libx264", "-qp", "0", "-c:a", "aac", file("rgb.mp4")],
  ]);
  await ffmpeg(["-f", "lavfi", "-i", "color=lime:s=40x20,format=rgb24", "-frames:v", "1", file("wide.png")]);
  await ffmpeg(["-f", "lavfi", "-i", "sine=frequency=500:sample_rate=44100:duration=4", file("tone.wav")]);
});
afterAll(() => folder.remove());

const canvas = { width: 160, height: 120, fps: 20 };
const seconds = async (path: string) => Number((await ffprobe(path)).format.duration);

describe("a picture", () => {
  test("is where its box is, in percent and in pixels, and nowhere else", async () => {
    const picture = await rendered(folder.path, {
      ...canvas,
      duration: 0.5,
      background: "#0000ff",
      elements: [
        { type: "shape", color: "#ff0000", x: "50%", y: 0, width: "25%", height: "50%" },
        { type: "shape", color: "#00ff00", x: "10px", y: 80, width: 20, height: "20" },
      ],
    });
    expect(picture.frames).toBe(10);
    expect([picture.is(5, 82, 2, RED), picture.is(5, 117, 57, RED), picture.is(5, 76, 30, BLUE)]).toEqual([
      true,
      true,
      true,
    ]);
    expect([picture.is(5, 124, 30, BLUE), picture.is(5, 100, 64, BLUE)]).toEqual([true, true]);
    expect([picture.is(5, 20, 90, GREEN), picture.is(5, 6, 90, BLUE), picture.is(5, 34, 90, BLUE)]).toEqual([
      true,
      true,
      true,
    ]);
  });

  test("is contained, covers, or fills its box as it is told", async () => {
    const box = { type: "image", source: file("wide.png"), y: 10, width: 40, height: 40 } as const;
    const picture = await rendered(folder.path, {
      ...canvas,
      duration: 0.2,
      elements: [
        { ...box, x: 0 },
        { ...box, x: 50, fit_mode: "cover" },
        { ...box, x: 100, fit_mode: "fill" },
      ],
    });
    const seen = (x: number) => [picture.is(2, x, 15, GREEN), picture.is(2, x, 30, GREEN), picture.is(2, x, 45, GREEN)];
    expect([seen(20), seen(70), seen(120)]).toEqual([
      [false, true, false],
      [true, true, true],
      [true, true, true],
    ]);
  });

  test("lies above what has a lower track, whatever the order of the list", async () => {
    const full = { type: "shape", duration: 0.2 } as const;
    const picture = await rendered(folder.path, {
      ...canvas,
      elements: [
        { ...full, track: 2, color: "#ff0000", width: "50%" },
        { ...full, track: 1, color: "#00ff00" },
      ],
    });
    expect([picture.is(1, 40, 60, RED), picture.is(1, 120, 60, GREEN)]).toEqual([true, true]);
  });

  test("turns around its middle, clockwise", async () => {
    const picture = await rendered(folder.path, {
      ...canvas,
      duration: 0.2,
      elements: [
        { type: "shape", x: 20, y: 50, width: 40, height: 10, rotation: 90 },
        { type: "shape", x: 100, y: 40, width: 30, height: 30, rotation: 45 },
      ],
    });
    expect([picture.is(1, 40, 38, WHITE), picture.is(1, 40, 72, WHITE), picture.is(1, 24, 55, BLACK)]).toEqual([
      true,
      true,
      true,
    ]);
    // The corners of the turned square stick out, those of the square are gone.
    expect([picture.is(1, 115, 38, WHITE), picture.is(1, 102, 42, BLACK)]).toEqual([true, true]);
  });

  test("can be seen through, is an ellipse, and has its colours changed", async () => {
    const box = { type: "shape", y: 20, width: 20, height: 20 } as const;
    const picture = await rendered(folder.path, {
      ...canvas,
      duration: 0.2,
      elements: [
        { ...box, x: 0, opacity: 0.5 },
        { ...box, x: 40, shape: "ellipse" },
        { ...box, x: 80, color: "#404040", effects: [{ type: "brightness", intensity: 0.25 }] },
        { ...box, x: 120, color: "#ff0000", effects: [{ type: "grayscale" }] },
        { ...box, x: 0, y: 80, color: "#a0a0a0", effects: [{ type: "contrast", intensity: 1 }] },
      ],
    });
    expect(picture.is(1, 10, 30, [128, 128, 128])).toBe(true);
    expect([picture.is(1, 50, 30, WHITE), picture.is(1, 41, 21, BLACK)]).toEqual([true, true]);
    expect(picture.is(1, 90, 30, [128, 128, 128])).toBe(true);
    expect(picture.is(1, 130, 30, [54, 54, 54])).toBe(true);
    expect(picture.is(1, 10, 90, [192, 192, 192])).toBe(true);
  });

  test("that is blurred runs over its edge inside its box", async () => {
    const still = {
      type: "image",
      source: file("wide.png"),
      width: 80,
      height: 80,
      x: 40,
      y: 20,
      duration: 0.2,
    } as const;
    const picture = await rendered(folder.path, { ...canvas, elements: [{ ...still, effects: [{ type: "blur" }] }] });
    const [, edge] = picture.at(1, 80, 38);
    expect(edge).toBeGreaterThan(15);
    expect(edge).toBeLessThan(200);
  });

  test("of text has its letters in its box", async () => {
    const text = { type: "text", text: "HHHH: 50% 'x' \\n [a];b,c", font_size: 10, color: "#ff0000" } as const;
    const picture = await rendered(folder.path, {
      ...canvas,
      duration: 0.2,
      elements: [
        { ...text, align: "left", vertical_align: "top", x: 0, y: 60, height: 30 },
        { type: "text", text: "██", font_size: "50%", color: "#00ff00", x: "50%", height: "50%", width: "50%" },
      ],
    });
    const reds = (fromY: number, toY: number) => {
      let count = 0;
      for (let y = fromY; y < toY; y += 1)
        for (let x = 0; x < 160; x += 1) if (picture.at(1, x, y)[0] > 100) count += 1;
      return count;
    };
    expect([reds(58, 80) > 60, reds(90, 120)]).toEqual([true, 0]);
    expect(picture.is(1, 120, 30, GREEN, 30)).toBe(true);
  });
});

describe("time", () => {
  test("begins and ends to the frame", async () => {
    const picture = await rendered(folder.path, {
      ...canvas,
      duration: 2,
      elements: [
        { type: "shape", time: 0.5, duration: 0.25, color: "#ff0000" },
        { type: "image", source: file("wide.png"), fit_mode: "fill", start_time: 0.75, duration: 0.5 },
        { type: "video", source: file("rgb.mp4"), fit_mode: "fill", time: 1.5, duration: 0.25 },
      ],
    });
    const colors = Array.from(
      { length: picture.frames },
      (_, frame) =>
        [
          ["r", RED],
          ["g", GREEN],
          ["k", BLACK],
        ].find(([, color]) => picture.is(frame, 80, 60, color as typeof RED, 20))?.[0],
    );
    expect(colors.join("")).toBe(
      `${"k".repeat(10)}${"r".repeat(5)}${"g".repeat(10)}${"k".repeat(5)}${"r".repeat(5)}${"k".repeat(5)}`,
    );
  });

  test("of a video is its own, trimmed where it is asked for, at any rate of frames", async () => {
    const source = file("rgb.mp4");
    const whole = await rendered(
      folder.path,
      { width: 64, height: 48, elements: [{ type: "video", source }] },
      "whole",
    );
    expect([whole.frames, whole.is(29, 32, 24, RED, 20), whole.is(30, 32, 24, GREEN, 20)]).toEqual([90, true, true]);
    expect([whole.is(59, 32, 24, GREEN, 20), whole.is(60, 32, 24, BLUE, 20)]).toEqual([true, true]);
    const part = await rendered(
      folder.path,
      { width: 64, height: 48, fps: 25, elements: [{ type: "video", source, trim: { start: 0.8, end: 2.4 } }] },
      "part",
    );
    expect([part.frames, part.is(4, 32, 24, RED, 20), part.is(5, 32, 24, GREEN, 20)]).toEqual([40, true, true]);
    expect([part.is(29, 32, 24, GREEN, 20), part.is(30, 32, 24, BLUE, 20), part.is(39, 32, 24, BLUE, 20)]).toEqual([
      true,
      true,
      true,
    ]);
  });

  test("fades in and out over what lies below", async () => {
    const effects = [
      { type: "fade_in", duration: 0.5 },
      { type: "fade_out", duration: 0.5 },
    ] as const;
    const picture = await rendered(folder.path, {
      ...canvas,
      duration: 2,
      elements: [{ type: "shape", time: 0.5, duration: 1.5, effects: [...effects] }],
    });
    const light = (frame: number) => picture.at(frame, 80, 60)[0];
    expect([light(9), light(10), light(25), light(39)].map((value) => Math.floor(value / 26))).toEqual([0, 0, 9, 0]);
    expect([light(15) > 90 && light(15) < 165, light(35) > 90 && light(35) < 165]).toEqual([true, true]);
  });
});

describe("a transition", () => {
  const RED_FIRST = { type: "shape", color: "#ff0000", duration: 1 } as const;
  const GREEN_THEN = { type: "shape", color: "#00ff00", time: 1, duration: 1 } as const;

  test("fades an element in over its neighbour, which stays until it is there", async () => {
    const transition = { type: "fade", duration: 0.5 } as const;
    const picture = await rendered(folder.path, { ...canvas, elements: [RED_FIRST, { ...GREEN_THEN, transition }] });
    expect([picture.frames, picture.is(19, 80, 60, RED), picture.is(30, 80, 60, GREEN)]).toEqual([40, true, true]);
    const [red, green, blue] = picture.at(25, 80, 60);
    expect([red > 90 && red < 165, green > 90 && green < 165, blue < 12]).toEqual([true, true, true]);
  });

  test("wipes and slides in the direction of its name", async () => {
    const transition = { type: "wipe_left", duration: 0.5 } as const;
    const wiped = await rendered(
      folder.path,
      { ...canvas, elements: [RED_FIRST, { ...GREEN_THEN, transition }] },
      "wiped",
    );
    expect([wiped.is(19, 150, 60, RED), wiped.is(25, 40, 60, RED), wiped.is(25, 120, 60, GREEN)]).toEqual([
      true,
      true,
      true,
    ]);
    expect([wiped.is(31, 4, 60, GREEN), wiped.frames]).toEqual([true, 40]);
    const video = {
      type: "video",
      source: file("rgb.mp4"),
      trim: { start: 1 },
      fit_mode: "fill",
      time: 1,
      duration: 1,
    } as const;
    const slid = await rendered(
      folder.path,
      { ...canvas, elements: [RED_FIRST, { ...video, transition: { type: "slide_down", duration: 0.5 } }] },
      "slid",
    );
    expect([slid.is(25, 80, 20, GREEN, 20), slid.is(25, 80, 100, RED, 20), slid.is(31, 80, 110, GREEN, 20)]).toEqual([
      true,
      true,
      true,
    ]);
  });

  test("lets a video go on beneath its neighbour, and its sound go out while the other comes in", async () => {
    const video = { type: "video", source: file("rgb.mp4"), fit_mode: "fill" } as const;
    const picture = await rendered(folder.path, {
      ...canvas,
      elements: [
        { ...video, trim: { start: 0.5, end: 1.25 } },
        { ...GREEN_THEN, color: "#0000ff", time: 0.75, x: "50%", transition: { type: "fade", duration: 0.5 } },
      ],
    });
    // Green begins at 0.5 s and goes on until 1.25 s, where the neighbour is there.
    expect([
      picture.is(9, 20, 60, RED, 20),
      picture.is(10, 20, 60, GREEN, 20),
      picture.is(24, 20, 60, GREEN, 20),
    ]).toEqual([true, true, true]);
    expect([picture.is(25, 20, 60, BLACK, 20), picture.is(25, 120, 60, BLUE, 20)]).toEqual([true, true]);
    const loud = (await volumeOverTime(picture.file)).filter(({ rmsDb }) => rmsDb > -60).map(({ time }) => time);
    expect([Math.min(...loud) >= 0.4, Math.max(...loud) >= 1, Math.max(...loud) <= 1.25]).toEqual([true, true, true]);
  });
});

describe("sound", () => {
  const level = async (path: string, from: number, to: number) => {
    const within = (await volumeOverTime(path)).filter(({ time }) => time >= from && time <= to - 0.1);
    return Math.max(...within.map(({ rmsDb }) => rmsDb));
  };

  test("is heard while it is on, as loud as it is told, and mixed", async () => {
    const tone = { type: "audio", source: file("tone.wav") } as const;
    const { file: path } = await rendered(folder.path, {
      ...canvas,
      duration: 4,
      elements: [
        { ...tone, time: 1, duration: 2 },
        { ...tone, time: 2, duration: 1, volume: 0.5, trim: { start: 1 } },
        { type: "shape" },
      ],
    });
    const one = await level(path, 1.1, 1.9);
    expect(await level(path, 0.1, 0.9)).toBeLessThan(-60);
    expect(one).toBeGreaterThan(-25);
    // The same tone half as loud on top is 3.5 dB more.
    expect((await level(path, 2.1, 2.9)) - one).toBeCloseTo(3.5, 0);
    expect(await level(path, 3.1, 3.9)).toBeLessThan(-60);
    const media = await ffprobe(path);
    expect(Number(streamOf(media, "audio").duration)).toBeCloseTo(4, 1);
  });

  test("of a video is in sync with it, and silent at volume 0", async () => {
    const video = { type: "video", source: file("rgb.mp4"), time: 0.5 } as const;
    const { file: path } = await rendered(folder.path, { ...canvas, elements: [video] });
    expect(await level(path, 0.6, 1.4)).toBeLessThan(-60);
    expect(await level(path, 1.6, 2.4)).toBeGreaterThan(-20);
    expect(await level(path, 2.6, 3.4)).toBeLessThan(-60);
    const { file: silent } = await rendered(folder.path, { ...canvas, elements: [{ ...video, volume: 0 }] }, "silent");
    expect((await ffprobe(silent)).streams.map(({ codec_type }) => codec_type)).toEqual(["video"]);
  });
});

test.each([
  ["mp4", "h264", "aac"],
  ["mov", "h264", "aac"],
  ["avi", "mpeg4", "mp3"],
  ["webm", "vp9", "opus"],
  ["gif", "gif", undefined],
] as const)("%s has %s and %s, and every frame", async (output_format, picture, sound) => {
  const request: RenderRequestInput = {
    ...{ width: 64, height: 48, fps: 25, output_format },
    elements: [{ type: "video", source: file("rgb.mp4"), trim: { start: 0.5, duration: 1.2 } }],
  };
  const result = await rendered(folder.path, request, `as-${output_format}`);
  expect([result.frames, result.is(5, 32, 24, RED, 24), result.is(20, 32, 24, GREEN, 24)]).toEqual([30, true, true]);
  const media = await ffprobe(result.file);
  expect(media.streams.map(({ codec_name }) => codec_name)).toEqual([picture, ...(sound === undefined ? [] : [sound])]);
  expect(await seconds(result.file)).toBeCloseTo(1.2, 1);
});
