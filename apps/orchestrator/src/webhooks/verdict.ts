import type { DeliveryRow } from "./delivery.js";
import type { Hook } from "./hook.js";
import type { HookProgress } from "./hook-rows.js";
import { pauseMs, type RetryOptions, retryAfterMs } from "./retry.js";
import type { Attempt } from "./sender.js";

/** What becomes of a delivery that failed, and of its webhook. */
export interface Verdict {
  /** When it is tried again; null where it is given up. */
  next: string | null;
  changes: HookProgress;
  /** Why the webhook is switched off, where it is. */
  off?: string;
}

const iso = (ms: number): string => new Date(ms).toISOString();
const GONE = 410;
const DAY_MS = 86_400_000;

/** Decides what a failed try means. Pure, but for the jitter of the pause. */
export function afterFailure(
  row: Pick<DeliveryRow, "attempts" | "give_up_at">,
  attempt: Attempt,
  hook: Pick<Hook, "failingSince">,
  options: RetryOptions & { offAfterMs: number },
): Verdict {
  const atMs = attempt.atMs + attempt.durationMs;
  // What can't be sent says nothing of the receiver.
  if (attempt.lost === true) return { next: null, changes: {} };
  const wishMs = retryAfterMs(attempt.retryAfter, new Date(atMs));
  const nextMs = atMs + Math.max(pauseMs(row.attempts + 1, options), wishMs ?? 0);
  const failingSince = hook.failingSince ?? iso(atMs);
  const changes: HookProgress = {
    failingSince,
    ...(wishMs === undefined ? {} : { holdUntil: iso(atMs + wishMs) }),
  };
  const off = whyOff(attempt, atMs - Date.parse(failingSince), options.offAfterMs);
  if (off !== undefined) return { next: null, changes: { ...changes, enabled: false, disabledReason: off }, off };
  return { next: nextMs > Date.parse(row.give_up_at) ? null : iso(nextMs), changes };
}

function whyOff({ status, error }: Attempt, failingMs: number, offAfterMs: number): string | undefined {
  if (status === GONE) return "The receiver answered 410: it does not want to be called any more.";
  if (failingMs < offAfterMs) return undefined;
  const days = Math.floor(failingMs / DAY_MS);
  const time = days >= 2 ? `${days} days` : "too long";
  return `Nothing was taken for ${time}; the last try: ${error ?? "no answer"}`;
}
