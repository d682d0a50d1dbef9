import type { JobStatus } from "@stream-control/protocol";

/**
 * The life of a job, as a table. This is the only place that knows which changes are legal.
 *
 * - CREATED: submitted; becomes PENDING in the same commit.
 * - PENDING: waits for an agent, also between two tries.
 * - ASSIGNED: an agent was chosen and is being told. Where it leaves, the missing answer brings the job back.
 * - ACCEPTED, STARTING, RUNNING: as the agent reports; an agent may skip any of them.
 * - STOPPING: a stop was asked for, or the agent is stopping by itself.
 * - UNKNOWN: the agent is away and nobody can say.
 * - STOPPED, FAILED, CANCELED: final. CANCELED: stopped before an agent had taken it.
 */
const TABLE: Record<JobStatus, Partial<Record<LifecycleEventType, JobStatus>>> = {
  CREATED: { queued: "PENDING", stopRequested: "CANCELED", failed: "FAILED" },
  PENDING: { assigned: "ASSIGNED", stopRequested: "CANCELED", failed: "FAILED" },
  ASSIGNED: {
    accepted: "ACCEPTED",
    unassigned: "PENDING",
    starting: "STARTING",
    running: "RUNNING",
    ...leaving(),
  },
  ACCEPTED: { starting: "STARTING", running: "RUNNING", lost: "UNKNOWN", ...leaving() },
  STARTING: { running: "RUNNING", lost: "UNKNOWN", ...leaving() },
  RUNNING: { lost: "UNKNOWN", ...leaving() },
  STOPPING: {
    stopRequested: "STOPPING",
    unassigned: "CANCELED",
    stopped: "STOPPED",
    failed: "FAILED",
    requeued: "PENDING",
    lost: "UNKNOWN",
  },
  UNKNOWN: { accepted: "ACCEPTED", starting: "STARTING", running: "RUNNING", ...leaving() },
  STOPPED: {},
  FAILED: {},
  CANCELED: {},
};

/** What may happen to any job that an agent has. */
function leaving() {
  return {
    stopRequested: "STOPPING",
    stopping: "STOPPING",
    stopped: "STOPPED",
    failed: "FAILED",
    requeued: "PENDING",
  } as const;
}

/**
 * What can happen to a job. `unassigned`: the agent declined or did not answer. `stopRequested`: by the operator;
 * `stopping`: reported by the agent. `requeued`: failed, and the restart policy gives it another try. `lost`: its agent
 * has been away for longer than the heartbeat timeout.
 */
export type LifecycleEventType =
  | "queued"
  | "assigned"
  | "accepted"
  | "unassigned"
  | "starting"
  | "running"
  | "stopRequested"
  | "stopping"
  | "stopped"
  | "failed"
  | "requeued"
  | "lost";

/** @returns the status after the event, or undefined where the event changes nothing. */
export function nextStatus(status: JobStatus, event: LifecycleEventType): JobStatus | undefined {
  return TABLE[status][event];
}
