import type { ErrorInfo } from "@stream-control/protocol";
import { backoffMs } from "@stream-control/service-kit";
import type { JobRow } from "../store/tables.js";

/** How a job with `restartPolicy: onFailure` is tried again. */
export interface RestartOptions {
  /** Restarts without a good run between them before the job fails for good. */
  maxRestarts: number;
  baseMs: number;
  maxMs: number;
  /** A run of this length is good: the count starts again. */
  goodRunMs: number;
}

/** How one job is tried again, where it has limits of its own; then no run is so good that the count starts again. */
export type RestartLimits = Pick<RestartOptions, "maxRestarts" | "baseMs" | "maxMs">;

export const DEFAULT_RESTART: RestartOptions = { maxRestarts: 5, baseMs: 1000, maxMs: 60_000, goodRunMs: 60_000 };

/** Failures that no repetition mends, unless their detail says so itself (`retryable: false`), or that must not be repeated while the old run may still be alive. */
export const NOT_RESTARTED: ReadonlySet<string> = new Set([
  ...["CONFIG_INVALID", "SOURCE_REFUSED", "DESTINATION_REFUSED"],
  ...["AGENT_OFFLINE", "STOP_FAILED"],
]);

export type RestartDecision =
  | { kind: "fail" }
  | { kind: "exhausted"; attempts: number }
  | { kind: "restart"; attempt: number; delayMs: number };

/** What the policy of a job says to its failure. */
export function decideRestart(
  job: JobRow,
  error: ErrorInfo,
  { now, options, random }: { now: Date; options: RestartOptions; random: () => number },
): RestartDecision {
  if (job.restart_policy !== "onFailure" || job.wanted_status === "STOPPED" || NOT_RESTARTED.has(error.code))
    return { kind: "fail" };
  if (error.detail?.retryable === false) return { kind: "fail" };
  const own = job.restart_limits === null ? undefined : (JSON.parse(job.restart_limits) as RestartLimits);
  const ranWell =
    own === undefined &&
    job.running_since !== null &&
    now.getTime() - Date.parse(job.running_since) >= options.goodRunMs;
  const attempt = ranWell ? 1 : job.restarts + 1;
  const limits = own ?? options;
  if (attempt > limits.maxRestarts) return { kind: "exhausted", attempts: job.restarts };
  return { kind: "restart", attempt, delayMs: backoffMs(attempt, { ...limits, random }) };
}
