import { isFinalStatus, type JobSchedule, type JobScheduleInput } from "@stream-control/protocol";
import { AppError, type Logger, toError } from "@stream-control/service-kit";
import { asSystem } from "@stream-control/service-kit/http";
import { Alarms } from "../scheduling/alarms.js";
import type { Scheduler } from "../scheduling/scheduler.js";
import type { JobRow } from "../store/tables.js";
import { type JobControl, jobNotFound } from "./control.js";
import { fromJson } from "./job-record.js";
import type { Ledger } from "./ledger.js";
import { hasNotBegun, requireFuture, scheduleDue, toSchedule } from "./schedule.js";

export interface JobSchedulesOptions {
  ledger: Ledger;
  control: JobControl;
  scheduler: Scheduler;
  logger: Logger;
  now: () => Date;
}

const SCHEDULED = "SCHEDULED";
/** Until what could not be written, such as on a full disk, is tried again. */
const RETRY_MS = 5000;

/** Starts and stops jobs at their times. Those are on disk, so that a restart changes none. */
export class JobSchedules {
  private readonly alarms: Alarms;

  constructor(private readonly options: JobSchedulesOptions) {
    this.alarms = new Alarms(options.now);
  }

  /** Takes in the jobs that were open at the start, before the scheduler gives any of them away. */
  start(open: readonly JobRow[]): void {
    for (const job of open) this.follow(job);
    this.options.ledger.onCommit(({ job, before }) => {
      if (job.status !== before?.status || job.schedule !== before.schedule) this.follow(job);
    });
  }

  stop(): void {
    this.alarms.stop();
  }

  /**
   * Gives a job another schedule, or none. The start of a job that has begun stays what it was.
   *
   * @throws AppError `JOB_NOT_FOUND`, `JOB_ENDED`; `JOB_STARTED` for another start of a job that has begun;
   * `VALIDATION_FAILED` for a stop in the past.
   */
  async set(jobId: string, given: JobScheduleInput): Promise<JobRow> {
    const wanted = toSchedule(given);
    requireFuture(wanted, this.options.now());
    const { job, outcome } = await this.options.ledger.reschedule(jobId, (row) => {
      if (isFinalStatus(row.status) || row.wanted_status === "STOPPED") return undefined;
      if (hasNotBegun(row)) return { schedule: wanted };
      const startAt = scheduleOf(row)?.startAt ?? null;
      if (wanted?.startAt != null && wanted.startAt !== startAt) return undefined;
      return { schedule: toSchedule({ ...wanted, startAt }) };
    });
    if (job === undefined) throw jobNotFound(jobId);
    if (outcome === "applied") return job;
    if (isFinalStatus(job.status) || job.wanted_status === "STOPPED")
      throw new AppError("JOB_ENDED", `The job is ${job.status}; nothing can be scheduled for it any more.`);
    throw new AppError(
      "JOB_STARTED",
      "The job has been started already; leave out startAt, and give only when it is to stop.",
    );
  }

  private follow(job: JobRow): void {
    this.alarms.clear(job.id);
    const { scheduler, now } = this.options;
    const schedule = scheduleOf(job);
    const due = schedule === null ? undefined : scheduleDue(job, schedule, now().getTime());
    if (due?.do === "stop") scheduler.holdUp(job.id, { code: SCHEDULED, message: due.reason.message });
    else if (due?.isHeld)
      scheduler.holdUp(job.id, { code: SCHEDULED, message: `The job is to start at ${schedule?.startAt}.` });
    else scheduler.letGo(job.id, SCHEDULED);
    // Not within the commit that told of the job.
    if (due?.do === "stop") this.alarms.set(job.id, 0, () => this.end(job, due.reason));
    else if (due?.untilMs !== undefined) this.alarms.set(job.id, due.untilMs, () => this.follow(job));
  }

  private end(job: JobRow, reason: Parameters<JobControl["stop"]>[1]): void {
    const { control, logger, now } = this.options;
    asSystem(() => control.stop(job.id, reason)).catch((thrown: unknown) => {
      logger.error({ err: toError(thrown), jobId: job.id }, "a scheduled stop is tried again");
      this.alarms.set(job.id, now().getTime() + RETRY_MS, () => this.end(job, reason));
    });
  }
}

const scheduleOf = ({ schedule }: JobRow): JobSchedule | null => fromJson<JobSchedule>(schedule);
