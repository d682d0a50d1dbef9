import { configOf } from "../jobs/job-record.js";
import type { JobRow } from "../store/tables.js";
import type { Waiting } from "./placement.js";
import { type Requirement, requirementKey, requirementOf } from "./requirement.js";

/** A job that waits for an agent. */
export interface WaitingJob extends Waiting {
  readonly id: string;
  readonly seq: number;
  readonly epoch: number;
  /** The job may move, if its agent knows leases. */
  readonly fence: boolean;
  readonly requirement: Requirement;
  readonly key: string;
  /** When it may be given away, by the monotonic clock: its pause is over, and nobody holds it by a lease. */
  readonly readyAtMs: number;
  readonly restarts: number;
}

/** The jobs that wait, oldest first; restarted ones come back to their old place. */
export class WaitingJobs {
  private readonly jobs = new Map<string, WaitingJob>();
  /** Those whose pause is not over, and those whose pause is over since they were last asked for. */
  private readonly pausing = new Map<string, WaitingJob>();
  private newestSeq = 0;
  private unordered = false;

  get size(): number {
    return this.jobs.size;
  }
  get(jobId: string): WaitingJob | undefined {
    return this.jobs.get(jobId);
  }
  has(jobId: string): boolean {
    return this.jobs.has(jobId);
  }

  add(row: JobRow, { readyAtMs, nowMs, avoid }: { readyAtMs: number; nowMs: number; avoid: Waiting["avoid"] }): void {
    const requirement = requirementOf(configOf(row), row.room);
    const job: WaitingJob = {
      ...{ id: row.id, seq: row.seq, epoch: row.epoch, restarts: row.restarts },
      ...{ requirement, key: requirementKey(requirement), readyAtMs, avoid },
      fence: row.on_disconnect === "fence",
    };
    this.putBack(job);
    if (readyAtMs > nowMs) this.pausing.set(job.id, job);
  }

  /** Puts a job back that was taken out to be given away. */
  putBack(job: WaitingJob): void {
    this.unordered ||= job.seq < this.newestSeq;
    this.newestSeq = Math.max(this.newestSeq, job.seq);
    this.jobs.set(job.id, job);
  }

  /** Takes a job out to give it away; its pause is over. */
  take(jobId: string): void {
    this.jobs.delete(jobId);
  }

  /** The job waits no more. */
  remove(jobId: string): void {
    this.jobs.delete(jobId);
    this.pausing.delete(jobId);
  }

  /** Jobs whose pause is over, oldest first. Those that are taken out meanwhile are left out. */
  *ready(nowMs: number): Generator<WaitingJob> {
    this.sort();
    for (const job of this.jobs.values()) if (job.readyAtMs <= nowMs) yield job;
  }

  /** Jobs whose pause came to its end since the last call, and when the next one does. */
  endPauses(nowMs: number): { over: WaitingJob[]; nextAtMs: number } {
    const over: WaitingJob[] = [];
    let nextAtMs = Number.POSITIVE_INFINITY;
    for (const job of this.pausing.values()) {
      if (job.readyAtMs > nowMs) {
        nextAtMs = Math.min(nextAtMs, job.readyAtMs);
        continue;
      }
      this.pausing.delete(job.id);
      if (this.jobs.has(job.id)) over.push(job);
    }
    return { over, nextAtMs };
  }

  private sort(): void {
    if (!this.unordered) return;
    const jobs = [...this.jobs.values()].sort((a, b) => a.seq - b.seq);
    this.jobs.clear();
    for (const job of jobs) this.jobs.set(job.id, job);
    this.unordered = false;
  }
}
