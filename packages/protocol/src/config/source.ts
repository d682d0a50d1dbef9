import { z } from "zod";

/** Test pictures that every ffmpeg can make. */
export const TEST_PATTERNS = ["testsrc2", "testsrc", "smptehdbars", "smptebars", "rgbtestsrc"] as const;

const url = (schemes: readonly string[]) =>
  z
    .string()
    .max(4096)
    // They would end a line of the protocol that the address is spoken in.
    .refine((value) => !/\p{Cc}/u.test(value), { message: "must not contain control characters" })
    .refine((value) => schemes.some((scheme) => value.toLowerCase().startsWith(`${scheme}://`)), {
      message: `must begin with ${schemes.map((scheme) => `${scheme}://`).join(" or ")}`,
    });

const path = z
  .string()
  .min(1)
  .max(4096)
  .refine((value) => !value.includes("\0"), { message: "must not contain a NUL character" });

const rtmpSource = z.object({
  type: z.literal("rtmp"),
  url: url(["rtmp", "rtmps"]),
  /** Wait for a publisher to connect to this address instead of pulling from it. */
  listen: z.boolean().default(false),
});
const srtSource = z.object({
  type: z.literal("srt"),
  url: url(["srt"]),
  listen: z.boolean().default(false),
  latencyMs: z.int().min(20).max(30_000).default(200),
  /** 10 to 79 characters, as SRT demands. */
  passphrase: z.string().min(10).max(79).optional(),
});
const rtspSource = z.object({
  type: z.literal("rtsp"),
  url: url(["rtsp", "rtsps"]),
  transport: z.enum(["tcp", "udp"]).default("tcp"),
});
const httpSource = z.object({ type: z.literal("http"), url: url(["http", "https"]) });
const fileSource = z.object({
  type: z.literal("file"),
  path,
  /** Start again at the end, for ever. */
  loop: z.boolean().default(false),
});
const testSource = z.object({
  type: z.literal("test"),
  pattern: z.enum(TEST_PATTERNS).default("testsrc2"),
  /** Pitch of the test tone in hertz; 0 is silence. */
  toneHz: z.int().min(0).max(20_000).default(440),
});
const deviceSource = z.object({
  type: z.literal("device"),
  /** ffmpeg input device and its address, such as `v4l2` and `/dev/video0`. */
  video: z
    .object({
      format: z.enum(["v4l2", "x11grab", "kmsgrab", "decklink", "avfoundation", "dshow", "gdigrab"]),
      device: z.string().min(1).max(512),
      inputFormat: z.string().max(32).optional(),
      width: z.int().min(16).max(7680).optional(),
      height: z.int().min(16).max(4320).optional(),
      fps: z.number().min(1).max(120).optional(),
    })
    .optional(),
  audio: z
    .object({ format: z.enum(["alsa", "pulse", "avfoundation", "dshow"]), device: z.string().min(1).max(512) })
    .optional(),
});

/** Where the pictures and the sound of a job come from. */
export const sourceSchema = z
  .discriminatedUnion("type", [rtmpSource, srtSource, rtspSource, httpSource, fileSource, testSource, deviceSource])
  .refine((source) => source.type !== "device" || source.video !== undefined || source.audio !== undefined, {
    message: "a device source needs video, audio or both",
  })
  .meta({ id: "Source" });
export type Source = z.infer<typeof sourceSchema>;

export { path as pathSchema, url as urlSchema };
