import { describe, expect, test } from "@jest/globals";
import { parseRenderRequest, type RenderRequest } from "@stream-control/protocol";
import { checkDefinition } from "../../workflows/definition.js";
import { analyze, complexityOf, definitionFor, framesOf, relaxedLimits } from "./choose.js";
import { TEMPLATES } from "./templates.js";

const request = (more: object): RenderRequest => {
  const parsed = parseRenderRequest({ width: 1280, height: 720, ...more });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  return parsed.value;
};
const shape = (duration: number, more: object = {}) => ({ type: "shape", duration, ...more });
const MINUTE = 60_000;

test("every template can be carried out", () => {
  for (const definition of Object.values(TEMPLATES)) expect(() => checkDefinition(definition)).not.toThrow();
});

describe("the complexity of a render", () => {
  test("grows with pixels, frames, elements and effects", () => {
    const of = (given: RenderRequest) => complexityOf(given, framesOf(given));
    expect(of(request({ elements: [shape(10)] }))).toBe("simple");
    expect(of(request({ elements: [shape(60)] }))).toBe("moderate");
    expect(of(request({ width: 1920, height: 1080, elements: [shape(600)] }))).toBe("complex");
    expect(of(request({ width: 3840, height: 2160, elements: [shape(600)] }))).toBe("enterprise");
    const blurred = shape(15, { effects: [{ type: "blur", intensity: 0.5 }, { type: "grayscale" }] });
    expect([of(request({ elements: [shape(15)] })), of(request({ elements: [blurred, blurred] }))]).toEqual([
      ...["simple", "moderate"],
    ]);
  });

  test("is not guessed from a source that nobody has looked into", () => {
    const given = request({ elements: [{ type: "video", source: "https://example.com/a.mp4" }] });
    expect([framesOf(given), analyze(given, null, null, 1).template]).toEqual([null, "quick_sync"]);
  });
});

describe("the template", () => {
  const long = request({ width: 1920, height: 1080, elements: [shape(600)] });
  const withEstimate = (ms: number, agents = 1) =>
    analyze(
      long,
      framesOf(long),
      { processing_ms: ms, based_on: 9, method: "median_pace", error_percent: null },
      agents,
    );

  test("follows from what the fleet has shown rather than from the complexity", () => {
    expect(analyze(long, framesOf(long), null, 1).template).toBe("resource_intensive");
    const chosen = [20_000, 5 * MINUTE, 20 * MINUTE, 60 * MINUTE].map((ms) => withEstimate(ms).template);
    expect(chosen).toEqual(["quick_sync", "balanced_async", "resource_intensive", "resource_intensive"]);
  });

  test("never gives less time than the estimate needs, or the request wants", () => {
    expect(definitionFor(long, withEstimate(60 * MINUTE)).timeoutMs).toBe(90 * MINUTE);
    expect(definitionFor({ ...long, timeout: 5 * 60 * MINUTE }, withEstimate(1000)).timeoutMs).toBe(300 * MINUTE);
    expect(definitionFor(long, withEstimate(5 * MINUTE))).toMatchObject({ timeoutMs: 15 * MINUTE });
  });
});

test("limits are relaxed by the pace, and looked at again where there is none", () => {
  expect(relaxedLimits(2 * MINUTE, 30_000, MINUTE)).toEqual({
    ...{ limits: "balanced_async", timeoutMs: 15 * MINUTE, relaxAfterMs: null },
  });
  expect(relaxedLimits(20 * MINUTE, 30_000, MINUTE)).toMatchObject({
    limits: "resource_intensive",
    timeoutMs: 45 * MINUTE,
  });
  expect(relaxedLimits(60 * MINUTE, 30_000, MINUTE)).toMatchObject({ timeoutMs: 90 * MINUTE });
  expect(relaxedLimits(undefined, 30_000, MINUTE)).toEqual({
    ...{ limits: "balanced_async", timeoutMs: 15 * MINUTE, relaxAfterMs: 90_000 },
  });
});
