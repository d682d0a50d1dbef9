import { expect, test } from "@jest/globals";
import { renderRequestSchema } from "@stream-control/protocol";
import { renderFeatures } from "../scheduling/model/render-features.js";
import { RenderTimeModel } from "../scheduling/model/render-time-model.js";
import { estimateRender } from "./estimate.js";

const request = renderRequestSchema.parse({ width: 640, height: 360, elements: [{ type: "shape", duration: 2 }] });

/** A model that has seen the same render so often, by two agents in turn. */
function seen(renders: number): RenderTimeModel {
  const model = new RenderTimeModel();
  for (let n = 0; n < renders; n += 1) {
    const frames = 30 + 10 * (n % 5);
    const features = renderFeatures({ kind: "render", request }, frames) ?? [];
    model.learn({ features, agentId: n % 2 === 0 ? "fast" : "slow", beside: 0, ms: frames * (n % 2 === 0 ? 10 : 100) });
  }
  return model;
}

test("an estimate is none for too few renders, then the pace in the middle, then the model's, which says how wrong it is", () => {
  const whole = { request, frames: 60, agents: [] };
  expect(estimateRender(seen(4), whole)).toBeNull();
  expect(estimateRender(seen(9), whole)).toMatchObject({ method: "median_pace", based_on: 9, error_percent: null });
  const estimate = estimateRender(seen(60), { ...whole, agents: [{ id: "fast" }] });
  expect(estimate).toMatchObject({ method: "model", based_on: 60 });
  expect(estimate?.error_percent).toBeLessThan(25);
  expect(estimate?.processing_ms).toBeGreaterThan(450);
  expect(estimate?.processing_ms).toBeLessThan(900);
  const either = estimateRender(seen(60), { ...whole, agents: [{ id: "fast" }, { id: "slow" }] });
  // It may be either of them.
  expect(either?.p10_ms).toBeLessThan(900);
  expect(either?.p90_ms).toBeGreaterThan(3000);
});
