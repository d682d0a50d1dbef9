import type { JobEvent } from "@stream-control/protocol";

/** Passing news of a job, which the ledger does not keep. */
export interface JobNews {
  /** The job has a new measurement. */
  progressed(jobId: string): void;
  /** The agent said something about the job. */
  said(event: JobEvent): void;
}
