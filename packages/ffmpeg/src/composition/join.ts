import type { RenderFormat } from "@stream-control/protocol";
import { RENDER_OPTIONS } from "./composition.js";
import { copyOptions } from "./encoding.js";

/** Parts of a composition that are to become one file. */
export interface Joining {
  format: RenderFormat;
  fps: number;
  /** The pictures, in order, without a gap. */
  pictures: readonly { path: string; frames: number }[];
  /** The sound of the whole; absent where it has none. */
  sound?: string | undefined;
  /** The file with {@link joinList}. */
  list: string;
  /** Written over where it is there. */
  output: string;
}

const microseconds = (frame: number, fps: number): number => Math.round((frame * 1_000_000) / fps);

/** In single quotes, where only they themselves mean anything (see ffmpeg-utils, quoting). */
const quoted = (path: string) => `'${path.replaceAll("'", `'\\''`)}'`;

/** What ffmpeg's concat demuxer has to read. */
export function joinList({ pictures, fps }: Pick<Joining, "pictures" | "fps">): string {
  let frame = 0;
  const files = pictures.map(({ path, frames }) => {
    const from = microseconds(frame, fps);
    frame += frames;
    // From beginning to beginning, so that roundings do not add up: what a container says of itself is rounded each time.
    return `file ${quoted(`file:${path}`)}\nduration ${microseconds(frame, fps) - from}us\n`;
  });
  return `ffconcat version 1.0\n${files.join("")}`;
}

/**
 * The arguments of the ffmpeg that puts parts one behind the other, with the sound beside them. Nothing is encoded again: what comes
 * out is as good as the parts, and takes the time of copying them.
 */
export function joinArguments({ format, sound, list, output }: Joining): string[] {
  const only = ["-protocol_whitelist", "file"];
  return [
    ...RENDER_OPTIONS,
    ...[...only, "-f", "concat", "-safe", "0", "-i", `file:${list}`],
    ...(sound === undefined ? [] : [...only, "-i", `file:${sound}`]),
    ...["-map", "0:v:0", ...(sound === undefined ? [] : ["-map", "1:a:0"])],
    ...["-map_metadata", "-1"],
    ...copyOptions(format),
    `file:${output}`,
  ];
}
