import { z } from "zod";

/** What an agent is doing, as shown to operators. */
export const AGENT_STATES = [
  "OFFLINE",
  "IDLE",
  "RESERVED",
  "STARTING",
  "RUNNING",
  "STOPPING",
  "ERROR",
  "DRAINING",
] as const;
export const agentStateSchema = z.enum(AGENT_STATES).meta({ id: "AgentState" });
export type AgentState = z.infer<typeof agentStateSchema>;

/** Where a job is in its life. */
export const JOB_STATUSES = [
  "CREATED",
  "PENDING",
  "ASSIGNED",
  "ACCEPTED",
  "STARTING",
  "RUNNING",
  "STOPPING",
  "STOPPED",
  "FAILED",
  "CANCELED",
  "UNKNOWN",
] as const;
export const jobStatusSchema = z.enum(JOB_STATUSES).meta({ id: "JobStatus" });
export type JobStatus = z.infer<typeof jobStatusSchema>;

/** Statuses that no event leaves again. */
export const FINAL_JOB_STATUSES = ["STOPPED", "FAILED", "CANCELED"] as const satisfies readonly JobStatus[];
/** Statuses in which a job holds a slot of an agent. */
export const ACTIVE_JOB_STATUSES = [
  "ASSIGNED",
  "ACCEPTED",
  "STARTING",
  "RUNNING",
  "STOPPING",
  "UNKNOWN",
] as const satisfies readonly JobStatus[];

const finals: ReadonlySet<JobStatus> = new Set(FINAL_JOB_STATUSES);
const actives: ReadonlySet<JobStatus> = new Set(ACTIVE_JOB_STATUSES);

/** Whether the job has ended for good. */
export const isFinalStatus = (status: JobStatus): boolean => finals.has(status);
/** Whether the job holds a slot of its agent. */
export const isActiveStatus = (status: JobStatus): boolean => actives.has(status);

export const restartPolicySchema = z.enum(["never", "onFailure"]).meta({ id: "RestartPolicy" });
/** `never`: a failure is final. `onFailure`: the job is queued again, with growing pauses and a limit. */
export type RestartPolicy = z.infer<typeof restartPolicySchema>;

export const onDisconnectSchema = z.enum(["continue", "fence"]).meta({ id: "OnDisconnect" });
/**
 * What an agent does with a job while it is cut off from the orchestrator. `continue`: it goes on. `fence`: it ends the job
 * once the job's lease has run out, so that another agent may have it without the stream ever running twice.
 */
export type OnDisconnect = z.infer<typeof onDisconnectSchema>;

/** Whose fault a failure is; retry, alerting and wording go by it. */
export const FAULTS = ["source", "destination", "encoder", "agent", "network", "config", "internal"] as const;
export const faultSchema = z.enum(FAULTS).meta({ id: "Fault" });
export type Fault = z.infer<typeof faultSchema>;
