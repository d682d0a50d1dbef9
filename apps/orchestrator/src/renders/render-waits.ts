import { isFinalStatus } from "@stream-control/protocol";
import type { Ledger } from "../jobs/ledger.js";
import type { JobRow } from "../store/tables.js";

/** Requests that wait for the end of their job. */
export class RenderWaits {
  private readonly waiting = new Map<string, Set<() => void>>();

  constructor(ledger: Ledger) {
    ledger.onCommit(({ job }) => {
      if (isFinalStatus(job.status)) this.wake(job.id);
    });
  }

  /**
   * Settles when the job has ended, the time is over, or the signal says so.
   *
   * @param read gives the job as it is now; asked after the wait has begun, so that no end is missed.
   */
  async forEnd(jobId: string, ms: number, signal: AbortSignal, read: () => Promise<JobRow | undefined>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const those = this.waiting.get(jobId) ?? new Set();
    this.waiting.set(jobId, those.add(resolve));
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => resolve(), { once: true });
    try {
      const job = await read();
      if (job === undefined || isFinalStatus(job.status) || signal.aborted) return;
      await promise;
    } finally {
      clearTimeout(timer);
      those.delete(resolve);
      if (those.size === 0) this.waiting.delete(jobId);
    }
  }

  /** Answers all who wait with what there is. */
  stop(): void {
    for (const jobId of [...this.waiting.keys()]) this.wake(jobId);
  }

  private wake(jobId: string): void {
    for (const resolve of this.waiting.get(jobId) ?? []) resolve();
  }
}
