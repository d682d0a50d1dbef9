import type { ConfigurationIssue } from "../api/resources.js";
import type { Sighting } from "./sightings.js";

/** What is remembered of a stream's health from look to look. Times by a monotonic clock, in milliseconds. */
export interface Health {
  /** Since when it has been unhealthy without a break; null while it is well. */
  unhealthySinceMs: number | null;
  /** Since when it has been well without a break. */
  wellSinceMs: number;
  /** What was last told of it; null where it was told as well. */
  told: string | null;
  restarts: number;
  lastRestartMs: number;
  exhausted: boolean;
}

export interface HealthPolicy {
  /** For so long it must be unhealthy before anything is told or done. */
  graceMs: number;
  /** Restart the encoder. */
  restarts: boolean;
  maxRestarts: number;
  /** From one restart to the next; doubled each time. */
  restartPauseMs: number;
  /** After so long a time without trouble restarts are counted anew. */
  forgivenAfterMs: number;
}

export type Verdict =
  | { tell: "unhealthy"; message: string; issues: readonly ConfigurationIssue[] }
  | { tell: "well" }
  | { tell: "restart"; attempt: number; message: string }
  | { tell: "exhausted"; attempts: number };

export const freshHealth = (nowMs: number): Health => ({
  ...{ unhealthySinceMs: null, wellSinceMs: nowMs, told: null },
  ...{ restarts: 0, lastRestartMs: Number.NEGATIVE_INFINITY, exhausted: false },
});

/** Whether a stream on air is as it should be: YouTube receives it and does not call it bad. */
export const isWell = ({ streamStatus, health }: Sighting): boolean =>
  streamStatus === "active" && health !== "bad" && health !== "noData";

/**
 * What one look changes. Pure. One bad look is no trouble yet; trouble that goes on is told once, and again when YouTube's
 * words for it change; the encoder is restarted where the policy says so, with growing pauses, a bounded number of times.
 */
export function judge(
  health: Health,
  sighting: Sighting,
  { policy, nowMs, runningForMs }: { policy: HealthPolicy; nowMs: number; runningForMs: number },
): { health: Health; verdicts: Verdict[] } {
  if (isWell(sighting)) {
    const wellSinceMs = health.unhealthySinceMs === null ? health.wellSinceMs : nowMs;
    const forgiven = nowMs - wellSinceMs >= policy.forgivenAfterMs ? { restarts: 0, exhausted: false } : {};
    const next = { ...health, unhealthySinceMs: null, wellSinceMs, told: null, ...forgiven };
    return { health: next, verdicts: health.told === null ? [] : [{ tell: "well" }] };
  }
  const sinceMs = health.unhealthySinceMs ?? nowMs;
  const next: Health = { ...health, unhealthySinceMs: sinceMs };
  if (nowMs - sinceMs < policy.graceMs) return { health: next, verdicts: [] };
  const verdicts: Verdict[] = [];
  const message = wordsFor(sighting);
  if (message !== health.told) {
    verdicts.push({ tell: "unhealthy", message, issues: sighting.issues });
    next.told = message;
  }
  // An encoder that has just begun is given the time that trouble is given.
  const rested = nowMs - next.lastRestartMs >= policy.restartPauseMs * 2 ** Math.max(0, next.restarts - 1);
  if (!policy.restarts || next.exhausted || !rested || runningForMs < policy.graceMs) return { health: next, verdicts };
  if (next.restarts >= policy.maxRestarts) {
    next.exhausted = true;
    verdicts.push({ tell: "exhausted", attempts: next.restarts });
    return { health: next, verdicts };
  }
  next.restarts += 1;
  next.lastRestartMs = nowMs;
  next.unhealthySinceMs = null;
  verdicts.push({ tell: "restart", attempt: next.restarts, message });
  return { health: next, verdicts };
}

/** The trouble in a sentence: in YouTube's own words, the worst first. */
export function wordsFor({ streamStatus, health, issues }: Sighting): string {
  const ranks = ["error", "warning"];
  const told = ranks
    .flatMap((severity) => issues.filter((issue) => issue.severity === severity))
    .map(({ description, reason, type }) => description ?? reason ?? plain(type));
  const what =
    streamStatus !== "active" || health === "noData"
      ? "YouTube receives no stream"
      : "YouTube finds the stream in bad health";
  const words = [...new Set(told)].slice(0, 5).map((text) => text.trim().replace(/[.\s]+$/, ""));
  return words.length === 0 ? `${what}.` : `${what}: ${words.join("; ")}.`;
}

/** `gopSizeLong` → gop size long. */
const plain = (type: string): string => type.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
