import { placeOf, type Rundown, type Scene } from "./rundown.js";

/**
 * Where a timeline stands, as of its last command:
 *
 * - `idle`: not begun; it begins by itself at `startAtMs`, where that is set.
 * - `running`, `paused`: `onAir` says what is shown. While it runs, later scenes follow by the clock alone.
 * - `finished`: its last scene has ended.
 * - `stopped`: somebody ended it, or nobody was left to watch.
 */
export const MODES = ["idle", "running", "paused", "finished", "stopped"] as const;
export type Mode = (typeof MODES)[number];

/** Why a timeline was stopped: only what stopped for want of subscribers starts again with one. */
export type StopReason = "command" | "no_subscribers";

/** A scene that is on air. What it is, is frozen: edits of the rundown reach the scenes after it. */
export interface OnAir {
  readonly scene: Scene;
  /** Time that was added or removed while it was on air. */
  readonly adjustedMs: number;
  /** Index in the rundown of what comes after it; the number of scenes where it is the last. */
  readonly follower: number;
  /** Passes through the rundown before this one. */
  readonly round: number;
  /** How many scenes went on air in this run before it. */
  readonly instance: number;
  /** What was played of this pass, and of the whole run, before it. */
  readonly roundPlayedMs: number;
  readonly playedMs: number;
  /** The moment at which it had been on for 0 ms, had it never been paused. Means nothing while it is paused. */
  readonly zeroMs: number;
  /** How long it had been on when it was paused; null while it runs. */
  readonly pausedAfterMs: number | null;
  /** When it really went on air. */
  readonly airedAtMs: number;
  /** It waits for a take at its end. */
  readonly held: boolean;
}

/** One pass from a start to an end. */
export interface Run {
  readonly number: number;
  readonly startedAtMs: number;
  /** Null in a loop without an end of its own. */
  readonly plannedEndMs: number | null;
}

/** What the stream behind the timeline is said to be doing; free text of whoever runs it. */
export interface StreamStatus {
  readonly status: string;
  readonly message: string;
  readonly updatedAtMs: number;
}

/**
 * Everything there is to know of a timeline: plain data that survives JSON. It changes by commands alone; what is on air at
 * any time is computed from it, so that two observers with the same state agree to the millisecond.
 */
export interface TimelineState {
  readonly rundown: Rundown;
  /** Grows by one with each command that changed something. */
  readonly revision: number;
  /** When the last command counted; none can count before it. */
  readonly lastAtMs: number;
  readonly mode: Mode;
  readonly startAtMs: number | null;
  readonly onAir: OnAir | null;
  /** The scene that is on next instead of the follower. */
  readonly cuedId: string | null;
  readonly run: Run | null;
  readonly endedAtMs: number | null;
  readonly stopReason: StopReason | null;
  readonly status: StreamStatus | null;
  /** The last commands by their ids, oldest first, so that a repeated one does nothing. */
  readonly recent: readonly { readonly commandId: string; readonly revision: number }[];
}

/** A timeline as it is made. */
export function newTimeline(rundown: Rundown, atMs: number): TimelineState {
  return {
    ...{ rundown, revision: 0, lastAtMs: atMs, mode: "idle", startAtMs: rundown.startAtMs, onAir: null, cuedId: null },
    ...{ run: null, endedAtMs: null, stopReason: null, status: null, recent: [] },
  };
}

/** Begins a run with the scene at `index`, `intoMs` into it. */
export function begin(
  state: TimelineState,
  atMs: number,
  place: { index: number; intoMs: number } = placeOf(state.rundown.scenes, state.rundown.startOffsetMs),
): TimelineState {
  const { rundown, run } = state;
  const { index, intoMs } = place;
  const scene = rundown.scenes[index];
  if (scene === undefined) throw new RangeError(`A rundown of ${rundown.scenes.length} scenes has no scene ${index}.`);
  let beforeMs = 0;
  let wholeMs = 0;
  for (const [other, { durationMs }] of rundown.scenes.entries()) {
    if (other < index) beforeMs += durationMs;
    wholeMs += durationMs;
  }
  // A start that was planned is what the plan counts from, however late it really was.
  const plannedStartMs = rundown.startAtMs ?? atMs;
  return {
    ...state,
    ...{ mode: "running", startAtMs: null, endedAtMs: null, stopReason: null, cuedId: null },
    onAir: {
      ...{ scene, adjustedMs: 0, follower: index + 1, round: 0, instance: 0, held: scene.hold },
      ...{ roundPlayedMs: beforeMs, playedMs: beforeMs, zeroMs: atMs - intoMs, pausedAfterMs: null, airedAtMs: atMs },
    },
    run: {
      number: (run?.number ?? 0) + 1,
      startedAtMs: atMs,
      plannedEndMs: rundown.plannedEndMs ?? (rundown.loop ? null : plannedStartMs + wholeMs - beforeMs - intoMs),
    },
  };
}
