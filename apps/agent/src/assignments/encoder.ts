import type { Issue } from "@stream-control/protocol";

export type EncoderChoice = { ok: true; name: string } | { ok: false; issue: Issue };

/**
 * The encoder for a job.
 *
 * @param wanted an ffmpeg encoder name, or `auto`.
 * @param working encoders that were tried on this machine, the best first.
 */
export function chooseEncoder(wanted: string, working: readonly string[]): EncoderChoice {
  const path = "video.encoder";
  const [best] = working;
  if (best === undefined) return { ok: false, issue: { path, message: "no H.264 encoder works on this agent" } };
  if (wanted === "auto") return { ok: true, name: best };
  return working.includes(wanted)
    ? { ok: true, name: wanted }
    : { ok: false, issue: { path, message: `does not work on this agent (these do: ${working.join(", ")})` } };
}
