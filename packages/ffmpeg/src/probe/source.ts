import type { ErrorInfo, Source } from "@stream-control/protocol";
import { z } from "zod";
import { imageArguments, isLiveSource, openArguments } from "../arguments/input.js";
import type { Way } from "../arguments/way.js";
import { mediaError } from "../errors.js";
import type { MediaFacts } from "../media-facts.js";
import { BoundedLog } from "../process/bounded-log.js";
import type { Redactor } from "../redact.js";
import { runToEnd } from "./run.js";

/** One stream of a source. */
export interface SourceStream {
  type: "video" | "audio" | "other";
  codec?: string;
  width?: number;
  height?: number;
  fps?: number;
  sampleRateHz?: number;
  channels?: number;
  bitrateKbps?: number;
}

/** What a source holds. */
export interface SourceInfo extends MediaFacts {
  streams: SourceStream[];
  formatName?: string;
  /** Of all streams together, where the container says so. */
  bitrateKbps?: number;
  /** Milliseconds from the start of ffprobe to the first packet, where one was asked for. */
  firstPacketMs?: number;
}

export type SourceProbe = { ok: true; info: SourceInfo } | { ok: false; error: ErrorInfo };

const probedSchema = z.object({
  streams: z
    .array(
      z.object({
        codec_type: z.string().optional(),
        codec_name: z.string().optional(),
        width: z.number().optional(),
        height: z.number().optional(),
        avg_frame_rate: z.string().optional(),
        sample_rate: z.string().optional(),
        channels: z.number().optional(),
        bit_rate: z.string().optional(),
        disposition: z.object({ attached_pic: z.number().optional() }).optional(),
      }),
    )
    .default([]),
  format: z
    .object({ format_name: z.string().optional(), duration: z.string().optional(), bit_rate: z.string().optional() })
    .default({}),
  packets: z.array(z.unknown()).default([]),
});

/** Where and how to look. */
export interface ProbeSourceOptions {
  source: Source;
  ffprobePath: string;
  env: Record<string, string>;
  /** See `FfmpegProcessOptions.hideIn`. */
  hideIn?: readonly string[];
  /** The file is an image, and is opened with this alone: see `imageDemuxer`. */
  imageDemuxer?: string | undefined;
  /** How the source is reached, unless straight by its address. */
  way?: Way | undefined;
  redactor: Redactor;
  deadlineMs: number;
  /** The job's own stall time, from which the input's timeouts follow. */
  stallTimeoutMs: number;
  /** Read a packet, too: a source may name its streams and then give nothing of them. */
  readPacket?: boolean;
  /** Gives up at once. */
  signal?: AbortSignal;
  /** See `FfmpegProcessOptions.launcher`. */
  launcher?: readonly string[];
}

/**
 * Looks into a source with ffprobe, under the same limits that the program has.
 *
 * @returns what it holds, or an error `SOURCE_UNREACHABLE` with a readable sentence. Never rejects.
 */
export async function probeSource(options: ProbeSourceOptions): Promise<SourceProbe> {
  const { source, redactor, deadlineMs, readPacket = false } = options;
  let firstOutputMs: number | undefined;
  const startedAt = performance.now();
  const outcome = await runToEnd(
    options.ffprobePath,
    [
      ...["-hide_banner", "-loglevel", "level+warning", "-show_streams", "-show_format", "-of", "json"],
      ...["-analyzeduration", "3000000"],
      // Packets are told before streams and format, so that the first word of the answer is that of the first packet.
      ...(readPacket ? ["-show_packets", "-read_intervals", "%+#1"] : []),
      ...inputOf(options),
    ],
    {
      ...{ env: options.env, hideIn: options.hideIn, deadlineMs, signal: options.signal, launcher: options.launcher },
      onOutput: () => {
        firstOutputMs ??= performance.now() - startedAt;
      },
    },
  );
  const log = new BoundedLog();
  log.push(`${outcome.stderr}\n`);
  const failure = (what: string, cause?: string): SourceProbe => ({
    ok: false,
    error: mediaError({
      code: "SOURCE_UNREACHABLE",
      what,
      fault: "source",
      redactor,
      log,
      ...(cause === undefined ? {} : { cause }),
      exit: {
        reason: "failed",
        code: outcome.code,
        signal: null,
        ...(outcome.startError === undefined ? {} : { startError: outcome.startError }),
      },
    }),
  });
  if (outcome.timedOut) return failure(`The source gave no media within ${deadlineMs} ms`, "TIMED_OUT");
  if (outcome.code !== 0) return failure("The source could not be opened");
  const parsed = probedSchema.safeParse(parseJson(outcome.stdout));
  if (!parsed.success) return failure("ffprobe's answer about the source could not be read", "PROBE_UNREADABLE");
  const info = infoOf(parsed.data, source);
  if (readPacket && parsed.data.packets.length === 0)
    return failure("The source named its streams and gave no media", "NO_PACKETS");
  if (readPacket && firstOutputMs !== undefined) info.firstPacketMs = Math.round(firstOutputMs);
  return info.hasVideo || info.hasAudio
    ? { ok: true, info }
    : failure("The source has neither picture nor sound", "NO_STREAMS");
}

function inputOf({ source, imageDemuxer, stallTimeoutMs, deadlineMs, way }: ProbeSourceOptions): string[] {
  if (imageDemuxer === undefined || source.type !== "file")
    return openArguments(source, Math.min(stallTimeoutMs, deadlineMs), way);
  return imageArguments(source.path, imageDemuxer);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function infoOf({ streams, format }: z.infer<typeof probedSchema>, source: Source): SourceInfo {
  // A cover picture in a music file is no video.
  const real = streams.filter(({ disposition }) => disposition?.attached_pic !== 1);
  const duration = Number(format.duration);
  const finite = Number.isFinite(duration) && duration > 0 && (source.type === "http" || !isLiveSource(source));
  return {
    hasVideo: real.some(({ codec_type }) => codec_type === "video"),
    hasAudio: real.some(({ codec_type }) => codec_type === "audio"),
    ...(finite ? { durationSeconds: duration } : {}),
    ...containerOf(format.format_name, source),
    ...bitrateOf(format.bit_rate),
    streams: real.map(streamOf),
  };
}

/**
 * The container, also of a source that is read through the script that conceals its address: RTMP carries FLV alone, RTSP
 * has a demuxer of its own, and what SRT carries does not show.
 */
function containerOf(formatName: string | undefined, { type }: Source): { formatName?: string } {
  const behind: Partial<Record<Source["type"], string>> = { rtmp: "flv", rtsp: "rtsp" };
  const name = formatName === "concat" ? behind[type] : formatName;
  return name === undefined ? {} : { formatName: name };
}

function streamOf(stream: z.infer<typeof probedSchema>["streams"][number]): SourceStream {
  const type = stream.codec_type === "video" || stream.codec_type === "audio" ? stream.codec_type : "other";
  const [numerator = 0, denominator = 0] = (stream.avg_frame_rate ?? "").split("/").map(Number);
  return {
    type,
    ...(stream.codec_name === undefined ? {} : { codec: stream.codec_name }),
    ...(stream.width === undefined ? {} : { width: stream.width }),
    ...(stream.height === undefined ? {} : { height: stream.height }),
    ...(numerator > 0 && denominator > 0 ? { fps: numerator / denominator } : {}),
    ...(stream.sample_rate === undefined ? {} : { sampleRateHz: Number(stream.sample_rate) }),
    ...(stream.channels === undefined ? {} : { channels: stream.channels }),
    ...bitrateOf(stream.bit_rate),
  };
}

/** Live containers often say none. */
function bitrateOf(bitsPerSecond: string | undefined): { bitrateKbps?: number } {
  const bitrateKbps = Math.round(Number(bitsPerSecond) / 1000);
  return bitrateKbps > 0 ? { bitrateKbps } : {};
}
