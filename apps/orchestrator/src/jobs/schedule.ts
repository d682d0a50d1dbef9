import { isFinalStatus, type JobSchedule, type JobScheduleInput, type Reason } from "@stream-control/protocol";
import { AppError } from "@stream-control/service-kit";
import type { JobRow } from "../store/tables.js";

/** What a job's schedule asks for now, and when to look again. */
export type Due =
  | { do: "stop"; reason: Reason }
  /** At this moment, by the wall clock in milliseconds; undefined where there is no time to come. Held: not to be started. */
  | { do: "wait"; isHeld: boolean; untilMs: number | undefined };

type Timed = Pick<JobRow, "status" | "wanted_status" | "epoch" | "started_at">;

/** Whether a job has not been given to an agent yet, so that its start can still be moved. */
export const hasNotBegun = ({ status, epoch }: Timed): boolean =>
  epoch === 0 && (status === "PENDING" || status === "CREATED");

/**
 * Pure. A job waits for its start, which it makes up for where it was missed, unless its stop has come by then; the end of its
 * time stops it like an operator.
 */
export function scheduleDue(job: Timed, schedule: JobSchedule, nowMs: number): Due {
  if (isFinalStatus(job.status) || job.wanted_status === "STOPPED")
    return { do: "wait", isHeld: false, untilMs: undefined };
  const stopAtMs = msOf(schedule.stopAt);
  const stopAfterMs = (msOf(job.started_at) ?? Number.NaN) + (schedule.stopAfterMinutes ?? Number.NaN) * 60_000;
  if (stopAtMs !== undefined && nowMs >= stopAtMs) return { do: "stop", reason: stopReason(job, schedule) };
  if (nowMs >= stopAfterMs) return { do: "stop", reason: overReason(schedule) };
  const startAtMs = hasNotBegun(job) ? msOf(schedule.startAt) : undefined;
  const isHeld = startAtMs !== undefined && nowMs < startAtMs;
  const moments = [stopAtMs, Number.isNaN(stopAfterMs) ? undefined : stopAfterMs, isHeld ? startAtMs : undefined];
  const coming = moments.filter((moment) => moment !== undefined);
  return { do: "wait", isHeld, untilMs: coming.length === 0 ? undefined : Math.min(...coming) };
}

const msOf = (moment: string | null): number | undefined => (moment === null ? undefined : Date.parse(moment));

const stopReason = (job: Timed, { stopAt }: JobSchedule): Reason =>
  job.started_at === null
    ? {
        code: "SCHEDULE_MISSED",
        message: `The job was to stop at ${stopAt} and had not run by then; it is not started any more.`,
        fault: null,
      }
    : { code: "SCHEDULED_STOP", message: `The job was to stop at ${stopAt}.`, fault: null };

const overReason = ({ stopAfterMinutes }: JobSchedule): Reason => ({
  code: "SCHEDULED_STOP",
  message: `The job was to run for ${stopAfterMinutes} ${stopAfterMinutes === 1 ? "minute" : "minutes"}.`,
  fault: null,
});

/** A schedule as it is kept, times in UTC; null where there is none. */
export function toSchedule(given: JobScheduleInput | null | undefined): JobSchedule | null {
  const { startAt, stopAt, stopAfterMinutes } = given ?? {};
  if (startAt == null && stopAt == null && stopAfterMinutes == null) return null;
  return { startAt: inUtc(startAt), stopAt: inUtc(stopAt), stopAfterMinutes: stopAfterMinutes ?? null };
}

const inUtc = (moment: string | null | undefined): string | null =>
  moment == null ? null : new Date(moment).toISOString();

/** @throws AppError `VALIDATION_FAILED` for a stop that is over before the job could be. */
export function requireFuture(schedule: JobSchedule | null, now: Date): void {
  if (schedule?.stopAt == null || Date.parse(schedule.stopAt) > now.getTime()) return;
  throw new AppError("VALIDATION_FAILED", `The schedule is wrong: stopAt: ${schedule.stopAt} is over already.`);
}
