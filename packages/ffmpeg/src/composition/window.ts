import type { Slot } from "@stream-control/protocol";

/** Neighbouring frames of a composition. */
export interface FrameRange {
  firstFrame: number;
  /** At least one. */
  frames: number;
}

/** Which frames of an element are wanted, counted from its own first one. */
export interface Window {
  from: number;
  /** At least one. */
  count: number;
}

/** What of an element is to be seen in a range, what stays beneath a neighbour included; undefined where nothing is. */
export function windowOf({ startFrame, frames, overlap }: Slot, range: FrameRange): Window | undefined {
  const from = Math.max(0, range.firstFrame - startFrame);
  const until = Math.min(frames + overlap, range.firstFrame + range.frames - startFrame);
  return until > from ? { from, count: until - from } : undefined;
}

/** Containers whose index leads to a keyframe at or before a time; in others the first picture may come after it. */
const INDEXED = new Set(["mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm"]);

/**
 * Whether a source can be read from its middle on without losing a picture.
 *
 * @param formatName as ffprobe says it, such as `mov,mp4,m4a,3gp,3g2,mj2`.
 */
export const canSeek = (formatName: string | undefined): boolean =>
  formatName?.split(",").every((name) => INDEXED.has(name)) === true;

/** Keyframes are found by when they are decoded, which is up to some frames before they are shown. */
const EARLIER_SECONDS = 1;

/** Where a video is read from. */
export interface Entry {
  /** Seconds after the beginning of its part of the source. */
  afterSeconds: number;
  /** Frames at the rate of the result from there to the first that is wanted. */
  lead: number;
}

/**
 * Where a video is read from, for a window of its element. Whole seconds, which any clock of a container counts exactly: so each of
 * the source's pictures falls onto the same frame of the result wherever reading began.
 */
export function entryOf(window: Window, fps: number, seekable: boolean): Entry {
  const afterSeconds = seekable ? Math.max(0, Math.floor(window.from / fps) - EARLIER_SECONDS) : 0;
  return { afterSeconds, lead: window.from - afterSeconds * fps };
}
