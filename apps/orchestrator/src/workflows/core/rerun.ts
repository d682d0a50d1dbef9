import { unitsOf, type WorkflowDefinition } from "../definition.js";
import { type RunState, resetStep, unitStatus } from "./state.js";
import { unitNamed } from "./units.js";

/**
 * Puts a run that has ended back to one of its steps: that one and all that come after it are done again, as a new generation.
 * What was taken back by a compensation, or never came to its end, is done again as well. A step of a group begins with the
 * group.
 */
export function rerun(definition: WorkflowDefinition, state: RunState, fromStep: string): void {
  if (state.phase !== "ended") return;
  const units = unitsOf(definition);
  const again = new Set(
    units.flatMap(({ name, steps }) => {
      const status = unitStatus(definition, state, name);
      const isWhole = (status === "completed" || status === "skipped") && isKept(definition, state, name);
      return steps.some((step) => step.name === fromStep) || !isWhole ? [name] : [];
    }),
  );
  for (let size = -1; size !== again.size; ) {
    size = again.size;
    for (const { name, after, head } of units)
      if (head.final === true || after.some((other) => again.has(other))) again.add(name);
  }
  state.generation += 1;
  for (const { name, steps } of units)
    if (again.has(name)) for (const step of steps) state.steps[step.name] = resetStep(state.generation);
  Object.assign(state, {
    ...{ status: "running", phase: "main", wanted: "run", hurried: false, outcome: null, error: null },
    ...{ spentMs: 0, clockSinceMs: null, limits: definition.name, timeoutMs: definition.timeoutMs },
    ...{ relaxAfterMs: definition.relaxAfterMs ?? null, relaxing: false },
  });
}

function isKept(definition: WorkflowDefinition, state: RunState, unit: string): boolean {
  const { undo } = unitNamed(definition, state, unit).head;
  return undo === null || undo === "due";
}
