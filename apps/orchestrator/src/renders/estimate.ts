import type { RenderEstimate, RenderRequest } from "@stream-control/protocol";
import { pixelsOf, renderFeatures } from "../scheduling/model/render-features.js";
import type { RenderTimeModel } from "../scheduling/model/render-time-model.js";

/** A whole render of which the frames are known, and the agents that could carry it out. */
export interface WholeRender {
  request: RenderRequest;
  frames: number;
  agents: readonly { id: string }[];
}

/**
 * How long a render would take: by the model, in the middle of those agents; while it knows too little, by the pace in the
 * middle of the renders that were completed.
 *
 * @returns null where fewer than five were.
 */
export function estimateRender(
  model: Pick<RenderTimeModel, "predict" | "state" | "medianPace">,
  { request, frames, agents }: WholeRender,
): RenderEstimate | null {
  const features = renderFeatures({ kind: "render", request }, frames);
  if (features === undefined) return null;
  const { state } = model;
  const predict = model.predict(features);
  if (state.ready && predict !== undefined) {
    const ids = agents.length === 0 ? [ANYBODY] : agents.map(({ id }) => id);
    const byAgent = ids.map((id) => predict(id, 0)).sort((a, b) => a.ms - b.ms);
    const middle = byAgent[Math.floor(byAgent.length / 2)];
    return {
      processing_ms: Math.round(middle?.ms ?? 0),
      // Nobody knows yet which of them gets it.
      p10_ms: Math.round(Math.min(...byAgent.map(({ p10 }) => p10))),
      p90_ms: Math.round(Math.max(...byAgent.map(({ p90 }) => p90))),
      ...{ based_on: state.basedOn, method: "model", error_percent: state.errorPercent },
    };
  }
  const pace = model.medianPace;
  if (pace === undefined) return null;
  const ms = Math.round(pixelsOf(features) / pace.pixelsPerMs);
  return { processing_ms: ms, based_on: pace.basedOn, method: "median_pace", error_percent: null };
}

/** An agent that was never seen counts as an average one. */
const ANYBODY = "";
