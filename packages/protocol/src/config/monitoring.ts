import { z } from "zod";

/** How long something must hold before it is an alarm, in milliseconds; null: it never is. */
const alarmAfter = (ms: number) => z.int().min(500).max(3_600_000).nullable().default(ms);

/** When the operator is told that something is wrong with what viewers get. */
export const alarmSettingsSchema = z
  .object({
    /** The picture is black. */
    blackMs: alarmAfter(5000),
    /** The picture does not change. */
    frozenMs: alarmAfter(15_000),
    /** There is no sound although the stream is not muted. */
    silentMs: alarmAfter(15_000),
    /** The sound is cut off at full scale. */
    clippingMs: alarmAfter(2000),
    /** A destination is not reached. */
    reconnectingMs: alarmAfter(5000),
  })
  .meta({ id: "AlarmSettings" });
export type AlarmSettings = z.infer<typeof alarmSettingsSchema>;

/** How the agent looks at what goes out: pictures for the board, the level of the sound, alarms. */
export const monitoringSchema = z
  .object({
    enabled: z.boolean().default(true),
    /** Milliseconds between two pictures; they come with keyframes, so never more often than these. */
    pictureMs: z.int().min(500).max(60_000).default(2000),
    /** Height of the pictures; their width follows from the shape of the video. */
    pictureHeight: z
      .int()
      .min(90)
      .max(720)
      .refine((height) => height % 2 === 0, "must be even")
      .default(180),
    alarms: alarmSettingsSchema.prefault({}),
  })
  .meta({ id: "Monitoring" });
export type Monitoring = z.infer<typeof monitoringSchema>;
