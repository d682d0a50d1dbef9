import type { ActiveJob, ErrorInfo, JobStatus, Progress } from "@stream-control/protocol";
import type { Lease } from "./lease.js";
import type { Decision, FinalStatus, JobRef, ReportDetails, StopOptions } from "./types.js";

/** A job that was assigned and has not ended. */
export interface LiveJob extends JobRef {
  /** False while the handler decides: nothing is reported before the acknowledgement. */
  accepted: boolean;
  status: JobStatus;
  error?: ErrorInfo | undefined;
  progress?: Progress | undefined;
  /** The last status that went out on the present connection. */
  sentStatus?: JobStatus;
  /** Settles with the handler's answer; duplicates of the assignment wait for it too. */
  decision: Promise<Decision>;
  /** A stop that came before the decision. */
  stop?: { kill: boolean; options: StopOptions };
  /** An end that came before the decision. */
  end?: { status: FinalStatus; details: ReportDetails };
  /** How long a fenced job may go on, as far as this agent was told. */
  lease?: Lease | undefined;
  /** The orchestrator has said that the job is not this agent's. */
  disowned?: boolean;
  /** Copies of the assignment that wait for the decision. */
  copies?: number;
  /** Stops that are with the handler. */
  stops?: number;
}

/** A job's end that the orchestrator has not settled. */
export interface EndedJob extends JobRef {
  status: FinalStatus;
  details: ReportDetails;
  /** The last status before the end. */
  lastStatus: JobStatus;
  /** The orchestrator has said that the job is not this agent's: it will settle nothing. */
  disowned?: boolean;
}

/** Ends kept at most: an orchestrator that never settles must not fill the memory. */
const MAX_ENDED = 10_000;

const sameEpoch = (a: JobRef, b: JobRef) => a.epoch === b.epoch;

/** What the agent runs, and what of it the orchestrator does not know for certain yet. No input or output. */
export class JobTable {
  private readonly live = new Map<string, LiveJob>();
  private ended: EndedJob[] = [];

  /** Slots in use, undecided jobs included. */
  get used(): number {
    return this.live.size;
  }

  get(jobId: string): LiveJob | undefined {
    return this.live.get(jobId);
  }

  add(job: LiveJob): void {
    this.live.set(job.jobId, job);
  }

  /** Forgets a job that was declined. */
  drop(job: LiveJob): void {
    if (this.live.get(job.jobId) === job) this.live.delete(job.jobId);
  }

  /** Moves a job to the ends that wait for the orchestrator. */
  end(job: LiveJob, status: FinalStatus, details: ReportDetails): EndedJob {
    this.drop(job);
    const ended: EndedJob = { jobId: job.jobId, epoch: job.epoch, status, details, lastStatus: job.status };
    if (job.disowned) ended.disowned = true;
    this.ended = [...this.ended.filter((other) => other.jobId !== job.jobId || !sameEpoch(other, job)), ended].slice(
      -MAX_ENDED,
    );
    return ended;
  }

  /** The unsettled ends of a job, or of all jobs. */
  unsettled(jobId?: string): readonly EndedJob[] {
    return jobId === undefined ? this.ended : this.ended.filter((job) => job.jobId === jobId);
  }

  /**
   * Forgets a job's end: that of the epoch, or every one where the orchestrator names none.
   *
   * @returns what was forgotten.
   */
  settle({ jobId, epoch }: JobRef): readonly EndedJob[] {
    const isMeant = (job: EndedJob) => job.jobId === jobId && (epoch === undefined || job.epoch === epoch);
    const settled = this.ended.filter(isMeant);
    if (settled.length > 0) this.ended = this.ended.filter((job) => !isMeant(job));
    return settled;
  }

  /** What runs of a job, and what is left of it, is not this agent's any more. */
  disown(jobId: string): void {
    for (const job of [this.live.get(jobId), ...this.unsettled(jobId)]) if (job !== undefined) job.disowned = true;
  }

  /** A new connection begins, on which nothing has been sent. */
  forgetSent(): void {
    for (const job of this.live.values()) delete job.sentStatus;
  }

  accepted(): LiveJob[] {
    return [...this.live.values()].filter((job) => job.accepted);
  }

  /**
   * What the hello says. An unsettled end still counts as running, as it last was: its report follows the hello, and an
   * orchestrator that missed the job in the hello would take it for lost.
   */
  activeJobs(): ActiveJob[] {
    const running = this.accepted().map(({ jobId, epoch, status }) => ({ jobId, epoch, status }));
    const ending = this.ended
      .filter(({ jobId }) => !this.live.has(jobId))
      .map(({ jobId, epoch, lastStatus }) => ({ jobId, epoch, status: lastStatus }));
    return [...running, ...ending];
  }
}
