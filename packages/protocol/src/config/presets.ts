import { z } from "zod";
import { type Issue, issuesOf, type ParseResult } from "../parse-result.js";
import { type Destination, destinationSchema, type PresetId } from "./destination.js";
import { urlSchema } from "./source.js";

const id = z.string().min(1).max(64).optional();
const rtmpUrl = urlSchema(["rtmp", "rtmps"]);
const streamKey = z.string().min(1).max(512);
/** The platform's first address unless another is given, such as a backup's or that of a region. */
const onPlatform = <P extends PresetId>(preset: P) =>
  z.strictObject({ preset: z.literal(preset), id, url: rtmpUrl.optional(), streamKey });

/** A destination named by its preset; it stands wherever a config has a destination, and becomes one when it is read. */
export const presetDestinationSchema = z
  .discriminatedUnion("preset", [
    onPlatform("youtube"),
    onPlatform("twitch"),
    onPlatform("facebook"),
    z.strictObject({ preset: z.literal("custom-rtmp"), id, url: rtmpUrl, streamKey: streamKey.optional() }),
    z.strictObject({
      preset: z.literal("custom-srt"),
      id,
      url: urlSchema(["srt"]),
      passphrase: z.string().min(10).max(79).optional(),
      latencyMs: z.int().min(20).max(30_000).optional(),
    }),
  ])
  .meta({ id: "PresetDestination" });

/** The first address of each platform, as its encoders' documentation has it; see `DESTINATION_PRESETS` for all. */
export const INGEST_URLS = {
  youtube: "rtmps://a.rtmps.youtube.com:443/live2",
  twitch: "rtmps://ingest.global-contribute.live-video.net:443/app",
  facebook: "rtmps://live-api-s.facebook.com:443/rtmp",
} as const;

/** Whether a destination is named by its preset alone. */
const isNamed = (one: unknown): boolean =>
  typeof one === "object" && one !== null && "preset" in one && !("type" in one);

/** Reads a destination, given in full or by a preset. */
export function parseDestination(input: unknown): ParseResult<Destination> {
  if (!isNamed(input)) {
    const full = destinationSchema.safeParse(input);
    return full.success ? { ok: true, value: full.data } : { ok: false, issues: issuesOf(full.error) };
  }
  const named = presetDestinationSchema.safeParse(input);
  if (!named.success) return { ok: false, issues: issuesOf(named.error) };
  const { data } = named;
  if (data.preset === "custom-srt") return { ok: true, value: destinationSchema.parse({ type: "srt", ...data }) };
  const url = data.url ?? INGEST_URLS[data.preset as keyof typeof INGEST_URLS];
  return { ok: true, value: destinationSchema.parse({ type: "rtmp", ...data, url }) };
}

/** A config as it was written, with those of its destinations in full that were named by a preset. */
export function expandPresets<C extends object>(config: C): ParseResult<C> {
  const given: unknown = "destinations" in config ? config.destinations : undefined;
  if (!Array.isArray(given) || !given.some(isNamed)) return { ok: true, value: config };
  const destinations: unknown[] = [];
  for (const [index, one] of given.entries()) {
    const read = isNamed(one) ? parseDestination(one) : { ok: true as const, value: one };
    if (!read.ok) return { ok: false, issues: read.issues.map((issue) => below(`destinations.${index}`, issue)) };
    destinations.push(read.value);
  }
  return { ok: true, value: { ...config, destinations } };
}

const below = (place: string, { path, message }: Issue): Issue => ({
  path: path === "" ? place : `${place}.${path}`,
  message,
});
