import { lengthOf, type Scene } from "./rundown.js";
import { begin, type OnAir, type TimelineState } from "./state.js";

/** How long the scene on air is to last, with what was added or removed. */
export const durationOf = ({ scene, adjustedMs }: OnAir): number => scene.durationMs + adjustedMs;

/** How long it has been on air at a moment; a moment before it went on counts as its beginning. */
export const elapsedOf = ({ pausedAfterMs, zeroMs }: OnAir, atMs: number): number =>
  pausedAfterMs ?? Math.max(0, atMs - zeroMs);

/** When it ends by itself; null where it waits for somebody. */
export const endOf = (onAir: OnAir): number | null =>
  onAir.held || onAir.pausedAfterMs !== null ? null : onAir.zeroMs + durationOf(onAir);

/** What follows the scene on air. */
export interface Follower {
  readonly scene: Scene;
  readonly index: number;
  /** It begins another pass. */
  readonly newRound: boolean;
  readonly cued: boolean;
}

/** The scene that comes after the one on air; null where that is the last. */
export function followerOf({ rundown, onAir, cuedId }: TimelineState): Follower | null {
  const { scenes, loop } = rundown;
  if (onAir === null) return null;
  const cuedIndex = cuedId === null ? -1 : scenes.findIndex(({ id }) => id === cuedId);
  const cued = scenes[cuedIndex];
  if (cued !== undefined) return { scene: cued, index: cuedIndex, newRound: false, cued: true };
  const scene = scenes[onAir.follower];
  if (scene !== undefined) return { scene, index: onAir.follower, newRound: false, cued: false };
  const first = scenes[0];
  return loop && first !== undefined ? { scene: first, index: 0, newRound: true, cued: false } : null;
}

/**
 * The state with what is on air at a moment in its `onAir`: scenes that have ended by then are passed, a start by the clock
 * that has come is made. It shows the same at every later moment, whichever moments were asked for before.
 *
 * @param onPassed is called with every scene that ended, and when; rounds of a loop that are passed as a whole are left out
 *   where there are more than `maxPassed` scenes.
 */
export function advance(
  state: TimelineState,
  atMs: number,
  onPassed?: (onAir: OnAir, endedAtMs: number) => void,
  maxPassed = Number.POSITIVE_INFINITY,
): TimelineState {
  let now = state;
  if (now.mode === "idle" && now.startAtMs !== null && now.startAtMs <= atMs) now = begin(now, now.startAtMs);
  for (;;) {
    const { onAir } = now;
    if (onAir === null) return now;
    const endMs = endOf(onAir);
    if (endMs === null || endMs > atMs) return now;
    onPassed?.(onAir, endMs);
    now = passRounds(next(now, onAir, endMs), atMs, onPassed === undefined ? 0 : maxPassed);
  }
}

/** Puts the follower on air at a moment, or ends the run where there is none. */
export function next(state: TimelineState, onAir: OnAir, atMs: number): TimelineState {
  const follower = followerOf(state);
  if (follower === null)
    return { ...state, mode: "finished", onAir: null, cuedId: null, startAtMs: null, endedAtMs: atMs };
  return { ...state, cuedId: null, onAir: onAirAfter(onAir, follower, atMs) };
}

/** What a follower is when it goes on air after a scene that is taken off at a moment. */
export function onAirAfter(
  before: OnAir,
  { scene, index, newRound }: Pick<Follower, "scene" | "index" | "newRound">,
  atMs: number,
): OnAir {
  const playedMs = elapsedOf(before, atMs);
  return {
    ...{ scene, adjustedMs: 0, follower: index + 1, held: scene.hold, zeroMs: atMs, airedAtMs: atMs },
    round: before.round + (newRound ? 1 : 0),
    instance: before.instance + 1,
    roundPlayedMs: newRound ? 0 : before.roundPlayedMs + playedMs,
    playedMs: before.playedMs + playedMs,
    pausedAfterMs: before.pausedAfterMs === null ? null : 0,
  };
}

/** Passes whole rounds of a loop at once, so that a week of two-second scenes costs no more than a minute of them. */
function passRounds(state: TimelineState, atMs: number, maxPassed: number): TimelineState {
  const { onAir, rundown, cuedId } = state;
  const { scenes, loop } = rundown;
  if (!loop || onAir === null || cuedId !== null || onAir.follower !== 1 || onAir.scene !== scenes[0]) return state;
  if (onAir.pausedAfterMs !== null || onAir.adjustedMs !== 0 || scenes.some(({ hold }) => hold)) return state;
  const roundMs = lengthOf(scenes);
  // The last rounds are walked, for whoever wants to know what was passed.
  const walked = Number.isFinite(maxPassed) ? Math.ceil(maxPassed / scenes.length) : Number.POSITIVE_INFINITY;
  const rounds = Math.floor((atMs - onAir.zeroMs) / roundMs) - walked;
  if (!(rounds > 0)) return state;
  const skippedMs = rounds * roundMs;
  return {
    ...state,
    onAir: {
      ...onAir,
      ...{ round: onAir.round + rounds, instance: onAir.instance + rounds * scenes.length },
      ...{ playedMs: onAir.playedMs + skippedMs, roundPlayedMs: 0 },
      ...{ zeroMs: onAir.zeroMs + skippedMs, airedAtMs: onAir.airedAtMs + skippedMs },
    },
  };
}
