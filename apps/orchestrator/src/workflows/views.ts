import type { WorkflowBody, WorkflowDetail, WorkflowStepBody } from "@stream-control/protocol";
import type { StepState, WorkflowError } from "./core/state.js";
import type { WorkflowRun } from "./run.js";

/** How workflows are named outside. */
const PREFIX = "wf_";
export const workflowId = ({ id }: Pick<WorkflowRun, "id">): string => PREFIX + id;
/** The id of a run, as somebody gives it. */
export const runIdOf = (named: string): string => (named.startsWith(PREFIX) ? named.slice(PREFIX.length) : named);

/** A run as the wire shows it. */
export function toWorkflow(run: WorkflowRun): WorkflowBody {
  const { definition, state, kind, key } = run;
  const isOn = ({ name }: { name: string }) => ["running", "backoff"].includes(state.steps[name]?.status ?? "");
  return {
    ...{ id: workflowId(run), job_id: key.slice(kind.length + 1), kind, room: run.room },
    ...{ template: definition.name, limits: state.limits, status: state.status, phase: state.phase },
    ...{ outcome: state.outcome, generation: state.generation },
    current_steps: definition.steps.filter(isOn).map(({ name }) => name),
    error: toError(state.error),
    ...{ created_at: run.createdAt, updated_at: run.updatedAt, ended_at: run.endedAt },
    ...{ work_ms: Math.round(state.spentMs), timeout_ms: Math.round(state.timeoutMs) },
  };
}

/**
 * With every step of every generation.
 *
 * @param shown names of steps whose output is for everybody who sees the run.
 */
export function toWorkflowDetail(
  run: WorkflowRun,
  history: readonly { name: string; state: StepState }[],
  shown: readonly string[],
): WorkflowDetail {
  const steps = history.map(({ name, state }): WorkflowStepBody => {
    const { group } = run.definition.steps.find((step) => step.name === name) ?? {};
    const isPresent = run.state.steps[name]?.generation === state.generation;
    const output = isPresent && shown.includes(name) ? run.outputs[name] : undefined;
    return { ...toStep(name, state), ...(group === undefined ? {} : { group }), ...(output && { output }) };
  });
  return { ...toWorkflow(run), steps };
}

function toStep(name: string, state: StepState): WorkflowStepBody {
  const { status, generation, tries, retryAtMs, error, undo } = state;
  const from = tries[0]?.startedAtMs;
  const isOver = status !== "running" && status !== "waiting" && status !== "backoff";
  const to = isOver ? tries.at(-1)?.endedAtMs : undefined;
  return {
    ...{ name, status, generation, started_at: iso(from), ended_at: iso(to) },
    duration_ms: from == null || to == null ? null : to - from,
    retry_at: iso(retryAtMs),
    attempts: tries.map((one) => ({
      started_at: new Date(one.startedAtMs).toISOString(),
      ended_at: iso(one.endedAtMs),
      error: toError(one.error),
    })),
    ...{ error: toError(error), compensation: undo },
  };
}

const iso = (ms: number | null | undefined): string | null => (ms == null ? null : new Date(ms).toISOString());

/** What is behind an error may be long, and is with the job. */
const toError = (error: WorkflowError | null): { code: string; message: string } | null =>
  error && { code: error.code, message: error.message };
