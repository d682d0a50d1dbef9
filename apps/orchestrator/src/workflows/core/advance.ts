import { type Unit, unitsOf, type WorkflowDefinition } from "../definition.js";
import { type RunAction, type RunState, unitStatus } from "./state.js";
import { beginUnit, isFailing, isRunning, unitNamed } from "./units.js";

/** Brings a run as far as it goes without anything else happening, and adds what is to be done. */
export function advance(definition: WorkflowDefinition, state: RunState, nowMs: number, actions: RunAction[]): void {
  if (state.status === "initialized" && state.wanted !== "cancel") return;
  endWhatIsLate(definition, state, nowMs, actions);
  if (state.phase === "main") main(definition, state, nowMs, actions);
  if (state.phase === "undoing") undoing(definition, state, nowMs, actions);
  if (state.phase === "finishing") finishing(definition, state, nowMs, actions);
}

function endWhatIsLate(definition: WorkflowDefinition, state: RunState, nowMs: number, actions: RunAction[]): void {
  if (state.phase === "ended") return;
  for (const unit of unitsOf(definition)) {
    const { head, steps } = unitNamed(definition, state, unit.name);
    const late = steps.some(
      ({ definition: { timeoutMs }, state: { status, timedFromMs } }) =>
        status === "running" && timeoutMs !== undefined && timedFromMs !== null && nowMs >= timedFromMs + timeoutMs,
    );
    if (late && head.aborting === null) abort(definition, state, unit, "timeout", actions);
  }
  if (state.phase !== "main" || isFailing(state) || state.clockSinceMs === null) return;
  const { spentMs, timeoutMs, relaxAfterMs, relaxing } = state;
  if (relaxAfterMs !== null && !relaxing && spentMs >= relaxAfterMs) {
    state.relaxing = true;
    actions.push({ type: "relax" });
  }
  // Other limits are being found out; they come in a moment.
  if (spentMs < timeoutMs || state.relaxing) return;
  const message = `The workflow was not done within ${timeoutMs / 1000} s of work (limits of ${state.limits}).`;
  state.error = { code: "WORKFLOW_TIMEOUT", message };
}

function abort(
  definition: WorkflowDefinition,
  state: RunState,
  { name }: Unit,
  reason: "timeout" | "stop",
  actions: RunAction[],
): void {
  unitNamed(definition, state, name).head.aborting = reason;
  actions.push({ type: "abort", unit: name, reason });
}

function main(definition: WorkflowDefinition, state: RunState, nowMs: number, actions: RunAction[]): void {
  const units = unitsOf(definition).filter(({ head }) => head.final !== true);
  if (isFailing(state)) {
    if (giveUp(definition, state, units, actions)) return;
    state.phase = "undoing";
    return;
  }
  beginWhatCan(definition, state, units, nowMs, actions);
  if (units.some(({ name }) => !isOver(definition, state, name))) return;
  state.outcome = "completed";
  state.phase = "finishing";
}

/** @returns whether something is still under way. */
function giveUp(
  definition: WorkflowDefinition,
  state: RunState,
  units: readonly Unit[],
  actions: RunAction[],
): boolean {
  let isBusy = false;
  for (const unit of units) {
    const found = unitNamed(definition, state, unit.name);
    if (isRunning(found)) {
      isBusy = true;
      if (found.head.aborting !== "stop") abort(definition, state, unit, "stop", actions);
    } else
      for (const { state: step } of found.steps)
        if (step.status === "waiting" || step.status === "backoff") step.status = "cancelled";
  }
  return isBusy;
}

function beginWhatCan(
  definition: WorkflowDefinition,
  state: RunState,
  units: readonly Unit[],
  nowMs: number,
  actions: RunAction[],
): void {
  const own = new Set(units.map(({ name }) => name));
  // A step that is skipped may let those behind it begin at once.
  for (let changed = true; changed; ) {
    changed = false;
    for (const unit of units) {
      const { head, steps } = unitNamed(definition, state, unit.name);
      const status = unitStatus(definition, state, unit.name);
      const isDue = status === "backoff" && head.retryAtMs !== null && head.retryAtMs <= nowMs;
      const isFree =
        status === "waiting" && unit.after.every((other) => !own.has(other) || isOver(definition, state, other));
      if (!isDue && !isFree) continue;
      if (isFree && !holds(unit, state)) {
        for (const { state: step } of steps) step.status = "skipped";
        changed = true;
      } else if (state.wanted === "run") {
        beginUnit(definition, state, unit.name, nowMs);
        actions.push({ type: "execute", unit: unit.name, joins: unit.head.joins === true });
      }
    }
  }
}

/** Whether those behind it may begin. A failure that counts ends the run before anybody asks. */
function isOver(definition: WorkflowDefinition, state: RunState, unit: string): boolean {
  const status = unitStatus(definition, state, unit);
  return status === "completed" || status === "skipped" || status === "failed" || status === "cancelled";
}

function holds({ head: { when } }: Unit, { facts, outcome, phase }: RunState): boolean {
  if (when === undefined) return true;
  const name = when.replace(/^!/, "");
  // Final steps may ask what came of the run.
  const fact = phase === "finishing" && name === outcome ? true : facts[name] === true;
  return when.startsWith("!") ? !fact : fact;
}

/** One compensation after the other, the last that acted first. */
function undoing(definition: WorkflowDefinition, state: RunState, nowMs: number, actions: RunAction[]): void {
  const heads = unitsOf(definition).map(({ name }) => ({ name, head: unitNamed(definition, state, name).head }));
  const left = heads.filter(({ head: { undo } }) => undo === "due" || undo === "running" || undo === "backoff");
  const last = left.sort((a, b) => (b.head.order ?? 0) - (a.head.order ?? 0))[0];
  if (last === undefined) {
    state.outcome = state.error === null ? "cancelled" : "failed";
    state.phase = "finishing";
    return;
  }
  const { head, name } = last;
  if (head.undo === "running" || (head.undo === "backoff" && (head.retryAtMs ?? 0) > nowMs)) return;
  head.undo = "running";
  head.undoTries += 1;
  head.retryAtMs = null;
  actions.push({ type: "undo", unit: name });
}

function finishing(definition: WorkflowDefinition, state: RunState, nowMs: number, actions: RunAction[]): void {
  const units = unitsOf(definition).filter(({ head }) => head.final === true);
  // A run that was cancelled has final steps like any other.
  if (state.wanted === "cancel") state.wanted = "run";
  if (state.hurried && giveUp(definition, state, units, actions)) return;
  beginWhatCan(definition, state, units, nowMs, actions);
  if (units.some(({ name }) => !isOver(definition, state, name))) return;
  state.phase = "ended";
  state.wanted = "run";
  state.status = state.outcome ?? "failed";
}
