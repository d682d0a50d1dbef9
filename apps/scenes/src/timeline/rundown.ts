/** One part of a show. */
export interface Scene {
  /** Unique in its rundown: what edits, cues and forces mean it by. */
  readonly id: string;
  readonly name: string;
  /** Planned length, at least 1 ms. */
  readonly durationMs: number;
  /** Stays on air beyond its end until somebody takes the next one. */
  readonly hold: boolean;
  /** What clients need to show it; passed on unread. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Who makes a timeline run: whoever watches it, or commands and the clock alone. */
export const LIFECYCLES = ["subscribers", "independent"] as const;
export type Lifecycle = (typeof LIFECYCLES)[number];

/** Frames per second that timecode counts; the broken ones are 1000/1001 of a whole rate and drop frame numbers. */
export const FRAME_RATES = ["24", "25", "29.97", "30", "50", "59.94", "60"] as const;
export type FrameRate = (typeof FRAME_RATES)[number];

/** What is to be played, and how. */
export interface Rundown {
  /** At least one. */
  readonly scenes: readonly Scene[];
  /** How often subscribers are told how far it is. */
  readonly tickIntervalMs: number;
  /** After the last scene comes the first again. */
  readonly loop: boolean;
  /** How far into the rundown a run begins; less than the whole. */
  readonly startOffsetMs: number;
  /** How long before it goes on air the next scene is announced. */
  readonly lookAheadMs: number;
  readonly frameRate: FrameRate;
  /** When it starts by the clock; milliseconds since 1970. */
  readonly startAtMs: number | null;
  /** When it should end; null: as long after its start as its scenes take. */
  readonly plannedEndMs: number | null;
  readonly lifecycle: Lifecycle;
}

/** Planned length of one pass. */
export const lengthOf = (scenes: readonly Scene[]): number =>
  scenes.reduce((sum, { durationMs }) => sum + durationMs, 0);

/** Where in a rundown an offset lies. @returns the scene's index and how far into it. */
export function placeOf(scenes: readonly Scene[], offsetMs: number): { index: number; intoMs: number } {
  let intoMs = offsetMs;
  for (const [index, { durationMs }] of scenes.entries()) {
    if (intoMs < durationMs) return { index, intoMs };
    intoMs -= durationMs;
  }
  return { index: 0, intoMs: 0 };
}

/**
 * Finds a scene by its id, or by its name: of several that are called so, the first from `from` on, then from the
 * beginning; so that "Break" means the next break.
 *
 * @returns its index, or -1.
 */
export function findScene(scenes: readonly Scene[], idOrName: string, from: number): number {
  const byId = scenes.findIndex(({ id }) => id === idOrName);
  if (byId >= 0 && scenes[byId]?.name !== idOrName) return byId;
  for (let step = 0; step < scenes.length; step += 1) {
    const index = (from + step) % scenes.length;
    if (scenes[index]?.name === idOrName) return index;
  }
  return byId;
}

/**
 * What follows a scene after an edit: the first of its old followers that is still there. So a scene that was taken out while
 * on air is played to its end and the show goes on where it would have.
 *
 * @param old what followed it before, in order.
 * @returns an index of `scenes`; their number where none is left.
 */
export function followerAfterEdit(scenes: readonly Scene[], onAirId: string, old: readonly Scene[]): number {
  const own = scenes.findIndex(({ id }) => id === onAirId);
  if (own >= 0) return own + 1;
  for (const { id } of old) {
    const index = scenes.findIndex((scene) => scene.id === id);
    if (index >= 0) return index;
  }
  return scenes.length;
}
