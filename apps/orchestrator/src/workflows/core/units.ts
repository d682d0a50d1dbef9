import { type RetryPolicy, type StepDefinition, type Unit, unitsOf, type WorkflowDefinition } from "../definition.js";
import { type RunEvent, type RunState, type StepState, stepOf } from "./state.js";

/** Compensations are worth several tries: what they leave behind, somebody has to clear away by hand. */
export const UNDO_RETRY: RetryPolicy = { retries: 4, backoffMs: 1000, factor: 4 };
/** Tries that are kept of a step. */
const MAX_TRIES_KEPT = 50;

interface Found {
  unit: Unit;
  /** Holds what belongs to the unit as a whole. */
  head: StepState;
  steps: { definition: StepDefinition; state: StepState }[];
}

/** A unit with its states. @throws Error for a name that is none. */
export function unitNamed(definition: WorkflowDefinition, state: RunState, name: string): Found {
  const unit = unitsOf(definition).find((candidate) => candidate.name === name);
  if (unit === undefined) throw new Error(`The run has no unit "${name}".`);
  const steps = unit.steps.map((step) => ({ definition: step, state: stepOf(state, step.name) }));
  return { unit, head: stepOf(state, unit.head.name), steps };
}

export const isRunning = ({ steps }: Found): boolean => steps.some(({ state }) => state.status === "running");

/** The pause before another try, after so many. */
export const pauseMs = (
  { backoffMs, factor, maxMs = Number.POSITIVE_INFINITY }: RetryPolicy,
  triesMade: number,
  random: () => number,
): number => {
  const bound = Math.min(maxMs, backoffMs * factor ** Math.min(30, Math.max(0, triesMade - 1)));
  return Math.round(bound / 2 + (bound / 2) * random());
};

function openTry(step: StepState, nowMs: number): void {
  step.status = "running";
  step.timedFromMs = nowMs;
  step.error = null;
  step.tries.push({ startedAtMs: nowMs, endedAtMs: null, error: null });
  if (step.tries.length > MAX_TRIES_KEPT) step.tries.shift();
}

function closeTry(step: StepState, nowMs: number): void {
  const last = step.tries.at(-1);
  if (last !== undefined && last.endedAtMs === null) last.endedAtMs = nowMs;
  step.timedFromMs = null;
}

/** Begins a unit, or begins it again. From now on it counts as having acted. */
export function beginUnit(definition: WorkflowDefinition, state: RunState, name: string, nowMs: number): void {
  const { unit, head } = unitNamed(definition, state, name);
  head.retryAtMs = null;
  head.aborting = null;
  head.round += 1;
  openTry(head, nowMs);
  if (head.order !== null) return;
  state.acted += 1;
  head.order = state.acted;
  head.undo = unit.head.compensate === undefined ? null : "due";
}

/** A group's handler says where it stands. */
export function advanceTo(
  definition: WorkflowDefinition,
  state: RunState,
  { unit: name, step }: Extract<RunEvent, { type: "entered" }>,
  nowMs: number,
): void {
  const found = unitNamed(definition, state, name);
  const at = found.steps.findIndex((candidate) => candidate.definition.name === step);
  if (!isRunning(found) || at < 0 || found.steps[at]?.state.status === "running") return;
  for (const [index, { state: one }] of found.steps.entries()) {
    if (index < at && one.status !== "completed") complete(one, nowMs);
    if (index === at) {
      closeTry(one, nowMs);
      openTry(one, nowMs);
    }
    if (index > at) {
      // It began anew: what came later has to be done again.
      closeTry(one, nowMs);
      one.status = "waiting";
    }
  }
}

function complete(step: StepState, nowMs: number): void {
  // A step that was passed too quickly to be seen.
  if (step.tries.length === 0) openTry(step, nowMs);
  closeTry(step, nowMs);
  step.status = "completed";
}

/** @returns whether it was under way. */
export function markDone(definition: WorkflowDefinition, state: RunState, name: string, nowMs: number): boolean {
  const found = unitNamed(definition, state, name);
  if (!isRunning(found)) return false;
  for (const step of found.steps) if (step.state.status !== "completed") complete(step.state, nowMs);
  found.head.aborting = null;
  return true;
}

/** A try has failed: it is tried again, or that was it. */
export function markFailed(
  definition: WorkflowDefinition,
  state: RunState,
  { unit: name, error, retryable }: Extract<RunEvent, { type: "failed" }>,
  { nowMs, random }: { nowMs: number; random: () => number },
): void {
  const found = unitNamed(definition, state, name);
  if (!isRunning(found)) return;
  const { head, unit, steps } = found;
  const current = steps.find(({ state: one }) => one.status === "running") ?? steps[0];
  if (current === undefined) return;
  const tried = current.state.tries.at(-1);
  if (tried !== undefined) tried.error = error;
  const { aborting } = head;
  head.aborting = null;
  for (const { state: one } of steps) closeTry(one, nowMs);
  current.state.error = error;
  if (aborting === "stop") {
    for (const { state: one } of steps)
      if (one.status === "running" || one.status === "waiting") one.status = "cancelled";
    return;
  }
  const { retry } = unit.head;
  if (retryable && retry !== undefined && head.round <= retry.retries && !isFailing(state)) {
    for (const { state: one } of steps) one.status = "waiting";
    head.status = "backoff";
    head.retryAtMs = nowMs + pauseMs(retry, head.round, random);
    return;
  }
  for (const { state: one } of steps) if (one.status === "waiting") one.status = "cancelled";
  current.state.status = "failed";
  if (unit.head.optional === true || unit.head.final === true) return;
  state.error ??= error;
}

/** Whether the run has to be brought to an end that nobody wanted. */
export const isFailing = ({ phase, error, wanted }: RunState): boolean =>
  phase === "undoing" || (phase === "main" && (error !== null || wanted === "cancel"));

/** A compensation has failed: it is tried again, or it is left, on record. */
export function undoFailed(
  definition: WorkflowDefinition,
  state: RunState,
  { unit, error }: Extract<RunEvent, { type: "undoFailed" }>,
  { nowMs, random }: { nowMs: number; random: () => number },
): void {
  const { head } = unitNamed(definition, state, unit);
  if (head.undo !== "running") return;
  head.error ??= error;
  if (head.undoTries > UNDO_RETRY.retries) {
    head.undo = "failed";
    return;
  }
  head.undo = "backoff";
  head.retryAtMs = nowMs + pauseMs(UNDO_RETRY, head.undoTries, random);
}
