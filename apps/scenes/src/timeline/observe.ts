import { advance, durationOf, elapsedOf, endOf, followerOf } from "./advance.js";
import { lengthOf, placeOf, type Scene } from "./rundown.js";
import type { Mode, OnAir, StopReason, StreamStatus, TimelineState } from "./state.js";
import { timecodeOf } from "./timecode.js";

/** The scene on air at a moment. Times in milliseconds, moments since 1970. */
export interface SceneView {
  readonly scene: Scene;
  /** In the rundown as it is now; null where an edit took the scene out while it was on air. */
  readonly index: number | null;
  readonly instance: number;
  readonly startedAtMs: number;
  /** Null where it is paused or waits for a take. */
  readonly endsAtMs: number | null;
  /** While it runs, it has been on for the time since then. */
  readonly zeroMs: number;
  /** With what was added or removed. */
  readonly durationMs: number;
  readonly adjustedMs: number;
  readonly elapsedMs: number;
  readonly remainingMs: number;
  /** How far a held scene is beyond its end. */
  readonly overMs: number;
  /** From 0 to 1. */
  readonly progress: number;
  readonly held: boolean;
}

/** What comes next. */
export interface NextView {
  readonly scene: Scene;
  readonly cued: boolean;
  /** When it goes on air, as things stand; null where that is not the clock's to say. */
  readonly startsAtMs: number | null;
}

/** What a timeline shows at a moment. */
export interface Observation {
  readonly atMs: number;
  readonly revision: number;
  readonly mode: Mode;
  readonly stopReason: StopReason | null;
  readonly onAir: SceneView | null;
  readonly next: NextView | null;
  /** The next scene is to be announced: it is on within the look-ahead. */
  readonly upcoming: boolean;
  readonly round: number;
  /** Of the whole run, pauses left out. */
  readonly elapsedMs: number;
  /** To the end of the rundown, or of this pass of a loop. */
  readonly remainingMs: number;
  readonly progress: number;
  readonly timecode: string;
  /** A start by the clock that has not come yet. */
  readonly startAtMs: number | null;
  readonly run: { readonly number: number; readonly startedAtMs: number } | null;
  readonly endedAtMs: number | null;
  readonly plannedEndMs: number | null;
  readonly predictedEndMs: number | null;
  /** How much later than planned it ends; negative where earlier. */
  readonly overUnderMs: number | null;
  readonly status: StreamStatus | null;
  /** The moment from which on it shows something else than more of the same: another scene, an announcement, a start. */
  readonly changesAtMs: number | null;
}

/** What a timeline shows at a moment that is not before its last command. */
export function observe(given: TimelineState, atMs: number): Observation {
  const state = advance(given, atMs);
  const { rundown, onAir, run, mode } = state;
  const scene = onAir === null ? null : viewOf(onAir, state, atMs);
  const followingMs = onAir === null ? 0 : followingOf(state, onAir);
  const isOver = mode === "finished" || mode === "stopped";
  const remainingMs =
    scene === null ? (isOver ? 0 : lengthOf(rundown.scenes) - rundown.startOffsetMs) : scene.remainingMs + followingMs;
  const elapsedMs = onAir === null ? 0 : onAir.playedMs + elapsedOf(onAir, atMs);
  const roundElapsedMs = onAir === null ? 0 : onAir.roundPlayedMs + elapsedOf(onAir, atMs);
  const next = nextOf(state, scene);
  const announcedAtMs =
    next?.startsAtMs == null || rundown.lookAheadMs === 0 ? null : next.startsAtMs - rundown.lookAheadMs;
  const upcoming = announcedAtMs !== null && announcedAtMs <= atMs;
  const ends = endsOf(state, atMs, remainingMs);
  return {
    ...{ atMs, revision: state.revision, mode, stopReason: state.stopReason, onAir: scene, next, upcoming },
    ...{ round: onAir?.round ?? 0, elapsedMs, remainingMs },
    progress: mode === "finished" ? 1 : ratio(roundElapsedMs, roundElapsedMs + remainingMs),
    timecode: timecodeOf(elapsedMs, rundown.frameRate),
    startAtMs: state.startAtMs,
    run: run === null ? null : { number: run.number, startedAtMs: run.startedAtMs },
    endedAtMs: state.endedAtMs,
    ...ends,
    status: state.status,
    changesAtMs: announcedAtMs !== null && !upcoming ? announcedAtMs : (scene?.endsAtMs ?? state.startAtMs),
  };
}

function viewOf(onAir: OnAir, { rundown }: TimelineState, atMs: number): SceneView {
  const [durationMs, elapsedMs] = [durationOf(onAir), elapsedOf(onAir, atMs)];
  const index = rundown.scenes.findIndex(({ id }) => id === onAir.scene.id);
  return {
    ...{ scene: onAir.scene, index: index < 0 ? null : index, instance: onAir.instance, startedAtMs: onAir.airedAtMs },
    ...{ endsAtMs: endOf(onAir), durationMs, adjustedMs: onAir.adjustedMs, elapsedMs, held: onAir.held },
    zeroMs: onAir.pausedAfterMs === null ? onAir.zeroMs : atMs - onAir.pausedAfterMs,
    remainingMs: Math.max(0, durationMs - elapsedMs),
    overMs: Math.max(0, elapsedMs - durationMs),
    progress: Math.min(1, ratio(elapsedMs, durationMs)),
  };
}

/** Planned time of everything after the scene on air, to the end of this pass. */
function followingOf(state: TimelineState, onAir: OnAir): number {
  const follower = followerOf(state);
  if (follower === null || follower.newRound) return 0;
  const from = follower.cued ? follower.index : onAir.follower;
  return lengthOf(state.rundown.scenes.slice(from));
}

function nextOf(state: TimelineState, scene: SceneView | null): NextView | null {
  const { mode, startAtMs, rundown } = state;
  if (mode === "idle") {
    const first = rundown.scenes[placeOf(rundown.scenes, rundown.startOffsetMs).index];
    return first === undefined ? null : { scene: first, cued: false, startsAtMs: startAtMs };
  }
  const follower = followerOf(state);
  return follower && { scene: follower.scene, cued: follower.cued, startsAtMs: scene?.endsAtMs ?? null };
}

/** Planned against predicted. Both are moments, so that midnight means nothing to them. */
function endsOf(state: TimelineState, atMs: number, remainingMs: number) {
  const { mode, rundown, run, startAtMs, endedAtMs } = state;
  const fromClock = startAtMs === null || rundown.loop ? null : startAtMs + remainingMs;
  const plannedEndMs = run?.plannedEndMs ?? rundown.plannedEndMs ?? fromClock;
  const onTheWay = mode === "running" || mode === "paused" ? atMs + remainingMs : fromClock;
  const predictedEndMs = mode === "finished" || mode === "stopped" ? endedAtMs : rundown.loop ? null : onTheWay;
  const overUnderMs = plannedEndMs === null || predictedEndMs === null ? null : predictedEndMs - plannedEndMs;
  return { plannedEndMs, predictedEndMs, overUnderMs };
}

const ratio = (part: number, whole: number): number => (whole === 0 ? 1 : part / whole);
