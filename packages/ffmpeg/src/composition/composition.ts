import type { RenderRequest, RenderTimeline, Slot } from "@stream-control/protocol";
import { imageArguments, openArguments } from "../arguments/input.js";
import { finish, hasSound, type OutputKind, outputOptions } from "./encoding.js";
import { isVisual, overlayFilter, type PictureSource, pictureChain } from "./picture.js";
import { mixChain, soundChain } from "./sound.js";
import { type Entry, entryOf, type FrameRange, type Window, windowOf } from "./window.js";

/** A source of a composition that is on this machine's disk. */
export interface LocalSource {
  path: string;
  /** Whether it has a sound stream. */
  hasAudio: boolean;
  /** Whether reading may begin in its middle, see `canSeek`. */
  seekable?: boolean | undefined;
  /** Of an image: see `imageDemuxer`. */
  imageDemuxer?: string | undefined;
}

/** What of a composition is made: all of it, the pictures of some frames, or the sound of all of it. */
export type CompositionPart = { type: "whole" } | ({ type: "frames" } & FrameRange) | { type: "sound" };

/** A composition that can be rendered: its times settled, its sources on the disk. */
export interface ResolvedComposition {
  request: RenderRequest;
  timeline: RenderTimeline;
  /** The whole unless given. */
  part?: CompositionPart | undefined;
  /** By the source as the request names it. Asked only for what the part needs. */
  localSource: (source: string) => LocalSource;
  /** The file with the text of a text element, by its place in the request's list. */
  textFile: (index: number) => string;
  /** Frames of the whole at which the encoder begins anew, so that what lies between two of them can be cut out without encoding. */
  keyframes?: readonly number[] | undefined;
  /** Written over where it is there. */
  output: string;
}

/** A silent file would be an error of its own, long before. */
const STALL_MS = 60_000;

/** The options of any ffmpeg that renders, up to its inputs. */
export const RENDER_OPTIONS = [
  ...["-hide_banner", "-nostats", "-loglevel", "level+warning", "-y"],
  ...["-progress", "pipe:3", "-stats_period", "0.5"],
];

const rangeOf = (part: CompositionPart, { totalFrames }: RenderTimeline): FrameRange =>
  part.type === "frames" ? part : { firstFrame: 0, frames: totalFrames };

/** What of a slot is seen in a part; undefined where nothing is. */
const seenIn = (slot: Slot, part: CompositionPart, timeline: RenderTimeline): Window | undefined =>
  part.type === "sound" || !isVisual(slot.element) ? undefined : windowOf(slot, rangeOf(part, timeline));

/** Whether a slot may be heard in a part; its source need not have a sound. */
const mayBeHeard = ({ element }: Slot, part: CompositionPart, { output_format }: RenderRequest): boolean =>
  part.type !== "frames" &&
  hasSound(output_format) &&
  (element.type === "video" || element.type === "audio") &&
  element.volume > 0;

/** The sources that a part needs, as the request names them. */
export function sourcesOfPart(request: RenderRequest, timeline: RenderTimeline, part: CompositionPart): string[] {
  const needed = timeline.slots.filter(
    (slot) => seenIn(slot, part, timeline) !== undefined || mayBeHeard(slot, part, request),
  );
  return [...new Set(needed.flatMap(({ element }) => ("source" in element ? [element.source] : [])))];
}

/**
 * The arguments of the one ffmpeg that renders a composition or a part of it: exactly the wanted frames, each element in its
 * place and its frames, all sounds mixed. A frame of a part is composed as it is in the whole. It opens nothing but the files
 * that are named, with demuxers that name no further ones.
 */
export function compositionArguments(composition: ResolvedComposition): string[] {
  const { request, timeline, output, part = { type: "whole" } } = composition;
  const { fps, totalFrames, slots } = timeline;
  const inputs: string[] = [];
  let count = 0;
  const seen: { slot: Slot; chain: string }[] = [];
  const sounds: string[] = [];
  const unused: string[] = [];
  for (const slot of slots) {
    const { element, index } = slot;
    const window = seenIn(slot, part, timeline);
    const heard = mayBeHeard(slot, part, request);
    if (window === undefined && !heard) continue;
    const source = "source" in element ? composition.localSource(element.source) : undefined;
    const sounding = heard && source?.hasAudio === true;
    const from: PictureSource = { textFile: composition.textFile(index) };
    if (source !== undefined && (window !== undefined || sounding)) {
      const entry = entryOf(window ?? { from: 0, count: 1 }, fps, source.seekable === true);
      inputs.push(...inputArguments(slot, source, fps, entry, part.type === "frames" ? window : undefined));
      from.input = `[${count}:v:0]`;
      from.lead = entry.lead;
      // Read from a keyframe on, where what comes before the element's part of the source is not cut by ffmpeg itself.
      if (entry.afterSeconds > 0 && slot.sourceStart > 0) from.notBefore = -entry.afterSeconds;
      if (sounding) sounds.push(soundChain(slot, `[${count}:a:0]`, fps));
      unused.push(...unusedStream(slot, source, part, count, request));
      count += 1;
    }
    if (window !== undefined) seen.push({ slot, chain: pictureChain(slot, from, request, fps, window) });
  }
  seen.sort((a, b) => a.slot.element.track - b.slot.element.track || a.slot.index - b.slot.index);
  const hasPicture = part.type !== "sound";
  const isSounding = sounds.length > 0;
  const graph = [
    ...(hasPicture ? pictureGraph(request, fps, rangeOf(part, timeline), seen) : []),
    ...sounds.map((chain, index) => `${chain}[s${index}]`),
    ...(isSounding ? [`${mixChain(sounds.map(labelOf), totalFrames, fps)}[sound]`] : []),
    ...unused,
  ].join(";");
  return [
    ...RENDER_OPTIONS,
    ...inputs,
    ...["-filter_complex", graph],
    ...(hasPicture ? ["-map", "[picture]"] : []),
    ...(isSounding ? ["-map", "[sound]"] : []),
    // Both have their length from the graph: `-frames:v` would end the file with the last picture, before the last sound.
    ...["-map_metadata", "-1"],
    ...(hasPicture ? forcedKeyframes(composition.keyframes ?? [], rangeOf(part, timeline), fps) : []),
    ...outputOptions(request.output_format, kindOf(part, isSounding)),
    `file:${output}`,
  ];
}

function forcedKeyframes(keyframes: readonly number[], { firstFrame, frames }: FrameRange, fps: number): string[] {
  const inside = keyframes.filter((frame) => frame > firstFrame && frame < firstFrame + frames);
  if (inside.length === 0) return [];
  return ["-force_key_frames", inside.map((frame) => ((frame - firstFrame) / fps).toFixed(6)).join(",")];
}

/**
 * Where a clock has no zero of its own, ffmpeg takes the earliest stream that is used for the beginning. So a part uses what the whole
 * would, or its pictures and sounds were shifted by the difference.
 */
function unusedStream(
  slot: Slot,
  { hasAudio, seekable }: LocalSource,
  { type }: CompositionPart,
  input: number,
  request: RenderRequest,
): string[] {
  if (slot.element.type !== "video" || seekable === true || !hasAudio) return [];
  if (type === "sound") return [`[${input}:v:0]nullsink`];
  return type === "frames" && mayBeHeard(slot, { type: "whole" }, request) ? [`[${input}:a:0]anullsink`] : [];
}

const labelOf = (_: string, index: number) => `[s${index}]`;

function kindOf({ type }: CompositionPart, isSounding: boolean): OutputKind {
  if (type === "frames") return "pictures";
  if (type === "sound") return "sound";
  return isSounding ? "whole" : "silent";
}

/** The base, and over it everything that is seen, from the bottom up. */
function pictureGraph(
  request: RenderRequest,
  fps: number,
  { firstFrame, frames }: FrameRange,
  seen: readonly { slot: Slot; chain: string }[],
): string[] {
  const { width, height, background, output_format } = request;
  // Everything counts from the beginning of the whole, whichever frame is the first that is made.
  const from = firstFrame === 0 ? "" : `,setpts=PTS+${firstFrame}`;
  const back = firstFrame === 0 ? "" : `,setpts=PTS-${firstFrame}`;
  return [
    `color=c=0x${background.slice(1)}:s=${width}x${height}:r=${fps}${from},format=rgb24[on0]`,
    ...seen.map(({ chain }, index) => `${chain}[e${index}]`),
    ...seen.map(({ slot }, index) => `[on${index}][e${index}]${overlayFilter(slot, request, fps)}[on${index + 1}]`),
    // An overlay goes on for as long as anything does that lies on it.
    `[on${seen.length}]trim=end_frame=${frames}${back},${finish(output_format)}[picture]`,
  ];
}

function inputArguments(
  { element, frames, overlap, sourceStart }: Slot,
  source: LocalSource,
  fps: number,
  { afterSeconds, lead }: Entry,
  window: Window | undefined,
): string[] {
  if (element.type === "image") return imageArguments(source.path, source.imageDemuxer ?? "png_pipe");
  const start = (sourceStart + afterSeconds).toFixed(6);
  const open = openArguments({ type: "file", path: source.path, loop: false }, STALL_MS);
  // From the keyframe before, so that the picture that stands at the first wanted frame is there, however long it has stood.
  if (afterSeconds > 0) return ["-noaccurate_seek", "-ss", start, ...open];
  // One frame more than is shown, since the source's frames need not fall onto ours.
  const length = (window === undefined ? frames + overlap : lead + window.count) + 1;
  return [...(sourceStart > 0 ? ["-ss", start] : []), "-t", (length / fps).toFixed(6), ...open];
}
