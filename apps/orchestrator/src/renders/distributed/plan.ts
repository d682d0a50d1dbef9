import {
  chunkCount,
  type ElementFacts,
  factsFrom,
  type JsonObject,
  planChunks,
  type RenderRequest,
  type RenderTask,
  renderTimeline,
  workOf,
} from "@stream-control/protocol";
import { StepError } from "../../workflows/kind.js";
import { deadlineOf } from "./pace.js";

/** One job's part of a render. */
export interface PlannedPart extends JsonObject {
  /** Its own among the parts; part of the keys of its jobs. */
  name: string;
  task: Exclude<RenderTask, { type: "merge" }>;
  /** Its part of the work; absent for the sound, which can't be compared with pictures. */
  share?: number;
  /** Milliseconds within which a try has to be done. */
  deadlineMs: number;
}

/** How a render is cut. */
export interface Plan extends JsonObject {
  totalFrames: number;
  fps: number;
  /** The pictures in order, then the sound where there is one. */
  parts: PlannedPart[];
}

/**
 * Cuts a render into parts. Pure.
 *
 * @param agents that can render at the same time. @param wholeMs what one of them would take, by what renders took lately.
 * @throws StepError where the request does not give a composition.
 */
export function planParts(
  request: RenderRequest,
  facts: ElementFacts,
  agents: number,
  wholeMs: number | undefined,
): Plan {
  const timeline = renderTimeline(request, factsFrom(request, facts));
  if (!timeline.ok)
    throw new StepError(
      { code: "CONFIG_INVALID", message: "The composition can't be rendered.", detail: { issues: timeline.issues } },
      false,
    );
  const { totalFrames, fps } = timeline.value;
  const work = workOf(request, timeline.value);
  const count = chunkCount(timeline.value, agents, wholeMs);
  const pictures = planChunks(request, timeline.value, count).map(({ firstFrame, frames, share }) => ({
    ...{ name: `frames-${firstFrame}`, share, deadlineMs: deadlineOf(share, wholeMs, work) },
    task: { type: "frames" as const, firstFrame, frames, totalFrames, facts },
  }));
  const sound = {
    ...{ name: "sound", deadlineMs: deadlineOf(1, wholeMs, work) },
    task: { type: "sound" as const, totalFrames, facts },
  };
  return { totalFrames, fps, parts: hasSound(request, facts) ? [...pictures, sound] : pictures };
}

/** Whether anything is to be heard. */
function hasSound(request: RenderRequest, facts: ElementFacts): boolean {
  const factsOf = factsFrom(request, facts);
  if (request.output_format === "gif") return false;
  return request.elements.some(
    (element) =>
      (element.type === "audio" || element.type === "video") &&
      element.volume > 0 &&
      factsOf(element.source)?.hasAudio === true,
  );
}
