import { z } from "zod";
import { pathSchema, urlSchema } from "./source.js";

/** Containers that a recording can have. */
export const FILE_FORMATS = ["mp4", "mov", "mkv", "ts", "flv"] as const;
export type FileFormat = (typeof FILE_FORMATS)[number];

/** Platforms and kinds of servers that a destination can be named by. */
export const PRESET_IDS = ["youtube", "twitch", "facebook", "custom-rtmp", "custom-srt"] as const;
export const presetIdSchema = z.enum(PRESET_IDS).meta({ id: "PresetId" });
export type PresetId = z.infer<typeof presetIdSchema>;

/** A name for the destination in reports; `type-number` where none is given. */
const id = z.string().min(1).max(64).optional();

/** What it was named by, or what is behind the address. */
const preset = presetIdSchema.optional();

const rtmpDestination = z.object({
  type: z.literal("rtmp"),
  id,
  preset,
  url: urlSchema(["rtmp", "rtmps"]),
  /** Appended to the address as its last path segment. Kept out of every log and report. */
  streamKey: z.string().min(1).max(512).optional(),
});
const srtDestination = z.object({
  type: z.literal("srt"),
  id,
  preset,
  url: urlSchema(["srt"]),
  latencyMs: z.int().min(20).max(30_000).default(200),
  passphrase: z.string().min(10).max(79).optional(),
});
const hlsDestination = z.object({
  type: z.literal("hls"),
  id,
  /** Folder that receives `index.m3u8` and the segments. */
  path: pathSchema,
  segmentSeconds: z.number().min(0.5).max(30).default(2),
  /** Segments in the playlist; 0 keeps all of them. */
  listSize: z.int().min(0).max(10_000).default(6),
});
const fileDestination = z.object({
  type: z.literal("file"),
  id,
  path: pathSchema,
  /** Taken from the file name's ending where absent. */
  format: z.enum(FILE_FORMATS).optional(),
});

/** Where an encoded stream goes. */
export const destinationSchema = z
  .discriminatedUnion("type", [rtmpDestination, srtDestination, hlsDestination, fileDestination])
  .meta({ id: "Destination" });
export type Destination = z.infer<typeof destinationSchema>;
