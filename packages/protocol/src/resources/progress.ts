import { z } from "zod";
import { timestampSchema } from "../primitives.js";

/** `CONNECTING` until bytes are accepted, `RETRYING` between two tries, `FAILED` once given up. */
export const DESTINATION_STATES = ["CONNECTING", "LIVE", "RETRYING", "FAILED", "ENDED"] as const;
export const destinationStateSchema = z.enum(DESTINATION_STATES);
export type DestinationState = z.infer<typeof destinationStateSchema>;

/** How one destination of a running job fares. */
export const destinationStatusSchema = z
  .object({
    id: z.string().max(64),
    type: z.string().max(32),
    state: destinationStateSchema,
    /** Address or path without credentials and keys. */
    target: z.string().max(4096).optional(),
    /** Why it is not live, in a sentence. */
    message: z.string().max(2048).optional(),
    /** Times the sender was started again. */
    restarts: z.int().min(0).optional(),
    droppedBytes: z.int().min(0).optional(),
  })
  .meta({ id: "DestinationStatus" });
export type DestinationStatus = z.infer<typeof destinationStatusSchema>;

/** What the destinations are getting. `nothing` is a pause onto nothing. */
export const ON_AIR = ["program", "backup", "slate", "paused", "nothing"] as const;
export const onAirSchema = z.enum(ON_AIR).meta({ id: "OnAir" });
export type OnAir = z.infer<typeof onAirSchema>;

/** What can be wrong with what viewers get. `slow`: the encoder does not keep up with the clock. */
export const ALARMS = ["black", "frozen", "silent", "clipping", "slow", "reconnecting"] as const;
export const alarmSchema = z.enum(ALARMS).meta({ id: "Alarm" });
export type Alarm = z.infer<typeof alarmSchema>;

/** Decibels below full scale; what is less than -120 counts as -120. */
const dbfs = z.number().min(-120).max(60);

/** How loud the outgoing sound is, mute and slates included. */
export const audioLevelsSchema = z
  .object({
    /** Length of one interval, in milliseconds. */
    intervalMs: z.int().min(10).max(1000),
    /** Peaks of the intervals since the last report, the oldest first; each has one value per channel. */
    peaksDbfs: z.array(z.array(dbfs).min(1).max(16)).max(50),
    /** Root mean square of the newest interval, one value per channel. */
    rmsDbfs: z.array(dbfs).min(1).max(16),
  })
  .meta({ id: "AudioLevels" });
export type AudioLevels = z.infer<typeof audioLevelsSchema>;

/** How far a job that renders is. */
export const RENDER_STEPS = ["downloading", "probing", "rendering", "checking", "publishing", "done"] as const;
export const renderProgressSchema = z
  .object({
    step: z.enum(RENDER_STEPS),
    /** Frames of the whole; known from `rendering` on. */
    totalFrames: z.int().min(1).optional(),
    /** Bytes of sources that have come, and that are known to come, while they are fetched. */
    fetchedBytes: z.int().min(0).optional(),
    ofBytes: z.int().min(0).optional(),
    /** Frames that were not encoded, because they had been before. */
    reusedFrames: z.int().min(0).optional(),
    /** Milliseconds since rendering was begun. */
    elapsedMs: z.number().min(0).optional(),
    /** Of the finished file. */
    bytes: z.int().min(0).optional(),
    /** The finished file's key in its store: a relative path, whose first folder is named after the job. */
    file: z.string().max(512).optional(),
    /** Where that is: below the agent's first output folder (also where this is absent), or in the bucket that agents share. */
    store: z.enum(["folder", "s3"]).optional(),
    /** Of the finished file, hexadecimal. */
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional(),
  })
  .meta({ id: "RenderProgress" });
export type RenderProgress = z.infer<typeof renderProgressSchema>;

/** What the running encode measures of itself, about once a second. Absent values could not be measured. */
export const progressSchema = z
  .object({
    frame: z.int().min(0).optional(),
    fps: z.number().min(0).optional(),
    bitrateKbps: z.number().min(0).optional(),
    /** Output seconds per second: 1 is real time. */
    speed: z.number().min(0).optional(),
    droppedFrames: z.int().min(0).optional(),
    duplicatedFrames: z.int().min(0).optional(),
    /** Length of the output so far. */
    outTimeMs: z.number().min(0).optional(),
    onAir: onAirSchema.optional(),
    audio: audioLevelsSchema.optional(),
    /** What is wrong at this moment. */
    alarms: z.array(alarmSchema).max(ALARMS.length).optional(),
    /** Processor use of all processes of the job, in percent of one core. */
    cpuPercent: z.number().min(0).optional(),
    memoryMiB: z.number().min(0).optional(),
    destinations: z.array(destinationStatusSchema).max(64).optional(),
    render: renderProgressSchema.optional(),
    measuredAt: timestampSchema.optional(),
  })
  .meta({ id: "Progress" });
export type Progress = z.infer<typeof progressSchema>;
