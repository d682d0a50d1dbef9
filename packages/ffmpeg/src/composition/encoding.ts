import type { RenderFormat } from "@stream-control/protocol";

/** H.264 with a constant quality that is hard to tell from the original. */
const H264 = ["-c:v", "libx264", "-preset", "medium", "-crf", "18", "-pix_fmt", "yuv420p"];
const AAC = ["-c:a", "aac", "-b:a", "192k"];
/** What the pictures are converted to before they are encoded, see {@link finish}. */
const TAGS = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"];

const VIDEO: Record<RenderFormat, string[]> = {
  mp4: [...H264, ...TAGS],
  mov: [...H264, ...TAGS],
  // What plays an AVI knows MPEG-4 part 2 and MP3; H.264 with B-frames has no place for its timestamps there.
  avi: ["-c:v", "mpeg4", "-q:v", "2", "-pix_fmt", "yuv420p"],
  webm: [
    ...["-c:v", "libvpx-vp9", "-crf", "24", "-b:v", "0", "-deadline", "good", "-cpu-used", "5", "-row-mt", "1"],
    ...["-pix_fmt", "yuv420p", ...TAGS],
  ],
  gif: ["-c:v", "gif", "-loop", "0"],
};

const AUDIO: Record<RenderFormat, string[] | undefined> = {
  mp4: AAC,
  mov: AAC,
  avi: ["-c:a", "libmp3lame", "-b:a", "192k"],
  webm: ["-c:a", "libopus", "-b:a", "160k"],
  gif: undefined,
};

const MUXER: Record<RenderFormat, string[]> = {
  // The index in front, so that a player can begin before it has everything.
  mp4: ["-movflags", "+faststart", "-f", "mp4"],
  mov: ["-movflags", "+faststart", "-f", "mov"],
  avi: ["-f", "avi"],
  webm: ["-f", "webm"],
  gif: ["-f", "gif"],
};

/** Whether a format carries sound. */
export const hasSound = (format: RenderFormat): boolean => AUDIO[format] !== undefined;

/** The last filters of the picture. */
export const finish = (format: RenderFormat): string =>
  format === "gif"
    ? "split[whole][seen];[seen]palettegen=stats_mode=single[colors];[whole][colors]paletteuse=new=1"
    : // AVI has no place to say which colours are meant, and its players take them for those of old television.
      `scale=out_color_matrix=${format === "avi" ? "bt601" : "bt709"}:out_range=tv,format=yuv420p`;

/** What an output holds. `silent`: all pictures, of a composition without sound. */
export type OutputKind = "whole" | "silent" | "pictures" | "sound";

/**
 * The container of a part: one that counts moments exactly, as WebM does not, and that has what the final one needs. MPEG-4 part 2
 * has its headers in the stream in AVI and beside it in MP4; where Opus begins and ends within its packets, Ogg says.
 */
function partMuxer(format: RenderFormat, kind: "pictures" | "sound"): string[] {
  if ((format === "avi" || format === "gif") && kind === "pictures") return ["-f", format];
  return format === "webm" && kind === "sound" ? ["-f", "ogg"] : ["-f", "mp4"];
}

/** The options of the output, up to and with its muxer. */
export function outputOptions(format: RenderFormat, kind: OutputKind): string[] {
  const sound = AUDIO[format] ?? [];
  if (kind === "pictures") return [...VIDEO[format], ...partMuxer(format, kind)];
  if (kind === "sound") return [...sound, ...partMuxer(format, kind)];
  return [...VIDEO[format], ...(kind === "whole" ? sound : []), ...MUXER[format]];
}

/** The options of an output whose streams are ready, up to and with its muxer. */
export const copyOptions = (format: RenderFormat): string[] => ["-c", "copy", ...MUXER[format]];
