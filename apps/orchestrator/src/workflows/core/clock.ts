import { unitsOf, type WorkflowDefinition } from "../definition.js";
import type { RunState } from "./state.js";
import { isFailing, isRunning, unitNamed } from "./units.js";

/** Adds the time since the last event to the run's work. */
export function countTime(state: RunState, nowMs: number): void {
  if (state.clockSinceMs === null) return;
  state.spentMs += Math.max(0, nowMs - state.clockSinceMs);
  state.clockSinceMs = nowMs;
}

/**
 * Whether time counts against the run's limit: not while it is paused with nothing under way, and not while all that is under
 * way waits for somebody else. A queue that is long must not fail what waits in it.
 */
export function clockRuns(definition: WorkflowDefinition, state: RunState): boolean {
  if (state.phase !== "main" || state.status === "initialized" || isFailing(state)) return false;
  const units = unitsOf(definition).map(({ name }) => unitNamed(definition, state, name));
  const running = units.flatMap(({ steps }) => steps.filter((step) => step.state.status === "running"));
  if (units.some(({ head }) => head.status === "backoff") && state.wanted !== "pause") return true;
  if (running.length === 0) return state.wanted !== "pause";
  return running.some(({ definition: { waits } }) => waits !== true);
}

/** The moment at which a tick is due; undefined where nothing is waited for but events. */
export function nextTickMs(definition: WorkflowDefinition, state: RunState): number | undefined {
  if (state.phase === "ended") return undefined;
  const moments: number[] = [];
  if (state.clockSinceMs !== null) {
    const at = (spentMs: number) => (state.clockSinceMs ?? 0) + spentMs - state.spentMs;
    if (!state.relaxing) moments.push(at(Math.min(state.timeoutMs, state.relaxAfterMs ?? state.timeoutMs)));
  }
  for (const { name } of unitsOf(definition)) {
    const found = unitNamed(definition, state, name);
    const { head, steps } = found;
    const isHeld = state.wanted === "pause" && head.undo !== "backoff";
    if ((head.status === "backoff" || head.undo === "backoff") && head.retryAtMs !== null && !isHeld)
      moments.push(head.retryAtMs);
    if (!isRunning(found) || head.aborting !== null) continue;
    for (const { definition: step, state: one } of steps)
      if (one.status === "running" && step.timeoutMs !== undefined && one.timedFromMs !== null)
        moments.push(one.timedFromMs + step.timeoutMs);
  }
  return moments.length === 0 ? undefined : Math.min(...moments);
}
