import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { parseRenderRequest, type RenderElement, type RenderRequestInput } from "@stream-control/protocol";
import { ffmpeg, ffprobe, type TemporaryFolder, temporaryFolder, videoPackets } from "@stream-control/test-kit";
import fc from "fast-check";
import { render } from "./render-kit.js";

let folder: TemporaryFolder;
const file = (name: string) => join(folder.path, name);

beforeAll(async () => {
  folder = await temporaryFolder();
  await ffmpeg([
    ...["-f", "lavfi", "-i", "testsrc2=s=90x50:r=24:d=1", "-f", "lavfi", "-i", "sine=d=1"],
    ...["-shortest", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", file("clip.mp4")],
  ]);
  await ffmpeg(["-f", "lavfi", "-i", "testsrc2=s=33x17", "-frames:v", "1", file("odd.png")]);
  await ffmpeg(["-f", "lavfi", "-i", "sine=d=0.7", file("tone.wav")]);
});
afterAll(() => folder.remove());

const short = fc.integer({ min: 0, max: 40 }).map((value) => value / 37);
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const length = fc.oneof(
  fc.integer({ min: -40, max: 120 }),
  fc.integer({ min: -50, max: 200 }).map((value) => `${value / 2}%`),
);
const fades = fc.record({
  type: fc.constantFrom("fade_in" as const, "fade_out" as const),
  duration: fc.constantFrom(0.01, 0.2, 9),
});
const effects = fc.array(
  fc.oneof(
    fades,
    fc.record({ type: fc.constant("blur" as const), intensity: fc.constantFrom(0, 0.3, 1) }),
    fc.record({
      type: fc.constantFrom("brightness" as const, "contrast" as const, "saturation" as const),
      intensity: fc.constantFrom(-1, -0.3, 0, 0.7, 1),
    }),
    fc.record({ type: fc.constant("grayscale" as const) }),
  ),
  { maxLength: 3 },
);
const timing = { time: maybe(short), duration: maybe(short), track: fc.integer({ min: 0, max: 3 }) };
const placing = {
  ...{ x: length, y: length, width: length, height: length, effects },
  opacity: fc.constantFrom(0, 0.4, 1),
  rotation: fc.constantFrom(0, 90, -180, 270, 33.3, -400),
  transition: maybe(
    fc.record({
      type: fc.constantFrom("fade" as const, "wipe_left" as const, "wipe_down" as const, "slide_up" as const),
      duration: fc.constantFrom(0.01, 0.3, 5),
    }),
  ),
};
const trim = fc.record({ start: short, duration: maybe(short) });
const fit = fc.constantFrom("auto" as const, "contain" as const, "cover" as const, "fill" as const);
const volume = fc.constantFrom(0, 0.5, 1, 10);
const element = fc.oneof(
  fc.record({
    type: fc.constant("video" as const),
    source: fc.constant("clip.mp4"),
    ...timing,
    ...placing,
    trim: maybe(trim),
    fit_mode: fit,
    volume,
  }),
  fc.record({
    type: fc.constant("image" as const),
    source: fc.constant("odd.png"),
    ...timing,
    ...placing,
    fit_mode: fit,
  }),
  fc.record({
    type: fc.constant("audio" as const),
    source: fc.constant("tone.wav"),
    ...timing,
    trim: maybe(trim),
    volume,
    effects: fc.array(fades, { maxLength: 2 }),
  }),
  fc.record({
    type: fc.constant("text" as const),
    text: fc.string({ minLength: 1, maxLength: 20 }),
    font_size: length,
    ...timing,
    ...placing,
  }),
  fc.record({
    type: fc.constant("shape" as const),
    shape: fc.constantFrom("rectangle" as const, "ellipse" as const),
    ...timing,
    ...placing,
  }),
);
const request = fc.record({
  width: fc.integer({ min: 8, max: 40 }).map((value) => value * 2),
  height: fc.integer({ min: 8, max: 30 }).map((value) => value * 2),
  fps: fc.constantFrom(10, 20, 25),
  output_format: fc.constantFrom("mp4" as const, "mov" as const, "avi" as const, "webm" as const, "gif" as const),
  duration: maybe(fc.constantFrom(0.05, 0.4, 1)),
  elements: fc.array(element, { minLength: 1, maxLength: 4 }),
});

test("any request is rendered to its last frame, or refused with what is wrong", async () => {
  let rendered = 0;
  await fc.assert(
    fc.asyncProperty(request, async (given) => {
      const elements = given.elements.map((one) => ("source" in one ? { ...one, source: file(one.source) } : one));
      const written = JSON.parse(JSON.stringify({ ...given, elements })) as RenderRequestInput & {
        elements: RenderElement[];
      };
      const result = await render(folder.path, written, `any-${rendered}`);
      if (!result.ok) {
        expect(result.issues.length).toBeGreaterThan(0);
        expect(result.issues.every(({ path }) => path !== "")).toBe(true);
        return;
      }
      rendered += 1;
      expect((await videoPackets(result.file)).length).toBe(result.totalFrames);
      expect((await ffprobe(result.file)).streams[0]?.width).toBe(given.width);
    }),
    // Shrinking renders a hundred times; the seed finds it again.
    { numRuns: 60, endOnFailure: true },
  );
  expect(rendered).toBeGreaterThan(3);
}, 180_000);

test("whatever comes is parsed to a request or to issues", () => {
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), fc.record({ elements: fc.array(fc.jsonValue()) })), (given) => {
      const parsed = parseRenderRequest(given);
      expect(parsed.ok || parsed.issues.length > 0).toBe(true);
    }),
  );
});

test("every mistake is told at once, with its path", () => {
  const parsed = parseRenderRequest({
    ...{ width: 101, height: 100, callback_url: "https://example.com", priority: "high" },
    elements: [
      { type: "video", source: "ftp://example.com/a.mp4", x: "10em", transitions: [] },
      { type: "text", text: "", time: 1, start_time: 2 },
      { type: "clown" },
      { type: "audio", source: "a.wav", trim: { start: 3, end: 2 }, effects: [{ type: "blur" }] },
    ],
  });
  expect(parsed.ok ? [] : parsed.issues.map(({ path }) => path).sort()).toEqual(
    ["width", "callback_url", "priority", "elements.0.source", "elements.0.x", "elements.0.transitions"]
      .concat([
        "elements.1.text",
        "elements.1.start_time",
        "elements.2.type",
        "elements.3.trim.end",
        "elements.3.effects.0.type",
      ])
      .sort(),
  );
});
