/** How the page stands to the orchestrator. */
export type LinkState =
  | { kind: "connecting" }
  | { kind: "live" }
  /** It is away; `retryAtMs` is when it is tried again, by `Date.now()`. */
  | { kind: "away"; sinceMs: number; retryAtMs: number };

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;

/** The pause before a try, in milliseconds: growing with each, and jittered, so that many pages do not come at once. */
export function pauseMs(attempt: number, random: () => number = Math.random): number {
  const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt);
  return pause / 2 + (random() * pause) / 2;
}
