import { z } from "zod";
import { idSchema } from "../primitives.js";
import { lengthSchema } from "./length.js";

/** Longest composition, in seconds. */
export const MAX_RENDER_SECONDS = 14_400;

const seconds = z.number().min(0).max(MAX_RENDER_SECONDS);
const someSeconds = z.number().min(0.01).max(MAX_RENDER_SECONDS);

/** A colour as `#1a2b3c`. */
export const renderColorSchema = z.string().regex(/^#[0-9a-fA-F]{6}$/, "must look like #1a2b3c");

/** What is read: an address, or a path on the agent that renders. */
export const renderSourceSchema = z
  .string()
  .min(1)
  .max(4096)
  .refine((value) => !/\p{Cc}/u.test(value), "must not contain control characters")
  .refine(
    (value) =>
      !/^[a-z][a-z0-9+.-]*:/i.test(value) ||
      /^https?:\/\/[^/]/i.test(value) ||
      /^file:\/\/\//i.test(value) ||
      bucketOfSource(value) !== undefined,
    "must be an http:// or https:// address, s3://bucket/key, a file:/// address, or a path",
  );

/** The bucket and the key of a source such as `s3://films/2026/final.mp4`, as they stand there; undefined for any other. */
export function bucketOfSource(source: string): { bucket: string; key: string } | undefined {
  const [, bucket, key] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\/(.{1,1024})$/.exec(source) ?? [];
  return bucket === undefined || key === undefined ? undefined : { bucket, key };
}

/** The path of a source on the agent's disk; undefined for an address. */
export function pathOfSource(source: string): string | undefined {
  if (/^https?:/i.test(source) || bucketOfSource(source) !== undefined) return undefined;
  return /^file:\/\/\//i.test(source) ? decoded(source.slice("file://".length)) : source;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

const fade = (type: "fade_in" | "fade_out") =>
  z.strictObject({ type: z.literal(type), /** Seconds. */ duration: someSeconds.default(1) });

/** Effects of the picture and, where it has one, of the sound. */
export const visualEffectSchema = z.discriminatedUnion("type", [
  fade("fade_in"),
  fade("fade_out"),
  /** 1 is as blurred as it gets: a standard deviation of 5 % of the picture's height. */
  z.strictObject({ type: z.literal("blur"), intensity: z.number().min(0).max(1).default(0.5) }),
  /** -1 is black, 0 changes nothing, 1 is white. */
  z.strictObject({ type: z.literal("brightness"), intensity: z.number().min(-1).max(1) }),
  /** -1 is plain grey, 0 changes nothing, 1 doubles. */
  z.strictObject({ type: z.literal("contrast"), intensity: z.number().min(-1).max(1) }),
  /** -1 has no colours, 0 changes nothing, 1 doubles. */
  z.strictObject({ type: z.literal("saturation"), intensity: z.number().min(-1).max(1) }),
  z.strictObject({ type: z.literal("grayscale") }),
]);
export type VisualEffect = z.infer<typeof visualEffectSchema>;

const audioEffectSchema = z.discriminatedUnion("type", [fade("fade_in"), fade("fade_out")]);

const timing = {
  id: idSchema.optional(),
  /** Higher ones lie above lower ones; on the same track, later ones of the list above earlier ones. */
  track: z.int().min(0).max(1000).default(1),
  /** Seconds from the beginning; `start_time` is another name of it. */
  time: seconds.optional(),
  start_time: seconds.optional(),
  /** Seconds. As long as the source unless given; what has no length of its own lasts to the end of the composition. */
  duration: someSeconds.optional(),
  /** Says that no duration is given on purpose. */
  duration_mode: z.literal("auto").optional(),
};

/** How an element comes in over its neighbour on the track, which stays beneath it until it is there. */
export const transitionSchema = z
  .strictObject({
    /** What is wiped or slides moves in that direction. */
    type: z.enum([
      "fade",
      "wipe_left",
      "wipe_right",
      "wipe_up",
      "wipe_down",
      "slide_left",
      "slide_right",
      "slide_up",
      "slide_down",
    ]),
    /** Seconds. */
    duration: someSeconds.default(1),
  })
  .meta({ id: "RenderTransition" });
export type RenderTransition = z.infer<typeof transitionSchema>;

const placing = {
  x: lengthSchema.default("0%"),
  y: lengthSchema.default("0%"),
  width: lengthSchema.default("100%"),
  height: lengthSchema.default("100%"),
  /** 0 is not to be seen. */
  opacity: z.number().min(0).max(1).default(1),
  /** Degrees, clockwise, around the middle. */
  rotation: z.number().min(-3600).max(3600).default(0),
  effects: z.array(visualEffectSchema).max(16).default([]),
  /** From what was on the same track until it begins. */
  transition: transitionSchema.optional(),
};

/** How a picture fills its box: `contain` (and `auto`) shows all of it, `cover` fills the box and cuts, `fill` distorts. */
const fitting = { fit_mode: z.enum(["auto", "contain", "cover", "fill"]).default("auto") };

const trim = z
  .strictObject({ start: seconds.default(0), end: someSeconds.optional(), duration: someSeconds.optional() })
  .refine(({ end, duration }) => end === undefined || duration === undefined, {
    path: ["duration"],
    message: "goes without end, and end without it",
  })
  .refine(({ start, end }) => end === undefined || end > start, { path: ["end"], message: "must be later than start" });

const sounding = {
  source: renderSourceSchema,
  /** Which part of the source, in seconds. */
  trim: trim.optional(),
  /** 1 is as it is, 0 is silent. */
  volume: z.number().min(0).max(10).default(1),
};

const text = z
  .string()
  .min(1)
  .max(2000)
  .refine((value) => !/[^\P{Cc}\n]/u.test(value), "must not contain control characters, but for line breaks");

/** One thing that is to be seen or heard. */
export const renderElementSchema = z
  .discriminatedUnion("type", [
    z.strictObject({ type: z.literal("video"), ...timing, ...placing, ...fitting, ...sounding }),
    z.strictObject({ type: z.literal("image"), ...timing, ...placing, ...fitting, source: renderSourceSchema }),
    z.strictObject({
      type: z.literal("text"),
      ...timing,
      ...placing,
      text,
      /** Height of the letters. */
      font_size: lengthSchema.default("8%"),
      color: renderColorSchema.default("#ffffff"),
      align: z.enum(["left", "center", "right"]).default("center"),
      vertical_align: z.enum(["top", "middle", "bottom"]).default("middle"),
    }),
    z.strictObject({
      type: z.literal("shape"),
      ...timing,
      ...placing,
      shape: z.enum(["rectangle", "ellipse"]).default("rectangle"),
      color: renderColorSchema.default("#ffffff"),
    }),
    z.strictObject({
      type: z.literal("audio"),
      ...timing,
      ...sounding,
      effects: z.array(audioEffectSchema).max(16).default([]),
    }),
  ])
  .refine(({ time, start_time }) => time === undefined || start_time === undefined || time === start_time, {
    path: ["start_time"],
    message: "differs from time; give one of them",
  })
  .refine(({ duration, duration_mode }) => duration === undefined || duration_mode === undefined, {
    path: ["duration_mode"],
    message: "goes without duration",
  });
export type RenderElement = z.infer<typeof renderElementSchema>;

/** When an element begins, in seconds. */
export const startOf = ({ time, start_time }: Pick<RenderElement, "time" | "start_time">): number =>
  time ?? start_time ?? 0;
