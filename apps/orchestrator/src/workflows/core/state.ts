import type { StepStatus, WorkflowStatus } from "@stream-control/protocol";
import { unitsOf, type WorkflowDefinition } from "../definition.js";

export type WorkflowOutcome = Extract<WorkflowStatus, "completed" | "failed" | "cancelled">;

/** Why a step or a run failed. */
export interface WorkflowError {
  code: string;
  message: string;
  detail?: Record<string, unknown>;
}

/** One try of a step. */
export interface Try {
  startedAtMs: number;
  endedAtMs: number | null;
  error: WorkflowError | null;
}

/** Where a step stands. What belongs to a unit is kept with the first of its steps. */
export interface StepState {
  /** Counts re-runs; what an earlier one did stays on record. */
  generation: number;
  status: StepStatus;
  tries: Try[];
  /** How often its handler was begun, the service's restarts aside. */
  round: number;
  /** From when its timeout counts: later than its beginning where the service was away. */
  timedFromMs: number | null;
  retryAtMs: number | null;
  error: WorkflowError | null;
  /** Place in the order in which units of the run acted; null while it has not. */
  order: number | null;
  /** Why its handler was told to give up. */
  aborting: "timeout" | "stop" | null;
  undo: "due" | "running" | "backoff" | "done" | "failed" | null;
  undoTries: number;
}

/** `main`: the steps; `undoing`: compensations; `finishing`: final steps. */
export type Phase = "main" | "undoing" | "finishing" | "ended";

/** All that decides how a run goes on. Plain data. */
export interface RunState {
  status: WorkflowStatus;
  phase: Phase;
  wanted: "run" | "pause" | "cancel";
  /** Final steps are not wanted any more. */
  hurried: boolean;
  /** What came of it; known before the final steps are done. */
  outcome: WorkflowOutcome | null;
  generation: number;
  error: WorkflowError | null;
  /** How many units have acted. */
  acted: number;
  facts: Record<string, boolean>;
  /** Whose limits count: the template's own name until they were relaxed. */
  limits: string;
  timeoutMs: number;
  relaxAfterMs: number | null;
  relaxing: boolean;
  /** Work so far, and since when it counts again; null while it does not. */
  spentMs: number;
  clockSinceMs: number | null;
  steps: Record<string, StepState>;
}

/** What can happen to a run. `unit` and `step` are names. */
export type RunEvent =
  | { type: "begin" | "tick" | "pause" | "resume" | "cancel" }
  /** The service was started anew: what was under way has to be taken up again. */
  | { type: "recovered" }
  /** A group's handler has come to one of its steps; to an earlier one where it began anew. */
  | { type: "entered"; unit: string; step: string }
  | { type: "done"; unit: string; facts?: Record<string, boolean> }
  | { type: "failed"; unit: string; error: WorkflowError; retryable: boolean }
  | { type: "undone"; unit: string }
  | { type: "undoFailed"; unit: string; error: WorkflowError }
  | { type: "relaxed"; limits: string; timeoutMs: number; relaxAfterMs: number | null }
  | { type: "rerun"; fromStep: string };

/** What is to be done about it, once the new state is on disk. */
export type RunAction =
  | { type: "execute"; unit: string; joins: boolean }
  | { type: "abort"; unit: string; reason: "timeout" | "stop" }
  | { type: "undo"; unit: string }
  | { type: "relax" };

const freshStep = (generation: number): StepState => ({
  ...{ generation, status: "waiting", round: 0, tries: [], timedFromMs: null, retryAtMs: null, error: null },
  ...{ order: null, aborting: null, undo: null, undoTries: 0 },
});

/**
 * A run before anything was done.
 *
 * @param done steps that were carried out before it was stored.
 */
export function newRun(
  definition: WorkflowDefinition,
  options: { facts?: Record<string, boolean>; done?: readonly string[]; nowMs: number },
): RunState {
  const steps: Record<string, StepState> = {};
  for (const { name } of definition.steps) {
    const step = freshStep(1);
    if (options.done?.includes(name)) {
      step.status = "completed";
      step.tries = [{ startedAtMs: options.nowMs, endedAtMs: options.nowMs, error: null }];
    }
    steps[name] = step;
  }
  return {
    ...{ status: "initialized", phase: "main", wanted: "run", hurried: false, outcome: null, generation: 1 },
    ...{ error: null, acted: 0, facts: options.facts ?? {}, limits: definition.name, timeoutMs: definition.timeoutMs },
    ...{ relaxAfterMs: definition.relaxAfterMs ?? null, relaxing: false, spentMs: 0, clockSinceMs: null, steps },
  };
}

/** A step put back to its beginning, for a re-run. */
export const resetStep = freshStep;

/** The state of a step that the definition has. */
export function stepOf(state: RunState, name: string): StepState {
  const step = state.steps[name];
  if (step === undefined) throw new Error(`The run has no step "${name}".`);
  return step;
}

/** Where a unit as a whole stands. */
export function unitStatus(definition: WorkflowDefinition, state: RunState, unit: string): StepStatus {
  const found = unitsOf(definition).find(({ name }) => name === unit);
  if (found === undefined) throw new Error(`The run has no unit "${unit}".`);
  const statuses = found.steps.map(({ name }) => stepOf(state, name).status);
  for (const status of ["running", "backoff", "failed", "cancelled", "waiting"] as const)
    if (statuses.includes(status)) return status;
  return statuses.includes("completed") ? "completed" : "skipped";
}
