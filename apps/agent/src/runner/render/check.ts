import { probeResult, type ResultFacts } from "@stream-control/ffmpeg";
import { fpsOf, type RenderRequest } from "@stream-control/protocol";
import { CommandError } from "../errors.js";
import type { SourcesOptions } from "./sources.js";

/** What the finished file has to hold. */
export interface Wanted {
  request: Pick<RenderRequest, "width" | "height" | "fps" | "output_format">;
  totalFrames: number;
  hasSound: boolean;
}

const PROBE_MS = 600_000;
/** Containers say when the last packet of any stream ends, and sound comes in packets of its own length. */
const TOLERANCE_SECONDS = 0.15;

/** Looks into the finished file before anybody gets it. @throws CommandError `RESULT_WRONG` that says what is wrong with it. */
export async function checkResult(
  path: string,
  wanted: Wanted,
  { spec, env, hideIn, launcher, signal }: Pick<SourcesOptions, "spec" | "env" | "hideIn" | "launcher" | "signal">,
): Promise<void> {
  const { ffprobePath } = spec;
  const facts = await probeResult(path, { ffprobePath, env, hideIn, launcher, signal, deadlineMs: PROBE_MS });
  const wrong = facts === undefined ? ["it can't be read"] : whatIsWrong(facts, wanted);
  if (wrong.length === 0) return;
  throw new CommandError({
    code: "RESULT_WRONG",
    message: `The finished file is not what was asked for: ${wrong.join("; ")}.`,
    // Another try, perhaps of another agent, may make it whole.
    detail: { fault: "encoder", retryable: true },
  });
}

/** Pure. */
function whatIsWrong(facts: ResultFacts, { request, totalFrames, hasSound }: Wanted): string[] {
  const seconds = totalFrames / fpsOf(request);
  const { width, height, frames, durationSeconds } = facts;
  const isOff = durationSeconds !== undefined && Math.abs(durationSeconds - seconds) > TOLERANCE_SECONDS;
  return [
    ...(frames === totalFrames ? [] : [`it has ${frames} frames, not ${totalFrames}`]),
    ...(width === request.width && height === request.height
      ? []
      : [`it has ${width}x${height} pixels, not ${request.width}x${request.height}`]),
    ...(isOff ? [`it lasts ${durationSeconds} s, not ${seconds.toFixed(3)} s`] : []),
    ...(facts.hasSound || !hasSound ? [] : ["its sound is missing"]),
  ];
}
