import type { JobRow } from "../store/tables.js";
import type { JobReader } from "./job-reader.js";
import type { Ledger } from "./ledger.js";

/**
 * The open jobs while the service starts: those of the database, kept in line with the ledger, since a part that has started may
 * submit or change some before the next one begins to follow them.
 */
export class OpenJobs {
  private readonly jobs = new Map<string, JobRow>();
  private stopFollowing = () => {};

  /** Reads them, and follows the ledger from before that on. */
  async read(reader: JobReader, ledger: Ledger): Promise<void> {
    const changed = new Map<string, JobRow>();
    this.stopFollowing = ledger.onCommit(({ job }) => {
      changed.set(job.id, job);
      this.take(job);
    });
    for (const job of await reader.open()) if (!changed.has(job.id)) this.jobs.set(job.id, job);
  }

  /** As they are now, the oldest first. */
  now(): JobRow[] {
    return [...this.jobs.values()].sort((a, b) => a.seq - b.seq);
  }

  /** Everybody follows the ledger by now. */
  stop(): void {
    this.stopFollowing();
    this.jobs.clear();
  }

  private take(job: JobRow): void {
    if (job.ended_at === null) this.jobs.set(job.id, job);
    else this.jobs.delete(job.id);
  }
}
