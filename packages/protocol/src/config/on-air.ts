import { z } from "zod";
import { pathSchema, sourceSchema } from "./source.js";

const color = z
  .string()
  .regex(/^#[0-9a-fA-F]{6}$/, "must look like #1a2b3c")
  .default("#101418");

/** What viewers see while there is nothing better: made with the settings of the job's own encode, with silence. */
export const slateSchema = z
  .discriminatedUnion("kind", [
    z.object({ kind: z.literal("color"), color }),
    z.object({ kind: z.literal("image"), path: pathSchema }),
    /** Played again and again, with its sound. */
    z.object({ kind: z.literal("video"), path: pathSchema }),
    z.object({
      kind: z.literal("text"),
      text: z.string().max(200).default("Technical difficulties. We will be right back."),
      color,
      /** Show the time of day below the text. */
      clock: z.boolean().default(true),
    }),
  ])
  .meta({ id: "Slate" });
export type Slate = z.infer<typeof slateSchema>;

const duration = z.int().min(100).max(3_600_000);

/**
 * What happens when the source is lost: its end, an error, no frame, and, where asked for, a black or frozen picture or
 * silence. The destinations keep their connections meanwhile.
 */
export const sourceLossSchema = z
  .object({
    /** `slate`: show the backup or the slate and try the source again. `fail`: end the job, by its restart policy. */
    action: z.enum(["slate", "fail"]).default("slate"),
    /** Milliseconds without a frame that are ridden out before anything is switched. */
    graceMs: z.int().min(0).max(60_000).default(500),
    /** Milliseconds of black picture after which the source counts as lost; absent: never. */
    blackMs: duration.optional(),
    /** Milliseconds of unchanged picture. */
    frozenMs: duration.optional(),
    /** Milliseconds of silence. */
    silentMs: duration.optional(),
    /** Shown instead of the slate as long as it works. */
    backup: sourceSchema.optional(),
    slate: slateSchema.prefault({ kind: "text" }),
    /** `auto`: go back to the source once it is good again. `manual`: only when the input is switched by hand. */
    returnTo: z.enum(["auto", "manual"]).default("auto"),
    /** Milliseconds that the source must be good for before it is taken back. */
    returnAfterMs: z.int().min(0).max(600_000).default(1000),
    /** Longest pause between two tries of the source, in milliseconds. */
    retryMaxMs: z.int().min(500).max(600_000).default(15_000),
    /** End the job when the source stays away for longer; absent: never. */
    giveUpAfterMs: z.int().min(1000).max(604_800_000).optional(),
  })
  .meta({ id: "SourceLoss" });
export type SourceLoss = z.infer<typeof sourceLossSchema>;

/** What a paused stream shows: a holding picture, or nothing at all (destinations keep an idle connection). */
export const pauseSchema = z
  .object({
    to: z.enum(["slate", "nothing"]).default("slate"),
    slate: slateSchema.prefault({ kind: "text", text: "We will be right back.", clock: false }),
  })
  .meta({ id: "PauseSettings" });
export type PauseSettings = z.infer<typeof pauseSchema>;

/** What one job may use of its machine. Its processes are counted together. */
export const limitsSchema = z
  .object({
    /** Of one core: 150 is one and a half. */
    cpuPercent: z.int().min(10).max(12_800).optional(),
    memoryMiB: z.int().min(64).max(1_048_576).optional(),
    /** Milliseconds over a limit before anything happens. */
    forMs: z.int().min(1000).max(600_000).default(15_000),
    /** `warn` tells the operator; `restart` starts the encoder again, once; `fail` ends the job. */
    action: z.enum(["warn", "restart", "fail"]).default("warn"),
  })
  .meta({ id: "JobLimits" });
export type JobLimits = z.infer<typeof limitsSchema>;

/** When an encoder that cannot keep up with the clock counts as failed. */
export const slowEncoderSchema = z
  .object({
    /** Output seconds per second below which it is too slow. */
    belowSpeed: z.number().min(0.1).max(1).default(0.9),
    forMs: z.int().min(1000).max(600_000).default(20_000),
    /** As for limits; an encoder that is still too slow after its one restart goes on as it is. */
    action: z.enum(["warn", "restart", "fail"]).default("restart"),
  })
  .meta({ id: "SlowEncoder" });
export type SlowEncoder = z.infer<typeof slowEncoderSchema>;
