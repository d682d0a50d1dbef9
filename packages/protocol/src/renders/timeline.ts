import type { Issue, ParseResult } from "../parse-result.js";
import { MAX_RENDER_SECONDS, type RenderElement, startOf } from "./element.js";
import { fpsOf, type RenderRequest } from "./request.js";

/** What has to be known of a source that is played. */
export interface RenderSourceFacts {
  hasVideo: boolean;
  hasAudio: boolean;
  /** Absent where its container does not say. */
  durationSeconds?: number | undefined;
}

/** When one element is on, in frames of the result. */
export interface Slot {
  /** Its place in the request's list. */
  index: number;
  element: RenderElement;
  startFrame: number;
  /** At least one. */
  frames: number;
  /** Frames that it stays on beyond those, beneath the neighbour that comes in over it. */
  overlap: number;
  /** Frames in which it comes in itself. */
  entry: number;
  /** Where in its source it begins, in seconds. */
  sourceStart: number;
}

/** A composition with all its times settled. */
export interface RenderTimeline {
  fps: number;
  totalFrames: number;
  /** Those that are on before the end of the composition. */
  slots: Slot[];
}

/** Sources that have to be looked into before their composition can be timed: videos and sounds, not images. */
export const playedSources = ({ elements }: RenderRequest): string[] => [
  ...new Set(elements.flatMap((element) => (isPlayed(element) ? [element.source] : []))),
];

type Played = Extract<RenderElement, { type: "video" | "audio" }>;
const isPlayed = (element: RenderElement): element is Played => element.type === "video" || element.type === "audio";

/**
 * Settles when each element is on. Moments are rounded to frames once, so that what begins where another ends leaves neither
 * gap nor overlap.
 *
 * @param factsOf what is known of a source that is played.
 */
export function renderTimeline(
  request: RenderRequest,
  factsOf: (source: string) => RenderSourceFacts | undefined,
): ParseResult<RenderTimeline> {
  const fps = fpsOf(request);
  const issues: Issue[] = [];
  const complain = (index: number, field: string, message: string): void => {
    issues.push({ path: `elements.${index}.${field}`, message });
  };
  const lengths = request.elements.map((element, index) => {
    const own = isPlayed(element)
      ? lengthOf(element, factsOf(element.source), (...why) => complain(index, ...why))
      : undefined;
    // A source that is shorter than what is asked for ends when it ends.
    return element.duration === undefined ? own : Math.min(element.duration, own ?? Number.POSITIVE_INFINITY);
  });
  if (issues.length > 0) return { ok: false, issues };
  const frameAt = (seconds: number) => Math.round(seconds * fps);
  const ends = request.elements.map((element, index) => {
    const length = lengths[index];
    return length === undefined ? undefined : frameAt(startOf(element) + length);
  });
  const known = ends.filter((end) => end !== undefined);
  const totalFrames = request.duration === undefined ? Math.max(0, ...known) : frameAt(request.duration);
  if (totalFrames < 1) return refused("duration", "nothing says how long it is: give this, or an element a duration");
  if (totalFrames > MAX_RENDER_SECONDS * fps) return refused("duration", `is longer than ${MAX_RENDER_SECONDS} s`);
  const slots = request.elements.flatMap((element, index): Slot[] => {
    const startFrame = frameAt(startOf(element));
    const endFrame = Math.min(ends[index] ?? totalFrames, totalFrames);
    if (startFrame >= totalFrames) return [];
    const sourceStart = isPlayed(element) ? (element.trim?.start ?? 0) : 0;
    // What is shorter than half a frame is shown for one.
    const frames = Math.max(1, endFrame - startFrame);
    const { transition = undefined } = element.type === "audio" ? {} : element;
    const entry = transition === undefined ? 0 : Math.min(frames, Math.max(1, frameAt(transition.duration)));
    return [{ index, element, startFrame, frames, sourceStart, entry, overlap: 0 }];
  });
  return {
    ok: true,
    value: { fps, totalFrames, slots: slots.map((slot) => ({ ...slot, overlap: overlapOf(slot, slots) })) },
  };
}

/** How long the neighbour that begins where an element ends takes to come in over it. */
const overlapOf = ({ element, startFrame, frames }: Slot, slots: readonly Slot[]): number =>
  Math.max(
    0,
    ...slots
      .filter((next) => next.element.track === element.track && next.startFrame === startFrame + frames)
      .map(({ entry }) => entry),
  );

const refused = (path: string, message: string): ParseResult<RenderTimeline> => ({
  ok: false,
  issues: [{ path, message }],
});

/** Seconds that the wanted part of a source lasts; undefined where neither the source nor its trim says. */
function lengthOf(
  element: Played,
  facts: RenderSourceFacts | undefined,
  complain: (field: string, message: string) => void,
): number | undefined {
  if (facts === undefined) return undefined;
  if (element.type === "video" && !facts.hasVideo) complain("source", "has no picture");
  if (element.type === "audio" && !facts.hasAudio) complain("source", "has no sound");
  const { start = 0, end, duration } = element.trim ?? {};
  const left = facts.durationSeconds === undefined ? undefined : facts.durationSeconds - start;
  if (left !== undefined && left <= 0)
    complain("trim.start", `lies behind the source's end at ${facts.durationSeconds} s`);
  const wanted = duration ?? (end === undefined ? undefined : end - start);
  if (wanted === undefined && left === undefined && element.duration === undefined)
    complain("duration", "is needed: the source does not say how long it is");
  return wanted === undefined ? left : Math.min(wanted, left ?? Number.POSITIVE_INFINITY);
}
