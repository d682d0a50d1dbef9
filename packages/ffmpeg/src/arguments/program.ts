import type { StreamConfig } from "@stream-control/protocol";
import type { MediaFacts } from "../media-facts.js";
import { encoderArguments } from "./encoder.js";
import { isRealtime, type ProgramInputs, programInputs } from "./input.js";
import { type OverlayFiles, overlayChain } from "./overlay.js";
import type { Way } from "./way.js";

/** The program's own number of file descriptor 3, on which it reports progress. */
export const PROGRESS_PIPE = "pipe:3";

/** The volume filter's name, to which mute commands are addressed. */
export const MAIN_VOLUME = "volume@main";

/** The program's own number of the descriptor on which its monitors write what they see. */
const MONITOR_PIPE = "pipe\\\\:4";

/** What the program needs to know beside the job's config. */
export interface ProgramOptions extends MediaFacts {
  /** A working encoder of this machine. */
  videoEncoder: string;
  /** Begin without sound. */
  muted: boolean;
  /** Begin this many seconds into a file. */
  startSeconds?: number;
  /** How the source is reached, unless straight by its address. */
  way?: Way | undefined;
  /** Burnt into the picture. */
  overlay?: OverlayFiles | undefined;
  /** Watch for what the config's `sourceLoss` asks for, on descriptor 4. */
  monitored?: boolean;
}

/**
 * The arguments of the one program of a job: read the source, bring it to the size and rate of the config, encode once,
 * and write MPEG-TS to standard output. Progress comes on descriptor 3, standard input takes commands.
 */
export function programArguments(config: StreamConfig, options: ProgramOptions): string[] {
  const inputs = programInputs(config, options, options.startSeconds, options.way);
  return encodeArguments(config, inputs, {
    ...options,
    lowLatency: isRealtime(config, options),
    ...(options.monitored ? { monitors: monitorsOf(config) } : {}),
    ...(options.overlay === undefined ? {} : { overlays: overlayChain(options.overlay, config.video) }),
  });
}

/** How an encode of the job is made, whatever its inputs are. */
export interface EncodeOptions {
  videoEncoder: string;
  muted: boolean;
  lowLatency: boolean;
  /** Drawn over the picture in its final size. */
  overlays?: string[];
  monitors?: Monitors;
}

/** Every encode of a job is made by these arguments, so that a decoder does not notice where one follows another. */
export function encodeArguments(config: StreamConfig, inputs: ProgramInputs, options: EncodeOptions): string[] {
  const { video, audio } = config;
  const encoder = encoderArguments(options.videoEncoder, video, options.lowLatency);
  const picture = [...fit(config), ...(options.overlays ?? []), ...encoder.filters].join(",");
  const monitors = options.monitors ?? { picture: [], sound: [] };
  const sound = ["aresample=async=1:first_pts=0", ...monitors.sound, `${MAIN_VOLUME}=${options.muted ? "0" : "1.0"}`];
  return [
    ...["-hide_banner", "-loglevel", "level+warning", "-nostats"],
    // Recent versions look for commands once per period.
    ...["-progress", PROGRESS_PIPE, "-stats_period", "0.1"],
    ...encoder.global,
    ...inputs.arguments,
    ...pictureGraph(inputs.videoMap, inputs.audioMap, picture, monitors.picture),
    ...["-af", sound.join(",")],
    ...encoder.output,
    ...["-c:a", "aac", "-b:a", `${audio.bitrateKbps}k`, "-ar", String(audio.sampleRateHz)],
    ...["-ac", String(audio.channels)],
    ...(inputs.filled ? ["-shortest"] : []),
    ...(config.durationSeconds === undefined ? [] : ["-t", String(config.durationSeconds)]),
    ...["-sn", "-dn", "-map_metadata", "-1"],
    // Every bit leaves at once, and every picture and sound says how long it is, so that it counts as whole at once.
    ...["-muxdelay", "0", "-muxpreload", "0", "-flush_packets", "1"],
    ...["-pes_payload_size", "0", "-omit_video_pes_length", "0"],
    ...["-protocol_whitelist", "pipe", "-f", "mpegts", "pipe:1"],
  ];
}

function pictureGraph(videoMap: string, audioMap: string, picture: string, monitors: readonly string[]): string[] {
  if (monitors.length === 0) return ["-map", videoMap, "-map", audioMap, "-vf", picture];
  const graph = `[${videoMap}]split[main][seen];[main]${picture}[out];[seen]${monitors.join(",")},nullsink`;
  return ["-filter_complex", graph, "-map", "[out]", "-map", audioMap];
}

/**
 * The whole picture in the frame, bars where the shapes differ; even sizes, because 4:2:0 has no half pixels. What the
 * source says of its colours is not passed on: it would stand in the stream's header, which has to stay one and the same.
 */
function fit({ video: { width, height, fps } }: StreamConfig): string[] {
  return [
    `scale=${width}:${height}:force_original_aspect_ratio=decrease:force_divisible_by=2:out_range=tv`,
    `pad=${width}:${height}:(ow-iw)/2:(oh-ih)/2`,
    "setsar=1",
    `fps=${fps}`,
    "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709",
  ];
}

/** Filters that watch the source and write what they see as metadata lines. */
export interface Monitors {
  /** On a small copy of a few pictures a second, which costs next to nothing. */
  picture: string[];
  sound: string[];
}

function monitorsOf({ sourceLoss: { blackMs, frozenMs, silentMs } }: StreamConfig): Monitors {
  const print = `metadata=mode=print:file=${MONITOR_PIPE}:direct=1`;
  const picture = [
    ...(blackMs === undefined ? [] : [`blackdetect=d=${blackMs / 1000}:pic_th=0.98:pix_th=0.10`]),
    ...(frozenMs === undefined ? [] : [`freezedetect=n=-60dB:d=${frozenMs / 1000}`]),
  ];
  return {
    picture: picture.length === 0 ? [] : ["fps=8", "scale=160:90", ...picture, print],
    sound: silentMs === undefined ? [] : [`silencedetect=n=-60dB:d=${silentMs / 1000}`, `a${print}`],
  };
}
