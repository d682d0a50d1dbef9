import type { Reason } from "@stream-control/protocol";
import type { JobRow } from "../store/tables.js";
import { entry, type JobChange, progressColumn, type Transition, type TransitionContext } from "./changes.js";
import { failure } from "./failure.js";
import { type LifecycleEventType, nextStatus } from "./lifecycle.js";

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
          ...change.note,
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
          moving: 0,
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

/** When a job that an agent may still hold is tried again: for people; what counts is the lease's own clock. */
const notBefore = (now: Date, heldMs = 0): string | null =>
  heldMs > 0 ? new Date(now.getTime() + heldMs).toISOString() : null;
