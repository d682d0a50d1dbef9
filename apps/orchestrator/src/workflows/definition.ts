/** How often and after which pauses something is tried again. The pauses are jittered: between half and the whole of each. */
export interface RetryPolicy {
  /** Tries beyond the first. */
  retries: number;
  /** The first pause, in milliseconds. */
  backoffMs: number;
  /** By how much each pause is longer than the one before. */
  factor: number;
  /** The longest pause; none unless given. */
  maxMs?: number;
}

/** One step of a workflow, as data: a run keeps the definition that it was started with. */
export interface StepDefinition {
  /** Its own among the steps. */
  name: string;
  /** Which handler of the workflow's kind carries it out. */
  kind: string;
  /** Steps that must be over before; none: it can begin at once. */
  after: readonly string[];
  /**
   * Steps of the same group are carried out by one call of their handler, which says where it stands. The first one's `kind`,
   * `retry`, `when`, `compensate`, `optional` and `final` count for all.
   */
  group?: string;
  /** It waits for somebody else, such as for a free agent: the run's time does not count meanwhile. */
  waits?: true;
  /** Milliseconds that one try may take. */
  timeoutMs?: number;
  retry?: RetryPolicy;
  /** Done only where this fact of the run is true; `!name` where it is not. */
  when?: string;
  /** Which compensation of the kind takes back what it did. It is on disk before the step acts. */
  compensate?: string;
  /** Its failure does not fail the run. */
  optional?: true;
  /** Done at the end whatever came of the run, and after compensations. Its failure changes nothing of the outcome. */
  final?: true;
  /**
   * Safe to do before what went before it is on disk, so that both are written together. Only for what is quick and touches
   * nothing outside: after a crash, it is done again.
   */
  joins?: true;
}

/** A workflow as data: a graph of steps. */
export interface WorkflowDefinition {
  /** Name of the template. */
  name: string;
  /** Milliseconds of work that a run may take, waits and final steps aside. */
  timeoutMs: number;
  /** After so many milliseconds of work the kind is asked for other limits. */
  relaxAfterMs?: number;
  steps: readonly StepDefinition[];
}

/** What is carried out by one call: a step, or a group of them. */
export interface Unit {
  /** The group's name, or the step's. */
  name: string;
  /** The first step, whose policy counts. */
  head: StepDefinition;
  steps: readonly StepDefinition[];
  /** Units that must be over before. */
  after: readonly string[];
}

const known = new WeakMap<WorkflowDefinition, readonly Unit[]>();

/** The units of a definition, in the order of its steps. */
export function unitsOf(definition: WorkflowDefinition): readonly Unit[] {
  const made = known.get(definition);
  if (made !== undefined) return made;
  const groups = Map.groupBy(definition.steps, ({ name, group }) => group ?? name);
  const unitOf = new Map(definition.steps.map(({ name, group }) => [name, group ?? name]));
  const units = [...groups].flatMap(([name, steps]) => {
    const [head] = steps;
    const before = steps.flatMap(({ after }) => after.map((other) => unitOf.get(other) ?? other));
    return head === undefined
      ? []
      : [{ name, head, steps, after: [...new Set(before)].filter((other) => other !== name) }];
  });
  known.set(definition, units);
  return units;
}

/** @throws Error for a definition that cannot be carried out: a mistake of whoever wrote it. */
export function checkDefinition(definition: WorkflowDefinition): void {
  const { name, steps } = definition;
  const fail = (what: string) => new Error(`The workflow "${name}" is wrong: ${what}.`);
  const names = new Set(steps.map((step) => step.name));
  if (names.size !== steps.length) throw fail("two steps have the same name");
  for (const step of steps) {
    const missing = step.after.find((other) => !names.has(other));
    if (missing !== undefined) throw fail(`"${step.name}" comes after "${missing}", which is not there`);
  }
  const finals = new Set(steps.filter(({ final }) => final).map((step) => step.name));
  for (const { name: own, after, final } of steps)
    if (!final && after.some((other) => finals.has(other))) throw fail(`"${own}" comes after a final step`);
  const units = unitsOf(definition);
  for (const { name: own, steps: those } of units) {
    if (those.length > 1 && names.has(own) && those[0]?.name !== own) throw fail(`"${own}" is a group and a step`);
    for (const [index, step] of those.entries())
      if (index > 0 && !step.after.includes(those[index - 1]?.name ?? ""))
        throw fail(`"${step.name}" does not come after the step before it in its group`);
  }
  const over = new Set<string>();
  for (let left = [...units]; left.length > 0; ) {
    const ready = left.filter(({ after }) => after.every((other) => over.has(other)));
    if (ready.length === 0) throw fail(`"${left[0]?.name}" waits for itself`);
    for (const unit of ready) over.add(unit.name);
    left = left.filter(({ name: own }) => !over.has(own));
  }
}

/** @returns the steps one after another, each behind the one before it. */
export const inSequence = (steps: readonly (Omit<StepDefinition, "after"> & { after?: readonly string[] })[]) =>
  steps.map((step, index): StepDefinition => {
    const before = steps[index - 1];
    return { ...step, after: step.after ?? (before === undefined ? [] : [before.name]) };
  });
