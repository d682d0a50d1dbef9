import { expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  chunkCount,
  parseRenderRequest,
  planChunks,
  type RenderRequest,
  type RenderTimeline,
  renderTimeline,
} from "../src/index.js";

const seconds = fc.integer({ min: 1, max: 600 }).map((value) => value / 10);
const placed = { time: fc.option(seconds, { nil: undefined }), track: fc.integer({ min: 0, max: 3 }) };
const length = fc.integer({ min: 1, max: 300 }).map((value) => `${value}%`);
const element = fc.oneof(
  fc.record({
    ...{ type: fc.constantFrom("shape", "text"), text: fc.constant("a"), ...placed, duration: seconds, width: length },
    effects: fc.array(fc.record({ type: fc.constantFrom("fade_in", "fade_out"), duration: seconds }), { maxLength: 2 }),
    transition: fc.option(fc.record({ type: fc.constantFrom("fade", "wipe_left"), duration: seconds }), {
      nil: undefined,
    }),
  }),
  fc.record({ type: fc.constant("video"), source: fc.constant("a.mp4"), ...placed, rotation: fc.constantFrom(0, 30) }),
);
const composition = fc
  .record({
    ...{
      width: fc.constantFrom(640, 1920),
      height: fc.constantFrom(360, 1080),
      fps: fc.constantFrom(1, 10, 24, 30, 120),
    },
    elements: fc.array(element, { minLength: 1, maxLength: 6 }),
  })
  .map((given) => timed(withoutStrangers(given)));

/** A text has `text`, a shape has not. */
const withoutStrangers = <T extends { elements: Record<string, unknown>[] }>(given: T): T =>
  JSON.parse(JSON.stringify(given, (key, value) => (key === "text" && value === "a" ? undefined : value))) as T;

function timed(given: object): { request: RenderRequest; timeline: RenderTimeline } {
  const elements = (given as { elements: Record<string, unknown>[] }).elements.map((one) =>
    one.type === "text" ? { ...one, text: "a" } : one,
  );
  const parsed = parseRenderRequest({ ...given, elements });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  const timeline = renderTimeline(parsed.value, () => ({ hasVideo: true, hasAudio: false, durationSeconds: 33 }));
  if (!timeline.ok) throw new Error(JSON.stringify(timeline.issues));
  return { request: parsed.value, timeline: timeline.value };
}

test("chunks have every frame once, in order, none too short, and all of the work", () => {
  fc.assert(
    fc.property(composition, fc.integer({ min: 1, max: 40 }), ({ request, timeline }, count) => {
      const chunks = planChunks(request, timeline, count);
      let next = 0;
      for (const { firstFrame, frames, share } of chunks) {
        expect(firstFrame).toBe(next);
        expect(Number.isInteger(frames)).toBe(true);
        expect(frames).toBeGreaterThanOrEqual(Math.min(timeline.totalFrames, 2 * timeline.fps));
        expect(share).toBeGreaterThan(0);
        next += frames;
      }
      expect(next).toBe(timeline.totalFrames);
      expect(chunks.length).toBeLessThanOrEqual(count);
      expect(chunks.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 6);
    }),
  );
});

test("cuts lie where the work is equal, and not where the frames are", () => {
  const { request, timeline } = timed({
    ...{ width: 1280, height: 720, duration: 100 },
    elements: [{ type: "video", source: "a.mp4", time: 60, trim: { duration: 33 } }],
  });
  const chunks = planChunks(request, timeline, 4);
  for (const { share } of chunks) expect(share).toBeCloseTo(0.25, 1);
  expect(chunks[0]?.frames).toBeGreaterThan((chunks[2]?.frames ?? 0) * 1.8);
});

test("a cut goes to where something begins anyway, where that is near", () => {
  const shapes = [0, 49].map((time) => ({ type: "shape", time, duration: 1000, width: "10%" }));
  const { request, timeline } = timed({ width: 640, height: 360, duration: 100, elements: shapes });
  expect(planChunks(request, timeline, 2).map(({ firstFrame }) => firstFrame)).toEqual([0, 49 * 30]);
});

test("what is small is not cut, and what is large is cut for every agent", () => {
  const of = (duration: number) =>
    timed({ width: 640, height: 360, duration, elements: [{ type: "shape", duration }] }).timeline;
  expect(chunkCount(of(600), 1, 600_000)).toBe(1);
  expect(chunkCount(of(3), 8, undefined)).toBe(1);
  expect(chunkCount(of(600), 2, undefined)).toBe(4);
  expect(chunkCount(of(600), 2, 20_000)).toBe(2);
  expect(chunkCount(of(600), 2, 600_000)).toBe(6);
  expect(chunkCount(of(14_400), 100, 60_000_000)).toBe(64);
});
