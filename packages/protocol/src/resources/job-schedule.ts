import { z } from "zod";
import { timestampSchema } from "../primitives.js";

/** A year. */
const MAX_MINUTES = 525_600;

const stopAfterMinutes = z.number().positive().max(MAX_MINUTES);

/** When a job starts and stops by itself, as it is shown. */
export const jobScheduleSchema = z
  .object({
    /** Not before this moment; at once where null. */
    startAt: timestampSchema.nullable(),
    /** At the latest at this moment. */
    stopAt: timestampSchema.nullable(),
    /** So long after the job first ran. */
    stopAfterMinutes: stopAfterMinutes.nullable(),
  })
  .meta({ id: "JobSchedule" });
export type JobSchedule = z.infer<typeof jobScheduleSchema>;

/** A schedule as a client writes it, in a new job or as the body of `PUT /v1/jobs/:id/schedule`; the first stop counts. */
export const jobScheduleInputSchema = z
  .object({
    startAt: timestampSchema.nullish(),
    stopAt: timestampSchema.nullish(),
    stopAfterMinutes: stopAfterMinutes.nullish(),
  })
  .refine(({ startAt, stopAt }) => startAt == null || stopAt == null || Date.parse(stopAt) > Date.parse(startAt), {
    path: ["stopAt"],
    message: "must be later than startAt",
  })
  .meta({ id: "JobScheduleInput" });
export type JobScheduleInput = z.infer<typeof jobScheduleInputSchema>;
