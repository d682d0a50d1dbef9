import { RENDER_OPTIONS } from "./composition.js";

/** Some pictures of a file that was rendered before. */
export interface Cut {
  path: string;
  fps: number;
  /** A keyframe, behind which nothing needs what comes before it. */
  firstFrame: number;
  /** Up to the next keyframe, or the end. */
  frames: number;
  /** Written over where it is there. */
  output: string;
}

/**
 * The arguments of the ffmpeg that takes pictures out of a film without encoding them again. Behind a keyframe come as many packets
 * as pictures, whatever order they are in.
 */
export function cutArguments({ path, fps, firstFrame, frames, output }: Cut): string[] {
  // Half a frame later, where roundings lead to no earlier keyframe.
  const seek = firstFrame === 0 ? [] : ["-ss", ((firstFrame + 0.5) / fps).toFixed(6)];
  return [
    ...RENDER_OPTIONS,
    ...[...seek, "-protocol_whitelist", "file", "-i", `file:${path}`],
    ...["-map", "0:v:0", "-c", "copy", "-frames:v", `${frames}`, "-map_metadata", "-1"],
    // The first picture is at zero, and what is decoded before it is shown lies before, as an encoder leaves it.
    ...["-bsf:v", "setts=pts=PTS-STARTPTS:dts=DTS-STARTPTS", "-f", "mp4", `file:${output}`],
  ];
}
