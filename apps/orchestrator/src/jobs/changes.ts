import type { AuditResult, ErrorInfo, Fault, JobStatus, JsonObject, Progress, Reason } from "@stream-control/protocol";
import type { PlacementNote } from "../scheduling/strategies/chooser.js";
import type { JobRow } from "../store/tables.js";
import type { RestartOptions } from "./restart-policy.js";

/** Something that happened to a job, with what there is to know about it. */
export type JobChange =
  /** `note`: how the agent was chosen. */
  | { type: "assigned"; agentId: string; fenced: boolean; note?: PlacementNote | undefined }
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
  /** What came of it, for the audit; done unless given. */
  result?: AuditResult;
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

/** The column of a last measurement, where there is one. */
export const progressColumn = (progress: Progress | undefined) =>
  progress === undefined ? {} : { progress: JSON.stringify(progress) };

/** An entry of the event log. */
export function entry(type: string, message: string, data?: JsonObject): LogEntry {
  return data === undefined ? { type, message } : { type, message, data };
}
