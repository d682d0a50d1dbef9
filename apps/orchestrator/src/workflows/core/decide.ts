import { unitsOf, type WorkflowDefinition } from "../definition.js";
import { advance } from "./advance.js";
import { clockRuns, countTime } from "./clock.js";
import { rerun } from "./rerun.js";
import type { RunAction, RunEvent, RunState } from "./state.js";
import { advanceTo, markDone, markFailed, undoFailed, unitNamed } from "./units.js";

export interface Decision {
  state: RunState;
  actions: RunAction[];
}

export interface DecisionContext {
  nowMs: number;
  /** Numbers in [0, 1), for the jitter of pauses. */
  random: () => number;
}

/**
 * What becomes of a run by an event. Pure, but for the jitter: it neither reads a clock nor touches the state that it is given.
 * An event that comes too late, such as of a unit that is over, changes nothing.
 */
export function decide(
  definition: WorkflowDefinition,
  before: RunState,
  event: RunEvent,
  { nowMs, random }: DecisionContext,
): Decision {
  const state = structuredClone(before);
  const actions: RunAction[] = [];
  // While the service was away nobody could have ended what took too long.
  if (event.type === "recovered") state.clockSinceMs = null;
  countTime(state, nowMs);
  switch (event.type) {
    case "begin":
      if (state.status === "initialized" && state.wanted === "run") state.status = "running";
      break;
    case "tick":
      break;
    case "pause":
      if (state.phase !== "ended" && state.wanted === "run") {
        state.wanted = "pause";
        state.status = "paused";
      }
      break;
    case "resume":
      if (state.wanted === "pause") {
        state.wanted = "run";
        state.status = "running";
      }
      break;
    case "cancel":
      cancel(state);
      break;
    case "recovered":
      takeUp(definition, state, nowMs, actions);
      break;
    case "entered":
      advanceTo(definition, state, event, nowMs);
      break;
    case "done":
      if (markDone(definition, state, event.unit, nowMs)) Object.assign(state.facts, event.facts);
      break;
    case "failed":
      markFailed(definition, state, event, { nowMs, random });
      break;
    case "undone": {
      const { head } = unitNamed(definition, state, event.unit);
      if (head.undo === "running") head.undo = "done";
      break;
    }
    case "undoFailed":
      undoFailed(definition, state, event, { nowMs, random });
      break;
    case "relaxed":
      state.relaxing = false;
      state.limits = event.limits;
      state.timeoutMs = event.timeoutMs;
      state.relaxAfterMs = event.relaxAfterMs;
      break;
    case "rerun":
      rerun(definition, state, event.fromStep);
      break;
  }
  advance(definition, state, nowMs, actions);
  state.clockSinceMs = clockRuns(definition, state) ? nowMs : null;
  return { state, actions };
}

/** Who cancels what is done, or being taken back, only stops what is still being done about it. */
function cancel(state: RunState): void {
  if (state.phase === "ended") return;
  state.status = "running";
  if (state.phase === "finishing") state.hurried = true;
  state.wanted = state.phase === "main" ? "cancel" : "run";
}

/** Everything that was under way is done again by its key, and gets its whole time. */
function takeUp(definition: WorkflowDefinition, state: RunState, nowMs: number, actions: RunAction[]): void {
  for (const { name, steps } of unitsOf(definition)) {
    const { head } = unitNamed(definition, state, name);
    const running = steps.map((step) => state.steps[step.name]).filter((step) => step?.status === "running");
    for (const step of running) if (step !== undefined) step.timedFromMs = nowMs;
    if (running.length > 0) {
      actions.push({ type: "execute", unit: name, joins: false });
      if (head.aborting !== null) actions.push({ type: "abort", unit: name, reason: head.aborting });
    }
    if (head.undo === "running") actions.push({ type: "undo", unit: name });
  }
  if (state.relaxing) actions.push({ type: "relax" });
}
