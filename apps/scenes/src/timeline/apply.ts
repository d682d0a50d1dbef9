import { advance, durationOf, elapsedOf, followerOf, next, onAirAfter } from "./advance.js";
import type { Action, Condition, Refusal, RefusalCode, TimelineCommand } from "./command.js";
import { findScene, followerAfterEdit, type Rundown } from "./rundown.js";
import { begin, type OnAir, type TimelineState } from "./state.js";

export type Applied =
  | {
      readonly ok: true;
      readonly state: TimelineState;
      /** When it counted. */
      readonly atMs: number;
      /** It had counted before, and did nothing now. */
      readonly repeated: boolean;
    }
  | { readonly ok: false; readonly refusal: Refusal };

type Step = { readonly state: TimelineState } | { readonly refusal: Refusal };

/** How many commands are remembered, so that a repeated one does nothing. */
const REMEMBERED = 128;

/**
 * What a command makes of a timeline.
 *
 * It counts at `atMs`, or at the moment of the command before it where that is later: commands count in the order in which
 * they were accepted, and time does not run backwards between two of them. So whoever replays them gets the same.
 */
export function apply(state: TimelineState, command: TimelineCommand, askedAtMs: number): Applied {
  const known = state.recent.find(({ commandId }) => commandId === command.commandId);
  if (known !== undefined) return { ok: true, state, atMs: state.lastAtMs, repeated: true };
  const atMs = Math.max(askedAtMs, state.lastAtMs);
  let now = advance(state, atMs);
  const unmet = problemOf(now, command.condition);
  if (unmet !== undefined) return { ok: false, refusal: unmet };
  for (const [index, action] of command.actions.entries()) {
    const step = perform(now, action, atMs);
    if ("refusal" in step)
      return {
        ok: false,
        refusal: command.actions.length === 1 ? step.refusal : { ...step.refusal, action: index },
      };
    now = advance(step.state, atMs);
  }
  const revision = state.revision + 1;
  const recent = [...state.recent, { commandId: command.commandId, revision }].slice(-REMEMBERED);
  return { ok: true, state: { ...now, revision, recent, lastAtMs: atMs }, atMs, repeated: false };
}

function problemOf({ onAir, revision }: TimelineState, condition: Condition | undefined): Refusal | undefined {
  if (condition?.revision !== undefined && condition.revision !== revision)
    return refusal(
      "CONDITION_FAILED",
      `The timeline is at revision ${revision}, not ${condition.revision}; look again.`,
    );
  const wanted = condition?.onAir;
  if (wanted === undefined || wanted === onAir?.scene.id || wanted === onAir?.scene.name) return undefined;
  const shown = onAir === null ? "Nothing is on air" : `"${onAir.scene.name}" is on air`;
  return refusal("CONDITION_FAILED", `${shown}, not "${wanted}"; look again.`);
}

function perform(state: TimelineState, action: Action, atMs: number): Step {
  switch (action.kind) {
    case "start":
      return start(state, action.startAtMs, atMs);
    case "stop":
      return stopped(state, action.reason ?? "command", atMs);
    case "reset":
      return { state: { ...cleared(state), mode: "idle", startAtMs: comingStart(state.rundown, atMs) } };
    case "status":
      return { state: { ...state, status: { status: action.status, message: action.message, updatedAtMs: atMs } } };
    case "reconfigure":
      return { state: reconfigured(state, action.rundown, atMs) };
    case "force":
      return force(state, action.scene, atMs);
    default:
      return state.onAir === null ? { refusal: notRunning(state) } : onScene(state, state.onAir, action, atMs);
  }
}

/** What needs a scene on air. */
function onScene(
  state: TimelineState,
  onAir: OnAir,
  action: Exclude<Action, { kind: "start" | "stop" | "reset" | "status" | "reconfigure" | "force" }>,
  atMs: number,
): Step {
  switch (action.kind) {
    case "pause": {
      if (onAir.pausedAfterMs !== null) return { state };
      return { state: { ...state, mode: "paused", onAir: { ...onAir, pausedAfterMs: elapsedOf(onAir, atMs) } } };
    }
    case "resume": {
      if (onAir.pausedAfterMs === null) return { state };
      const zeroMs = atMs - onAir.pausedAfterMs;
      return { state: { ...state, mode: "running", onAir: { ...onAir, zeroMs, pausedAfterMs: null } } };
    }
    case "skip":
      return { state: next(state, onAir, atMs) };
    case "take":
      if (followerOf(state) === null)
        return { refusal: refusal("NOTHING_NEXT", "Nothing is cued and nothing follows; cue a scene first.") };
      return { state: next(state, onAir, atMs) };
    case "cue":
      return cue(state, onAir, action.scene);
    case "hold":
      return { state: { ...state, onAir: { ...onAir, held: true } } };
    case "release":
      return { state: release(state, onAir, atMs) };
    case "adjust": {
      const adjustedMs = Math.max(onAir.adjustedMs + action.deltaMs, elapsedOf(onAir, atMs) - onAir.scene.durationMs);
      return { state: { ...state, onAir: { ...onAir, adjustedMs } } };
    }
  }
}

/** What was held beyond its end is followed now, not when it would have been. */
function release(state: TimelineState, onAir: OnAir, atMs: number): TimelineState {
  const overMs = elapsedOf(onAir, atMs) - durationOf(onAir);
  return { ...state, onAir: { ...onAir, held: false, adjustedMs: onAir.adjustedMs + Math.max(0, overMs) } };
}

function start(state: TimelineState, startAtMs: number | undefined, atMs: number): Step {
  if (state.onAir !== null)
    return {
      refusal: refusal(
        "TIMELINE_RUNNING",
        state.mode === "paused" ? "It is paused; resume it, or stop it first." : "It is running already.",
      ),
    };
  const fresh = cleared(state);
  if (startAtMs !== undefined && startAtMs > atMs) return { state: { ...fresh, mode: "idle", startAtMs } };
  return { state: begin(fresh, atMs) };
}

function stopped(state: TimelineState, stopReason: "command" | "no_subscribers", atMs: number): Step {
  if (state.mode === "stopped") return { state };
  return { state: { ...cleared(state), mode: "stopped", startAtMs: null, endedAtMs: atMs, stopReason } };
}

function force(state: TimelineState, idOrName: string, atMs: number): Step {
  const { rundown, onAir } = state;
  const index = findScene(rundown.scenes, idOrName, onAir?.follower ?? 0);
  const scene = rundown.scenes[index];
  if (scene === undefined) return { refusal: sceneNotFound(rundown, idOrName) };
  if (onAir === null) return { state: begin(cleared(state), atMs, { index, intoMs: 0 }) };
  const before = onAirAfter(onAir, { scene, index, newRound: false }, atMs);
  return { state: { ...state, cuedId: null, onAir: before } };
}

function cue(state: TimelineState, onAir: OnAir, idOrName: string | null): Step {
  if (idOrName === null) return { state: { ...state, cuedId: null } };
  const scene = state.rundown.scenes[findScene(state.rundown.scenes, idOrName, onAir.follower)];
  return scene === undefined
    ? { refusal: sceneNotFound(state.rundown, idOrName) }
    : { state: { ...state, cuedId: scene.id } };
}

function reconfigured(state: TimelineState, rundown: Rundown, atMs: number): TimelineState {
  const { onAir, cuedId, run, mode, startAtMs } = state;
  const keepsCue = rundown.scenes.some(({ id }) => id === cuedId);
  const moved = rundown.startAtMs !== state.rundown.startAtMs;
  return {
    ...state,
    rundown,
    cuedId: keepsCue ? cuedId : null,
    startAtMs: mode === "idle" && moved ? comingStart(rundown, atMs) : startAtMs,
    // The plan of a run that is under way stays, so that an edit shows as over or under; unless it brings one of its own.
    run: run === null ? null : { ...run, plannedEndMs: rundown.plannedEndMs ?? run.plannedEndMs },
    onAir: onAir && {
      ...onAir,
      follower: followerAfterEdit(rundown.scenes, onAir.scene.id, state.rundown.scenes.slice(onAir.follower)),
    },
  };
}

const comingStart = ({ startAtMs }: Rundown, atMs: number): number | null =>
  startAtMs !== null && startAtMs > atMs ? startAtMs : null;

const cleared = (state: TimelineState): TimelineState => ({
  ...state,
  ...{ onAir: null, cuedId: null, startAtMs: null, endedAtMs: null, stopReason: null },
});

const refusal = (code: RefusalCode, message: string): Refusal => ({ code, message });

const notRunning = ({ mode }: TimelineState): Refusal =>
  refusal("TIMELINE_NOT_RUNNING", `Nothing is on air, the timeline is ${mode}; start it first.`);

const sceneNotFound = ({ scenes }: Rundown, wanted: string): Refusal =>
  refusal(
    "SCENE_NOT_FOUND",
    `There is no scene "${wanted}"; there are ${scenes
      .slice(0, 20)
      .map(({ name }) => `"${name}"`)
      .join(", ")}.`,
  );
