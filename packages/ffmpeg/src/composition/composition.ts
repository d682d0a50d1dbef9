import type { RenderRequest, RenderTimeline, Slot } from "@stream-control/protocol";
import { openArguments } from "../arguments/input.js";
import { finish, hasSound, outputOptions } from "./encoding.js";
import { isVisual, overlayFilter, pictureChain } from "./picture.js";
import { mixChain, soundChain } from "./sound.js";

/** A source of a composition that is on this machine's disk. */
export interface LocalSource {
  path: string;
  /** Whether it has a sound stream. */
  hasAudio: boolean;
  /** Of an image: see `imageDemuxer`. */
  imageDemuxer?: string | undefined;
}

/** A composition that can be rendered: its times settled, its sources on the disk. */
export interface ResolvedComposition {
  request: RenderRequest;
  timeline: RenderTimeline;
  /** By the source as the request names it. */
  localSource: (source: string) => LocalSource;
  /** The file with the text of a text element, by its place in the request's list. */
  textFile: (index: number) => string;
  /** Written over where it is there. */
  output: string;
}

/** A silent file would be an error of its own, long before. */
const STALL_MS = 60_000;

/**
 * The arguments of the one ffmpeg that renders a composition: exactly `totalFrames` frames, each element in its place and
 * its frames, all sounds mixed. It opens nothing but the files that are named, with demuxers that name no further ones.
 */
export function compositionArguments(composition: ResolvedComposition): string[] {
  const { request, timeline, output } = composition;
  const { width, height, background, output_format } = request;
  const { fps, totalFrames, slots } = timeline;
  const inputs: string[] = [];
  let count = 0;
  const seen: { slot: Slot; chain: string }[] = [];
  const sounds: string[] = [];
  for (const slot of slots) {
    const { element, index } = slot;
    const source = "source" in element ? composition.localSource(element.source) : undefined;
    const sounding =
      hasSound(output_format) &&
      (element.type === "video" || element.type === "audio") &&
      element.volume > 0 &&
      source?.hasAudio === true;
    const isNeeded = source !== undefined && (isVisual(element) || sounding);
    if (isNeeded) inputs.push(...inputArguments(slot, source, fps));
    const at = isNeeded ? count++ : count;
    if (sounding) sounds.push(soundChain(slot, `[${at}:a:0]`, fps));
    if (!isVisual(element)) continue;
    const from = source === undefined ? { textFile: composition.textFile(index) } : { input: `[${at}:v:0]` };
    seen.push({ slot, chain: pictureChain(slot, from, request, fps) });
  }
  seen.sort((a, b) => a.slot.element.track - b.slot.element.track || a.slot.index - b.slot.index);
  const base = `color=c=0x${background.slice(1)}:s=${width}x${height}:r=${fps},format=rgb24[on0]`;
  const graph = [
    base,
    ...seen.map(({ chain }, index) => `${chain}[e${index}]`),
    ...seen.map(({ slot }, index) => `[on${index}][e${index}]${overlayFilter(slot, request, fps)}[on${index + 1}]`),
    // An overlay goes on for as long as anything does that lies on it.
    `[on${seen.length}]trim=end_frame=${totalFrames},${finish(output_format)}[picture]`,
    ...sounds.map((chain, index) => `${chain}[s${index}]`),
    ...(sounds.length === 0
      ? []
      : [
          `${mixChain(
            sounds.map((_, index) => `[s${index}]`),
            totalFrames,
            fps,
          )}[sound]`,
        ]),
  ].join(";");
  return [
    ...["-hide_banner", "-nostats", "-loglevel", "level+warning", "-y"],
    ...["-progress", "pipe:3", "-stats_period", "0.5"],
    ...inputs,
    ...["-filter_complex", graph, "-map", "[picture]"],
    ...(sounds.length === 0 ? [] : ["-map", "[sound]"]),
    // Both have their length from the graph: `-frames:v` would end the file with the last picture, before the last sound.
    ...["-map_metadata", "-1"],
    ...outputOptions(output_format, sounds.length > 0),
    `file:${output}`,
  ];
}

function inputArguments({ element, frames, overlap, sourceStart }: Slot, source: LocalSource, fps: number): string[] {
  if (element.type === "image")
    return ["-protocol_whitelist", "file", "-f", source.imageDemuxer ?? "png_pipe", "-i", `file:${source.path}`];
  // One frame more than is shown, since the source's frames need not fall onto ours.
  const length = (frames + overlap + 1) / fps;
  return [
    ...(sourceStart > 0 ? ["-ss", sourceStart.toFixed(6)] : []),
    ...["-t", length.toFixed(6)],
    ...openArguments({ type: "file", path: source.path, loop: false }, STALL_MS),
  ];
}
