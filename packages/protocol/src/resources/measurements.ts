import { z } from "zod";
import { timestampSchema } from "../primitives.js";
import { alarmSchema, onAirSchema } from "./progress.js";

const measured = z.number().min(0).nullable();

/**
 * What a running job measured in one interval of its chart. `null` is what was not measured. Of values that may dip, the mean
 * stands beside the smallest and the largest, so that no dip gets lost in a long interval.
 */
export const measurementSampleSchema = z
  .object({
    /** Beginning of the interval. */
    at: timestampSchema,
    fps: measured,
    fpsMin: measured,
    fpsMax: measured,
    bitrateKbps: measured,
    bitrateKbpsMin: measured,
    bitrateKbpsMax: measured,
    /** Output seconds per second: 1 is real time. */
    speed: measured,
    speedMin: measured,
    speedMax: measured,
    /** Frames that were dropped in this interval alone. */
    droppedFrames: z.int().min(0),
    /** Processor use of all processes of the job, in percent of one core. */
    cpuPercent: measured,
    /** The most in the interval. */
    memoryMiB: measured,
    /** As many as watched at its end. */
    viewers: z.int().min(0).nullable(),
    /** The loudest peak of any channel, in decibels below full scale. */
    peakDbfs: z.number().nullable(),
    /** What went out; of several things the one that is furthest from the program: slate, backup, pause, nothing. */
    onAir: onAirSchema.nullable(),
    /** Whatever was wrong at any moment of it. */
    alarms: z.array(alarmSchema),
  })
  .meta({ id: "MeasurementSample" });
export type MeasurementSample = z.infer<typeof measurementSampleSchema>;

/**
 * `GET /v1/jobs/:id/measurements`: one chart of the whole run, of at most 600 intervals. A run that outgrows them has its
 * neighbours merged and `intervalMs` doubled.
 */
export const measurementsSchema = z
  .object({
    /** Length of every interval; 1,000 at first. */
    intervalMs: z.int().min(1000),
    /** When the first interval begins; null where nothing was measured. */
    from: timestampSchema.nullable(),
    /** One per interval, without a hole; null where nothing was heard of the job. */
    samples: z.array(measurementSampleSchema.nullable()).max(600),
  })
  .meta({ id: "Measurements" });
export type Measurements = z.infer<typeof measurementsSchema>;
