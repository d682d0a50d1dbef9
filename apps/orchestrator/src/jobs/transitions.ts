import type { ErrorInfo, Fault, JobStatus, JsonObject, Progress, Reason } from "@stream-control/protocol";
import type { JobRow } from "../store/tables.js";
import { type LifecycleEventType, nextStatus } from "./lifecycle.js";
import { decideRestart, type RestartOptions } from "./restart-policy.js";

/** Something that happened to a job, with what there is to know about it. */
export type JobChange =
  | { type: "assigned"; agentId: string; fenced: boolean }
  | { type: "accepted" | "starting" | "running" | "stopping" }
  /** `heldMs`: for so long the agent may still hold the job by its lease. */
  | { type: "unassigned"; reason: Reason; heldMs?: number | undefined }
  | { type: "stopRequested"; reason: Reason }
  /** End the job on its agent, to go on at another. */
  | { type: "moveRequested"; reason: Reason }
  | { type: "stopped"; reason: Reason; progress?: Progress | undefined; onlyIn?: JobStatus }
  | {
      type: "failed";
      error: ErrorInfo;
      fault: Fault | null;
      progress?: Progress | undefined;
      /** Counts only while the job is in this status: for deadlines, which may run out while a report is under way. */
      onlyIn?: JobStatus;
    }
  | { type: "lost"; reason: Reason };

/** An entry of the event log, before it has its number. */
export interface LogEntry {
  type: string;
  message: string;
  data?: JsonObject;
}

/** Columns that change, and what the log says about it. */
export interface Transition {
  changes: Partial<JobRow> & { status: JobStatus };
  entry: LogEntry;
}

export interface TransitionContext {
  now: Date;
  restart: RestartOptions;
  random: () => number;
}

/**
 * Applies a change to a job. Pure: the same job, change and context always give the same answer.
 *
 * @returns the columns to write and the log entry, or undefined where the change is not legal in the job's status and
 * so changes nothing.
 */
export function transition(job: JobRow, change: JobChange, context: TransitionContext): Transition | undefined {
  if ("onlyIn" in change && change.onlyIn !== undefined && change.onlyIn !== job.status) return undefined;
  const step = stepFor(job, change);
  const status = step === undefined ? undefined : nextStatus(job.status, step);
  if (status === undefined) return undefined;
  const at = context.now.toISOString();
  const base = { status, updated_at: at };
  switch (change.type) {
    case "assigned":
      return {
        changes: {
          ...base,
          agent_id: change.agentId,
          epoch: job.epoch + 1,
          fenced: change.fenced ? 1 : 0,
          moving: 0,
          not_before: null,
          running_since: null,
        },
        entry: entry("job.assigned", "The job was given to an agent.", {
          agentId: change.agentId,
          epoch: job.epoch + 1,
        }),
      };
    case "accepted":
    case "starting":
    case "stopping":
      return { changes: base, entry: PLAIN_ENTRIES[change.type] };
    case "running":
      if (step !== "running") return { changes: base, entry: PLAIN_ENTRIES.stopping };
      return {
        changes: {
          ...base,
          started_at: job.started_at ?? at,
          running_since: job.running_since ?? at,
          moving: 0,
          reason: null,
          error: null,
        },
        entry:
          job.restarts > 0 && job.running_since === null
            ? entry("stream.restart_ready", "The stream runs again.", { attempt: job.restarts })
            : entry("job.running", "The stream is running."),
      };
    case "unassigned":
      if (status === "CANCELED") {
        const message = "The stop came before an agent had taken the job.";
        const reason: Reason = { code: "STOP_REQUESTED", message, fault: null };
        return {
          changes: { ...base, agent_id: null, ended_at: at, reason: JSON.stringify(reason) },
          entry: entry("job.canceled", message),
        };
      }
      return {
        changes: {
          ...base,
          agent_id: null,
          not_before: notBefore(context.now, change.heldMs),
          fenced: (change.heldMs ?? 0) > 0 ? job.fenced : 0,
          reason: JSON.stringify(change.reason),
        },
        entry: entry("job.unassigned", change.reason.message, { agentId: job.agent_id, code: change.reason.code }),
      };
    case "stopRequested":
      return {
        changes: {
          ...base,
          wanted_status: "STOPPED",
          reason: JSON.stringify(change.reason),
          ...(status === "CANCELED" ? { ended_at: at, not_before: null } : {}),
        },
        entry: entry(status === "CANCELED" ? "job.canceled" : "job.stopping", change.reason.message),
      };
    case "moveRequested":
      return {
        changes: { ...base, moving: 1, reason: JSON.stringify(change.reason) },
        entry: entry("job.moving", change.reason.message, { agentId: job.agent_id }),
      };
    case "stopped":
      if (job.moving === 1 && job.wanted_status === "RUNNING") return moved(job, at);
      return {
        changes: { ...base, ended_at: at, reason: JSON.stringify(change.reason), ...progressColumn(change.progress) },
        entry: entry("job.stopped", change.reason.message, { agentId: job.agent_id }),
      };
    case "failed":
      return failure(job, change, context);
    case "lost":
      return {
        changes: { ...base, reason: JSON.stringify(change.reason) },
        entry: entry("job.unknown", change.reason.message, { agentId: job.agent_id }),
      };
  }
}

const PLAIN_ENTRIES = {
  accepted: entry("job.accepted", "The agent took the job."),
  starting: entry("job.starting", "The stream is starting."),
  stopping: entry("job.stopping", "The agent is stopping the stream."),
} as const;

/** What a change is to the lifecycle; undefined where the job's other facts make it no change at all. */
function stepFor(job: JobRow, change: JobChange): LifecycleEventType | undefined {
  const unwanted = job.wanted_status === "STOPPED";
  switch (change.type) {
    // A job that is wanted stopped does not come back to life by a late report: it means that it still stops.
    case "accepted":
    case "starting":
    case "running":
      return unwanted ? "stopping" : change.type;
    case "moveRequested":
      return unwanted ? undefined : "stopping";
    // Asked for once; a job that is only leaving its agent can still be told to end for good.
    case "stopRequested":
    // The deadlines of a stop end it, whether its agent is there or not.
    case "lost":
      return unwanted && job.status === "STOPPING" ? undefined : change.type;
    // An agent that did not take a job that is to leave it anyway: it waits for the next one.
    case "unassigned":
      return !unwanted && job.status === "STOPPING" ? "requeued" : change.type;
    default:
      return change.type;
  }
}

/** A job that left its agent on purpose waits for another; that was no failure and counts as none. */
function moved(job: JobRow, at: string): Transition | undefined {
  const status = nextStatus(job.status, "requeued");
  if (status === undefined) return undefined;
  return {
    changes: { status, updated_at: at, agent_id: null, moving: 0, fenced: 0 },
    entry: entry("job.moved", "The job has left its agent and waits for another.", { agentId: job.agent_id }),
  };
}

function failure(
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
      entry: entry("stream.restart_requested", `${error.message} The stream is tried again.`, {
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
    entry: entry(exhausted ? "stream.restart_exhausted" : "job.failed", final.message, {
      agentId: job.agent_id,
      code: final.code,
      fault,
      ...(exhausted ? { attempt: decision.attempts } : {}),
    }),
  };
}

/** When a job that an agent may still hold is tried again: for people; what counts is the lease's own clock. */
const notBefore = (now: Date, heldMs = 0): string | null =>
  heldMs > 0 ? new Date(now.getTime() + heldMs).toISOString() : null;

const progressColumn = (progress: Progress | undefined) =>
  progress === undefined ? {} : { progress: JSON.stringify(progress) };

function entry(type: string, message: string, data?: JsonObject): LogEntry {
  return data === undefined ? { type, message } : { type, message, data };
}
