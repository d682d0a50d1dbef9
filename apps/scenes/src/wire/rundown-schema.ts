import { z } from "zod";
import {
  FRAME_RATES,
  isTimeOfDay,
  LIFECYCLES,
  lengthOf,
  nextTimeOfDay,
  type Rundown,
  type Scene,
} from "../timeline/index.js";

/** Longest scene: a year. */
const MAX_DURATION_MS = 366 * 86_400_000;
const MAX_SCENES = 1000;
/** A moment is a safe whole number for a long time to come. */
const MAX_MOMENT_MS = 8_640_000_000_000_000;

export const sceneNameSchema = z.string().trim().min(1).max(200);
const metadataSchema = z
  .record(z.string().min(1).max(200), z.string().max(4000))
  .refine((entries) => Object.keys(entries).length <= 50, "must have at most 50 entries");
const momentMs = z.int().min(0).max(MAX_MOMENT_MS);

const sceneSchema = z.object({
  id: z.string().min(1).max(200).optional(),
  name: sceneNameSchema,
  duration_ms: z.int().min(1).max(MAX_DURATION_MS),
  hold: z.boolean().default(false),
  metadata: metadataSchema.default({}),
});

/** A moment, as ISO 8601 or as a time of day. */
const whenSchema = z
  .string()
  .refine((text) => isTimeOfDay(text) || z.iso.datetime({ offset: true }).safeParse(text).success, {
    message: "must be a time of day such as 20:15:00, or a moment such as 2026-11-21T20:15:00Z",
  });

const timeZoneSchema = z.string().refine(isTimeZone, "must be a time zone such as Europe/Berlin");

const fields = z.object({
  scenes: z.array(sceneSchema).min(1).max(MAX_SCENES),
  tick_interval_ms: z.int().min(20).max(60_000).default(100),
  loop: z.boolean().default(false),
  start_offset_ms: z.int().min(0).default(0),
  look_ahead_ms: z.int().min(0).max(3_600_000).default(5000),
  frame_rate: z.union([z.enum(FRAME_RATES), z.number().transform(String).pipe(z.enum(FRAME_RATES))]).default("25"),
  start_at: whenSchema.optional(),
  start_at_ms: momentMs.optional(),
  planned_end: whenSchema.optional(),
  planned_end_ms: momentMs.optional(),
  time_zone: timeZoneSchema.default("UTC"),
  lifecycle: z.enum(LIFECYCLES).optional(),
});

/**
 * What is to be played, as it is written in JSON; moments may be given in milliseconds or in words.
 *
 * @param nowMs what times of day are the next after.
 */
export const rundownSchema = (nowMs: number) =>
  fields
    .superRefine((given, context) => {
      const wholeMs = given.scenes.reduce((sum, { duration_ms }) => sum + duration_ms, 0);
      if (given.start_offset_ms >= wholeMs)
        context.addIssue({
          code: "custom",
          path: ["start_offset_ms"],
          message: `must be less than the scenes take (${wholeMs})`,
        });
      if (given.start_at !== undefined && given.start_at_ms !== undefined)
        context.addIssue({
          code: "custom",
          path: ["start_at"],
          message: "must not be given together with start_at_ms",
        });
      if (given.planned_end !== undefined && given.planned_end_ms !== undefined)
        context.addIssue({
          code: "custom",
          path: ["planned_end"],
          message: "must not be given together with planned_end_ms",
        });
      const ids = given.scenes.flatMap(({ id }) => id ?? []);
      if (new Set(ids).size < ids.length)
        context.addIssue({ code: "custom", path: ["scenes"], message: "must not have one id twice" });
    })
    .transform((given): Rundown => {
      const startAtMs = given.start_at_ms ?? momentOf(given.start_at, given.time_zone, nowMs);
      return {
        scenes: withIds(given.scenes),
        ...{ tickIntervalMs: given.tick_interval_ms, loop: given.loop, startOffsetMs: given.start_offset_ms },
        ...{ lookAheadMs: given.look_ahead_ms, frameRate: given.frame_rate, startAtMs },
        // The end belongs after the start: 00:30 after 23:00 is tomorrow's.
        plannedEndMs: given.planned_end_ms ?? momentOf(given.planned_end, given.time_zone, startAtMs ?? nowMs),
        lifecycle: given.lifecycle ?? (startAtMs === null ? "subscribers" : "independent"),
      };
    });

/** A moment in words, or null. */
export const momentOf = (when: string | undefined, timeZone: string, afterMs: number): number | null => {
  if (when === undefined) return null;
  return isTimeOfDay(when) ? nextTimeOfDay(when, timeZone, afterMs) : Date.parse(when);
};

export const startSchema = z.object({
  start_at: whenSchema.optional(),
  start_at_ms: momentMs.optional(),
  time_zone: timeZoneSchema.default("UTC"),
});

function withIds(given: readonly z.infer<typeof sceneSchema>[]): Scene[] {
  const taken = new Set(given.flatMap(({ id }) => id ?? []));
  return given.map(({ id, name, duration_ms: durationMs, hold, metadata }) => {
    let own = id ?? name;
    for (let number = 2; id === undefined && taken.has(own); number += 1) own = `${name}#${number}`;
    taken.add(own);
    return { id: own, name, durationMs, hold, metadata };
  });
}

function isTimeZone(timeZone: string): boolean {
  try {
    new Intl.DateTimeFormat("en-US", { timeZone });
    return true;
  } catch {
    return false;
  }
}

/** A rundown as it is shown. */
export function rundownJson(rundown: Rundown) {
  return {
    scenes: rundown.scenes.map(({ id, name, durationMs, hold, metadata }) => ({
      id,
      name,
      duration_ms: durationMs,
      hold,
      metadata,
    })),
    ...{ tick_interval_ms: rundown.tickIntervalMs, loop: rundown.loop, start_offset_ms: rundown.startOffsetMs },
    ...{ look_ahead_ms: rundown.lookAheadMs, frame_rate: rundown.frameRate, start_at_ms: rundown.startAtMs },
    ...{ planned_end_ms: rundown.plannedEndMs, lifecycle: rundown.lifecycle, duration_ms: lengthOf(rundown.scenes) },
  };
}
