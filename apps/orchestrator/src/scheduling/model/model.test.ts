import { describe, expect, test } from "@jest/globals";
import { renderRequestSchema } from "@stream-control/protocol";
import fc from "fast-check";
import { normal, seededRandom } from "../simulation/random.js";
import { pixelsOf, RENDER_FEATURES, renderFeatures, withJobsBeside } from "./render-features.js";
import { RenderTimeModel } from "./render-time-model.js";
import { fitRidge, type Observation } from "./ridge.js";

const configOf = (request: object) => ({ kind: "render", request: renderRequestSchema.parse(request) });
const shape = { type: "shape", duration: 1 };
const film = (width: number, height: number, seconds: number) =>
  configOf({ width, height, duration: seconds, elements: [shape] });
const SPEEDS = { fast: 2000, middle: 1000, slow: 250 };
type Name = keyof typeof SPEEDS;
const NAMES = Object.keys(SPEEDS) as Name[];

/** What a fleet does that takes 400 ms and then so many pixels a millisecond, with some noise. */
function fleet(renders: number, noise: number, random = seededRandom(7)) {
  return Array.from({ length: renders }, () => {
    const agentId = NAMES[Math.floor(random() * NAMES.length)] ?? "fast";
    const features =
      renderFeatures(film(320 * (1 + Math.floor(random() * 6)), 360, 1 + Math.floor(random() * 60))) ?? [];
    const ms = (400 + pixelsOf(features) / SPEEDS[agentId]) * Math.exp(noise * normal(random));
    return { features, agentId, beside: 0, ms };
  });
}

describe("the regression", () => {
  const observation: fc.Arbitrary<Observation> = fc.record({
    x: fc.tuple(fc.double({ min: -5, max: 5, noNaN: true }), fc.double({ min: -5, max: 5, noNaN: true })),
    group: fc.constantFrom("a", "b", "c"),
    y: fc.double({ min: -10, max: 10, noNaN: true }),
    weight: fc.double({ min: 0.1, max: 1, noNaN: true }),
  });

  test("is where its penalised error is smallest: no step aside makes it smaller", () => {
    const cost = (observations: readonly Observation[], fit: (o: Observation) => number, penalty: number) =>
      observations.reduce((sum, o) => sum + o.weight * (o.y - fit(o)) ** 2, 0) + penalty;
    fc.assert(
      fc.property(fc.array(observation, { minLength: 4, maxLength: 30 }), (observations) => {
        const fit = fitRidge(observations, 1, 2);
        const base = (o: Observation) => fit.predict(o.x)(o.group);
        const effects = [...fit.groups.values()].map(({ effect }) => effect);
        const squares = (values: readonly number[]) => values.reduce((sum, value) => sum + value * value, 0);
        const best = cost(observations, base, squares(fit.coefficients) + 2 * squares(effects));
        for (const [group, { effect }] of fit.groups)
          for (const step of [-0.01, 0.01]) {
            const moved = effects.map((value) => (value === effect ? value + step : value));
            if (new Set(effects).size < effects.length) continue;
            const there = cost(
              observations,
              (o) => base(o) + (o.group === group ? step : 0),
              squares(fit.coefficients) + 2 * squares(moved),
            );
            expect(there).toBeGreaterThanOrEqual(best - 1e-9);
          }
      }),
    );
  });

  test("says of each observation what a fit without it says, but for its share in the means", () => {
    const random = seededRandom(3);
    const observations = Array.from({ length: 60 }, (_, n) => {
      const x = [normal(random), normal(random)];
      return {
        x,
        group: n % 3 === 0 ? "a" : "b",
        y: 2 * (x[0] ?? 0) + (n % 3 === 0 ? 1 : 0) + 0.3 * normal(random),
        weight: 1,
      };
    });
    const { leftOut } = fitRidge(observations, 1, 1);
    for (const n of [0, 7, 30, 59]) {
      const one = observations[n] as Observation;
      const without = fitRidge(
        observations.filter((_, index) => index !== n),
        1,
        1,
      );
      expect(leftOut[n]).toBeCloseTo(one.y - without.predict(one.x)(one.group), 1);
    }
  });
});

describe("the model of renders", () => {
  test("knows after some renders which agent takes how long for one that it has not seen, and how wrong it is", () => {
    const model = new RenderTimeModel();
    for (const render of fleet(200, 0.1)) model.learn(render);
    const { state } = model;
    expect(state).toMatchObject({ ready: true, basedOn: 200 });
    if (!state.ready) return;
    expect(state.errorPercent).toBeLessThan(20);
    const predict = model.predict(renderFeatures(film(1280, 360, 45)) ?? []);
    const [fast, slow] = [predict?.("fast", 0).ms ?? 0, predict?.("slow", 0).ms ?? 0];
    expect(slow / fast).toBeGreaterThan(5);
    expect(slow / fast).toBeLessThan(11);
    // An agent that is new is taken for one like the others.
    const stranger = predict?.("stranger", 0).ms ?? 0;
    expect(stranger).toBeGreaterThan(fast);
    expect(stranger).toBeLessThan(slow);
    expect(model.agents.get("slow")?.timesAsLong).toBeGreaterThan(2);
    expect(model.coefficients).toHaveLength(RENDER_FEATURES.length);
  });

  test("gives a range that eight of ten renders stay in that it has not seen", () => {
    const model = new RenderTimeModel();
    const all = fleet(700, 0.25, seededRandom(11));
    for (const render of all.slice(0, 400)) model.learn(render);
    const inside = all.slice(400).filter(({ features, agentId, ms }) => {
      const range = model.predict(features)?.(agentId, 0);
      return range !== undefined && ms >= range.p10 && ms <= range.p90;
    });
    expect(inside.length / 300).toBeGreaterThan(0.72);
    expect(inside.length / 300).toBeLessThan(0.88);
  });

  test("does not claim to know before it does: with too few renders, and where nothing follows from anything", () => {
    const young = new RenderTimeModel();
    expect(young.state).toMatchObject({ ready: false, reason: expect.stringContaining("needs 20") });
    const some = fleet(19, 0.1);
    for (const render of some) young.learn(render);
    expect(young.state).toMatchObject({ ready: false, basedOn: 19 });
    expect(young.predict(some[0]?.features ?? [])).toBeUndefined();
    const confused = new RenderTimeModel();
    for (const render of fleet(200, 2)) confused.learn(render);
    expect(confused.state).toMatchObject({ ready: false, reason: expect.stringContaining("wrong by") });
  });

  test("follows an agent that becomes slower", () => {
    const model = new RenderTimeModel();
    for (const render of fleet(300, 0.1)) model.learn(render);
    for (const render of fleet(600, 0.1, seededRandom(8)))
      model.learn(render.agentId === "fast" ? { ...render, ms: render.ms * 6 } : render);
    const predict = model.predict(renderFeatures(film(1280, 360, 30)) ?? []);
    expect(predict?.("fast", 0).ms).toBeGreaterThan(1.5 * (predict?.("middle", 0).ms ?? 0));
  });
});

describe("features", () => {
  test("say how many frames there are where the request does, and that they are not known where its sources decide", () => {
    const [, given = 0] = renderFeatures(film(320, 240, 2)) ?? [];
    expect(Math.exp(given)).toBeCloseTo(60);
    const video = configOf({
      width: 320,
      height: 240,
      elements: [{ type: "video", source: "https://example.com/a.mp4" }],
    });
    expect(renderFeatures(video)?.[1]).toBeNaN();
    expect(Math.exp(renderFeatures(video, 90)?.[1] ?? 0)).toBeCloseTo(90);
    const part = { ...video, task: { type: "frames", firstFrame: 30, frames: 15, totalFrames: 90, facts: [] } };
    expect(Math.exp(renderFeatures(part, 90)?.[1] ?? 0)).toBeCloseTo(15);
  });

  test("are none for a config that is no render, whatever it is", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (config) => renderFeatures(config) === undefined),
    );
    expect(renderFeatures({ kind: "render", request: { elements: 7 } })).toBeUndefined();
    expect(withJobsBeside(renderFeatures(film(320, 240, 2)) ?? [], 1)).toHaveLength(RENDER_FEATURES.length);
  });
});
