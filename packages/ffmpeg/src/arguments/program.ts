import type { StreamConfig } from "@stream-control/protocol";
import type { MediaFacts } from "../media-facts.js";
import { encoderArguments } from "./encoder.js";
import { isRealtime, programInputs } from "./input.js";

/** The program's own number of file descriptor 3, on which it reports progress. */
export const PROGRESS_PIPE = "pipe:3";

/** The volume filter's name, to which mute commands are addressed. */
export const MAIN_VOLUME = "volume@main";

/** What the program needs to know beside the job's config. */
export interface ProgramOptions extends MediaFacts {
  /** A working encoder of this machine. */
  videoEncoder: string;
  /** Begin without sound. */
  muted: boolean;
}

/**
 * The arguments of the one program of a job: read the source, bring it to the size and rate of the config, encode once,
 * and write MPEG-TS to standard output. Progress comes on descriptor 3, standard input takes commands.
 */
export function programArguments(config: StreamConfig, options: ProgramOptions): string[] {
  const { video, audio } = config;
  const inputs = programInputs(config, options);
  const encoder = encoderArguments(options.videoEncoder, video, isRealtime(config, options));
  return [
    ...["-hide_banner", "-loglevel", "level+warning", "-nostats"],
    // Recent versions look for commands once per period.
    ...["-progress", PROGRESS_PIPE, "-stats_period", "0.1"],
    ...encoder.global,
    ...inputs.arguments,
    ...["-map", inputs.videoMap, "-map", inputs.audioMap],
    ...["-vf", [...fit(config), ...encoder.filters].join(",")],
    ...["-af", `aresample=async=1:first_pts=0,${MAIN_VOLUME}=${options.muted ? "0" : "1.0"}`],
    ...encoder.output,
    ...[
      "-c:a",
      "aac",
      "-b:a",
      `${audio.bitrateKbps}k`,
      "-ar",
      String(audio.sampleRateHz),
      "-ac",
      String(audio.channels),
    ],
    ...(inputs.filled ? ["-shortest"] : []),
    ...(config.durationSeconds === undefined ? [] : ["-t", String(config.durationSeconds)]),
    ...["-sn", "-dn", "-map_metadata", "-1"],
    // Every bit leaves at once; the muxer puts the tables before each keyframe, so that a late reader can start there.
    ...["-muxdelay", "0", "-muxpreload", "0", "-flush_packets", "1", "-f", "mpegts", "pipe:1"],
  ];
}

/** The whole picture in the frame, bars where the shapes differ; even sizes, because 4:2:0 has no half pixels. */
function fit({ video: { width, height, fps } }: StreamConfig): string[] {
  return [
    `scale=${width}:${height}:force_original_aspect_ratio=decrease:force_divisible_by=2`,
    `pad=${width}:${height}:(ow-iw)/2:(oh-ih)/2`,
    "setsar=1",
    `fps=${fps}`,
  ];
}
