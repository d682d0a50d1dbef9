import type { ErrorInfo, Reason } from "@stream-control/protocol";
import type { JobRow } from "../store/tables.js";
import {
  entry,
  type JobChange,
  type LogEntry,
  progressColumn,
  type Transition,
  type TransitionContext,
} from "./changes.js";
import { nextStatus } from "./lifecycle.js";
import { decideRestart } from "./restart-policy.js";

/** What becomes of a job that failed: another try, by its restart policy, or its end. */
export function failure(
  job: JobRow,
  { error, fault, progress }: Extract<JobChange, { type: "failed" }>,
  context: TransitionContext,
): Transition | undefined {
  const at = context.now.toISOString();
  const reason: Reason = { code: error.code, message: error.message, fault };
  const decision = decideRestart(job, error, { ...context, options: context.restart });
  if (decision.kind === "restart") {
    const status = nextStatus(job.status, "requeued");
    if (status === undefined) return undefined;
    return {
      changes: {
        status,
        updated_at: at,
        agent_id: null,
        moving: 0,
        fenced: 0,
        restarts: decision.attempt,
        not_before: new Date(context.now.getTime() + decision.delayMs).toISOString(),
        reason: JSON.stringify(reason),
        error: JSON.stringify(error),
        ...progressColumn(progress),
      },
      entry: failed("stream.restart_requested", `${error.message} The stream is tried again.`, {
        attempt: decision.attempt,
        delayMs: decision.delayMs,
        agentId: job.agent_id,
        code: error.code,
        fault,
      }),
    };
  }
  const exhausted = decision.kind === "exhausted";
  const final: ErrorInfo = exhausted
    ? {
        code: "STREAM_RESTART_EXCEEDED",
        message: `The stream failed ${decision.attempts + 1} times in a row, the last time because: ${error.message}`,
        detail: { lastError: error },
      }
    : error;
  return {
    changes: {
      status: "FAILED",
      updated_at: at,
      ended_at: at,
      error: JSON.stringify(final),
      reason: JSON.stringify({ ...reason, code: final.code, message: final.message }),
      ...progressColumn(progress),
    },
    entry: failed(exhausted ? "stream.restart_exhausted" : "job.failed", final.message, {
      agentId: job.agent_id,
      code: final.code,
      fault,
      ...(exhausted ? { attempt: decision.attempts } : {}),
    }),
  };
}

const failed = (...said: Parameters<typeof entry>): LogEntry => ({ ...entry(...said), result: "failed" });
