import { z } from "zod";
import { destinationSchema } from "./destination.js";
import { monitoringSchema } from "./monitoring.js";
import { limitsSchema, pauseSchema, slowEncoderSchema, sourceLossSchema } from "./on-air.js";
import { overlaySchema } from "./overlay.js";
import { sourceSchema } from "./source.js";

/** x264's names; other encoders map them to their own. */
export const PRESETS = ["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow"] as const;

/** Picture heights with a name, and the size and bitrate that go with each at 30 frames a second. */
export const QUALITIES = {
  "240p": { width: 426, height: 240, bitrateKbps: 400 },
  "360p": { width: 640, height: 360, bitrateKbps: 800 },
  "480p": { width: 854, height: 480, bitrateKbps: 1400 },
  "720p": { width: 1280, height: 720, bitrateKbps: 3000 },
  "1080p": { width: 1920, height: 1080, bitrateKbps: 5000 },
  "1440p": { width: 2560, height: 1440, bitrateKbps: 9000 },
  "2160p": { width: 3840, height: 2160, bitrateKbps: 18_000 },
} as const;
export type Quality = keyof typeof QUALITIES;
export const qualitySchema = z.enum(Object.keys(QUALITIES) as [Quality, ...Quality[]]).meta({ id: "Quality" });

const even = (value: number) => value % 2 === 0;

/** How the picture is encoded, once, for all destinations. */
export const videoSettingsSchema = z
  .object({
    /** 4:2:0 video needs even sizes. */
    width: z.int().min(16).max(7680).refine(even, "must be even").default(1280),
    height: z.int().min(16).max(4320).refine(even, "must be even").default(720),
    fps: z.number().min(1).max(120).default(30),
    bitrateKbps: z.int().min(50).max(100_000).default(3000),
    /** Seconds between keyframes: YouTube and Twitch ask for 2. */
    gopSeconds: z.number().min(0.2).max(10).default(2),
    preset: z.enum(PRESETS).default("veryfast"),
    /** An ffmpeg encoder name, or `auto`: the best H.264 encoder that works on the machine. */
    encoder: z
      .string()
      .regex(/^[a-z0-9_]{1,40}$/, "must be an ffmpeg encoder name")
      .default("auto"),
  })
  .meta({ id: "VideoSettings" });
export type VideoSettings = z.infer<typeof videoSettingsSchema>;

/** How the sound is encoded. */
export const audioSettingsSchema = z
  .object({
    bitrateKbps: z.int().min(16).max(512).default(128),
    sampleRateHz: z.union([z.literal(44_100), z.literal(48_000)]).default(48_000),
    channels: z.union([z.literal(1), z.literal(2)]).default(2),
  })
  .meta({ id: "AudioSettings" });
export type AudioSettings = z.infer<typeof audioSettingsSchema>;

/** The config of a streaming job in its full form: one source, one encode, any number of destinations. */
export const streamConfigSchema = z
  .object({
    source: sourceSchema,
    /** Where none is given, the agent chooses: the platform of the job's metadata, or an HLS preview. */
    destinations: z.array(destinationSchema).max(16).default([]),
    video: videoSettingsSchema.prefault({}),
    audio: audioSettingsSchema.prefault({}),
    /** Milliseconds without a new frame after which the encoder counts as failed. */
    stallTimeoutMs: z.int().min(1000).max(600_000).default(10_000),
    /** Milliseconds that the first frame may take. */
    startTimeoutMs: z.int().min(1000).max(600_000).default(30_000),
    sourceLoss: sourceLossSchema.prefault({}),
    pause: pauseSchema.prefault({}),
    limits: limitsSchema.prefault({}),
    slowEncoder: slowEncoderSchema.prefault({}),
    monitoring: monitoringSchema.prefault({}),
    overlay: overlaySchema.optional(),
    /** Stop by itself after this much output. */
    durationSeconds: z.number().positive().max(31_536_000).optional(),
  })
  .superRefine((config, context) => {
    const seen = new Set<string>();
    for (const [index, { id }] of config.destinations.entries()) {
      if (id !== undefined && seen.has(id))
        context.addIssue({ code: "custom", path: ["destinations", index, "id"], message: `"${id}" is used twice` });
      if (id !== undefined) seen.add(id);
    }
  })
  .meta({ id: "StreamConfig" });
export type StreamConfig = z.infer<typeof streamConfigSchema>;
/** The full form as a client may write it, defaults left out. */
export type StreamConfigInput = z.input<typeof streamConfigSchema>;
