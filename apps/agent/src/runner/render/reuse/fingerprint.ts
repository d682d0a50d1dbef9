import { createHash } from "node:crypto";
import type { RenderRequest, RenderTask, RenderTimeline, Slot } from "@stream-control/protocol";

/** To be raised with every change of how compositions look, sound, or are encoded. */
const COMPOSITION_VERSION = 1;
/** A keyframe costs bytes; what is shorter is joined to what comes before it. */
const LEAST_SECONDS = 0.5;

/** What a composition is made of beside its request. */
export interface Ingredients {
  /** The ffmpeg that encodes. */
  encoder: string;
  /** What identifies the contents of a source. */
  contentOf: (source: string) => string;
}

/** Neighbouring frames that are made of the same elements. */
export interface Segment {
  fingerprint: string;
  firstFrame: number;
  frames: number;
}

const hashOf = (value: unknown): string => createHash("sha256").update(JSON.stringify(value)).digest("hex");

/** What all pictures of a composition have in common. */
const frameOf = (
  { width, height, background, output_format }: RenderRequest,
  fps: number,
  { encoder }: Ingredients,
) => [...[COMPOSITION_VERSION, encoder, output_format, width, height, background, fps]];

/** An element without what makes no difference to how it looks: what it is called, and when and on which track it is on. */
function elementOf({ element, frames, overlap, entry, sourceStart }: Slot, { contentOf }: Ingredients) {
  const {
    id: _id,
    time: _time,
    start_time: _start,
    duration: _duration,
    duration_mode: _mode,
    track: _track,
    ...look
  } = element;
  const content = "source" in element ? contentOf(element.source) : null;
  return { ...look, source: content, frames, overlap, entry, sourceStart };
}

/** The same for compositions that make the same file. */
export function wholeFingerprint(
  request: RenderRequest,
  task: RenderTask | undefined,
  { fps, totalFrames, slots }: RenderTimeline,
  of: Ingredients,
): string {
  const elements = [...slots].sort(byHeight).map((slot) => [slot.startFrame, elementOf(slot, of)]);
  return hashOf(["whole", frameOf(request, fps, of), totalFrames, task ?? null, elements]);
}

/** The same for compositions that sound the same. */
export function soundFingerprint(
  request: RenderRequest,
  { fps, totalFrames, slots }: RenderTimeline,
  of: Ingredients,
): string {
  const heard = slots.filter(({ element }) => element.type === "audio" || element.type === "video");
  const elements = heard.map((slot) => {
    const { volume, effects } = slot.element as Extract<Slot["element"], { type: "video" | "audio" }>;
    const { source, frames, overlap, entry, sourceStart } = elementOf(slot, of);
    const fades = effects.filter(({ type }) => type === "fade_in" || type === "fade_out");
    return [slot.startFrame, { source, frames, overlap, entry, sourceStart, volume, fades }];
  });
  return hashOf(["sound", COMPOSITION_VERSION, of.encoder, request.output_format, fps, totalFrames, elements]);
}

/** The pictures of a composition, divided where elements come and go; each part has the same fingerprint as its like elsewhere. */
export function segmentsOf(request: RenderRequest, timeline: RenderTimeline, of: Ingredients): Segment[] {
  const { fps, totalFrames } = timeline;
  const seen = timeline.slots.filter(({ element }) => element.type !== "audio").sort(byHeight);
  const moments = seen.flatMap(({ startFrame, frames, overlap }) => [startFrame, startFrame + frames + overlap]);
  const least = Math.max(1, Math.round(LEAST_SECONDS * fps));
  const borders = [0];
  for (const moment of [...new Set(moments)].sort((a, b) => a - b))
    if (moment - (borders.at(-1) ?? 0) >= least && totalFrames - moment >= least) borders.push(moment);
  return borders.map((firstFrame, index) => {
    const frames = (borders[index + 1] ?? totalFrames) - firstFrame;
    const inside = seen.filter(
      (slot) => slot.startFrame < firstFrame + frames && slot.startFrame + slot.frames + slot.overlap > firstFrame,
    );
    // How loud a video is can't be seen.
    const elements = inside.map((slot) => [slot.startFrame - firstFrame, { ...elementOf(slot, of), volume: 0 }]);
    return { fingerprint: hashOf(["segment", frameOf(request, fps, of), frames, elements]), firstFrame, frames };
  });
}

/** From the bottom up, as it is composed. */
const byHeight = (a: Slot, b: Slot): number => a.element.track - b.element.track || a.index - b.index;
