import { z } from "zod";
import { issuesOf, type ParseResult } from "../parse-result.js";
import { FILE_FORMATS, type FileFormat } from "./destination.js";
import { expandPresets } from "./presets.js";
import { pathSchema, type Source } from "./source.js";
import {
  QUALITIES,
  qualitySchema,
  type StreamConfig,
  type StreamConfigInput,
  streamConfigSchema,
} from "./stream-config.js";

/** The short form: an address, and at most a file, a format or a quality. */
export const shorthandConfigSchema = z
  .object({
    streamUrl: z.string().min(1).max(4096),
    outputPath: pathSchema.optional(),
    outputFormat: z.enum([...FILE_FORMATS, "hls"]).optional(),
    quality: qualitySchema.optional(),
    loop: z.boolean().optional(),
  })
  .meta({ id: "ShorthandConfig" });
export type ShorthandConfig = z.infer<typeof shorthandConfigSchema>;

/** A stream config, and what the short form left for the agent to name. */
export interface ResolvedStreamConfig {
  config: StreamConfig;
  /** The short form asked for a recording in this format without saying where. */
  recordAs?: FileFormat;
}

/**
 * Reads a job's config in either form: `{source, destinations…}` in full, where destinations may be named by a preset, or the
 * short `{streamUrl, …}`.
 *
 * @returns the full form with its defaults, or one readable issue per mistake, each with its path.
 */
export function parseStreamConfig(input: unknown): ParseResult<ResolvedStreamConfig> {
  if (typeof input === "object" && input !== null && "streamUrl" in input && !("source" in input))
    return expandShorthand(input);
  const expanded = typeof input === "object" && input !== null ? expandPresets(input) : undefined;
  if (expanded?.ok === false) return expanded;
  const full = streamConfigSchema.safeParse(expanded?.value ?? input);
  return full.success ? { ok: true, value: { config: full.data } } : { ok: false, issues: issuesOf(full.error) };
}

function expandShorthand(input: object): ParseResult<ResolvedStreamConfig> {
  const short = shorthandConfigSchema.safeParse(input);
  if (!short.success) return { ok: false, issues: issuesOf(short.error) };
  const { streamUrl, outputPath, outputFormat, quality, loop } = short.data;
  const source = sourceOf(streamUrl, loop ?? false);
  if (source === undefined)
    return {
      ok: false,
      issues: [{ path: "streamUrl", message: "must be an rtmp, srt, rtsp, http or file address, or an absolute path" }],
    };
  // The settings of a full config may stand beside the short form's own names.
  const full = streamConfigSchema.safeParse({
    ...input,
    source,
    destinations: outputPath === undefined ? [] : [pathDestination(outputPath, outputFormat)],
    video: {
      ...(quality === undefined ? {} : QUALITIES[quality]),
      ...("video" in input ? (input.video as object) : {}),
    },
  });
  if (!full.success) return { ok: false, issues: issuesOf(full.error) };
  const recordAs = outputPath === undefined && outputFormat !== "hls" ? outputFormat : undefined;
  return { ok: true, value: { config: full.data, ...(recordAs === undefined ? {} : { recordAs }) } };
}

function pathDestination(path: string, format: FileFormat | "hls" | undefined) {
  if (format === "hls") return { type: "hls", path };
  if (format === undefined && path.endsWith(".m3u8"))
    return { type: "hls", path: path.slice(0, Math.max(1, path.lastIndexOf("/"))) };
  return { type: "file", path, ...(format === undefined ? {} : { format }) };
}

function sourceOf(address: string, loop: boolean): StreamConfigInput["source"] | undefined {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(address)?.[1]?.toLowerCase();
  const byScheme: Record<string, Source["type"]> = {
    rtmp: "rtmp",
    rtmps: "rtmp",
    srt: "srt",
    rtsp: "rtsp",
    rtsps: "rtsp",
    http: "http",
    https: "http",
  };
  if (scheme === undefined) return address.startsWith("/") ? { type: "file", path: address, loop } : undefined;
  if (scheme === "test") return { type: "test" };
  if (scheme === "file") return { type: "file", path: address.replace(/^file:(\/\/)?/i, ""), loop };
  const type = byScheme[scheme];
  return type === undefined ? undefined : ({ type, url: address } as StreamConfigInput["source"]);
}
