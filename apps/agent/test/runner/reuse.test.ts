import { describe, expect, test } from "@jest/globals";
import { parseRenderRequest, type RenderRequest, renderTimeline } from "@stream-control/protocol";
import fc from "fast-check";
import { segmentsOf, soundFingerprint, wholeFingerprint } from "../../src/runner/render/reuse/fingerprint.js";
import { planPieces } from "../../src/runner/render/reuse/plan.js";

const FACTS = { hasVideo: true, hasAudio: true, durationSeconds: 20 };
const ingredients = { encoder: "5.1", contentOf: (source: string) => `content of ${source}` };

function composed(given: object) {
  const parsed = parseRenderRequest({ width: 64, height: 48, fps: 20, ...given });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  const timeline = renderTimeline(parsed.value, () => FACTS);
  if (!timeline.ok) throw new Error(JSON.stringify(timeline.issues));
  return [parsed.value, timeline.value] as const;
}
const segments = (given: object, of = ingredients) => segmentsOf(...composed(given), of);
const whole = (given: object, of = ingredients) => {
  const [request, timeline] = composed(given);
  return wholeFingerprint(request, undefined, timeline, of);
};

const video = { type: "video", source: "a.mp4" };
const text = (words: string, time: number, more: object = {}) => ({
  ...{ type: "text", text: words, track: 2, time, duration: 2, ...more },
});

describe("segments", () => {
  test("begin and end where elements do, cover every frame once, and are never shorter than half a second", () => {
    const element = fc.record({ time: fc.nat(100), duration: fc.integer({ min: 1, max: 100 }), track: fc.nat(3) });
    fc.assert(
      fc.property(fc.array(element, { minLength: 1, maxLength: 20 }), (elements) => {
        const shapes = elements.map(({ time, duration, track }) => {
          return { type: "shape", time: time / 20, duration: duration / 20, track };
        });
        const [request, timeline] = composed({ elements: shapes });
        const found = segmentsOf(request, timeline, ingredients);
        let frame = 0;
        for (const { firstFrame, frames } of found) {
          expect(firstFrame).toBe(frame);
          frame += frames;
          if (found.length > 1) expect(frames).toBeGreaterThanOrEqual(10);
        }
        expect(frame).toBe(timeline.totalFrames);
      }),
    );
  });

  test("change with what is seen in them, and with nothing else", () => {
    const elements = [video, text("one", 2), text("two", 8)];
    const before = segments({ elements });
    expect(before.map(({ firstFrame }) => firstFrame)).toEqual([0, 40, 80, 160, 200]);
    const changedIn = (given: object, of = ingredients) =>
      segments(given, of).flatMap(({ fingerprint }, index) =>
        fingerprint === before[index]?.fingerprint ? [] : [index],
      );
    expect(changedIn({ elements, id: "x", metadata: { a: 1 }, timeout: 5000, priority: "high" })).toEqual([]);
    expect(changedIn({ elements: [{ ...video, id: "v", volume: 0.5, track: 1 }, ...elements.slice(1)] })).toEqual([]);
    expect(changedIn({ elements: [video, text("one", 2), text("three", 8)] })).toEqual([3]);
    expect(changedIn({ elements: [video, text("one", 2, { color: "#ff0000" }), text("two", 8)] })).toEqual([1]);
    expect(changedIn({ elements: [video, text("one", 2), text("two", 8, { track: 0 })] })).toEqual([3]);
    const all = [0, 1, 2, 3, 4];
    expect(changedIn({ elements }, { ...ingredients, encoder: "7.0" })).toEqual(all);
    expect(changedIn({ elements }, { ...ingredients, contentOf: () => "another" })).toEqual(all);
    for (const other of [{ width: 66 }, { background: "#ffffff" }, { output_format: "mov" }])
      expect(changedIn({ elements, ...other })).toEqual(all);
  });

  test("are the same wherever they lie on the timeline", () => {
    const [, first] = segments({ elements: [text("one", 2)] });
    const [, , later] = segments({ elements: [{ type: "shape", duration: 3 }, text("one", 5)], duration: 9 });
    expect([first?.fingerprint, later]).toMatchObject([expect.any(String), expect.anything()]);
    expect(later?.fingerprint).toBe(segments({ elements: [text("one", 7)], duration: 12 })[1]?.fingerprint);
  });
});

test("a film is known again by what is seen and heard in it", () => {
  const request = { elements: [video, text("one", 2)] };
  expect(whole({ ...request, id: "a" })).toBe(whole({ ...request, id: "b", timeout: 9000 }));
  const louder = { elements: [{ ...video, volume: 2 }, text("one", 2)] };
  expect(whole(louder)).not.toBe(whole(request));
  const sound = (given: object) => soundFingerprint(...(composed(given) as [RenderRequest, never]), ingredients);
  expect(sound({ elements: [video, text("two", 2)] })).toBe(sound(request));
  expect(sound(louder)).not.toBe(sound(request));
});

test("pieces are put together from as few films and programs as there can be, where that is worth it", () => {
  const parts = [0, 1, 2, 3].map((index) => ({ fingerprint: `${index}`, firstFrame: index * 10, frames: 10 }));
  const at = (film: string, firstFrame: number) => ({ film, firstFrame, frames: 10 });
  expect(planPieces(parts, [at("a", 0), at("a", 10), undefined, at("a", 30)])).toEqual([
    { type: "cut", film: "a", firstFrame: 0, frames: 20 },
    { type: "encode", firstFrame: 20, frames: 10 },
    { type: "cut", film: "a", firstFrame: 30, frames: 10 },
  ]);
  expect(planPieces(parts, [undefined, undefined, at("b", 70), at("a", 80)])).toEqual([
    { type: "encode", firstFrame: 0, frames: 20 },
    { type: "cut", film: "b", firstFrame: 70, frames: 10 },
    { type: "cut", film: "a", firstFrame: 80, frames: 10 },
  ]);
  expect(planPieces(parts, [undefined, undefined, undefined, undefined])).toBeUndefined();
});
