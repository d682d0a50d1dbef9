import type { JobEvent } from "@stream-control/protocol";
import type { Agent } from "../agents/agent.js";

/** Passing news of a job, which the ledger does not keep. */
export interface JobNews {
  /** The job has a new measurement. */
  progressed(jobId: string): void;
  /** There is a new picture of what the job sends out. */
  pictured(jobId: string, takenAt: string): void;
  /** An agent says how busy it is. */
  loaded(agent: Agent): void;
  /** The agent said something about the job. */
  said(event: JobEvent): void;
}
