import type { Segment } from "./fingerprint.js";

/** Where a segment was rendered before. */
export interface KnownSegment {
  /** The name of the film that has it. */
  film: string;
  firstFrame: number;
  frames: number;
}

/** A piece of a film that is put together: cut out of an earlier one, or encoded. */
export type Piece =
  | { type: "cut"; film: string; firstFrame: number; frames: number }
  | { type: "encode"; firstFrame: number; frames: number };

/** Below that share of known frames, starting several programs costs more than it saves. */
const LEAST_SHARE = 0.25;
const MOST_PIECES = 24;

/**
 * How a film is put together of what is known of it.
 *
 * @param known what was rendered before, in the order of the segments.
 * @returns undefined where it is better encoded as a whole.
 */
export function planPieces(
  segments: readonly Segment[],
  known: readonly (KnownSegment | undefined)[],
): Piece[] | undefined {
  const pieces: Piece[] = [];
  let knownFrames = 0;
  let allFrames = 0;
  for (const [index, { firstFrame, frames }] of segments.entries()) {
    const found = known[index];
    const last = pieces.at(-1);
    allFrames += frames;
    if (found === undefined) {
      if (last?.type === "encode") last.frames += frames;
      else pieces.push({ type: "encode", firstFrame, frames });
      continue;
    }
    knownFrames += frames;
    const goesOn =
      last?.type === "cut" && last.film === found.film && last.firstFrame + last.frames === found.firstFrame;
    if (goesOn) last.frames += frames;
    else pieces.push({ type: "cut", film: found.film, firstFrame: found.firstFrame, frames });
  }
  return knownFrames < allFrames * LEAST_SHARE || pieces.length > MOST_PIECES ? undefined : pieces;
}
