import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { checkDefinition, type StepDefinition, unitsOf, type WorkflowDefinition } from "../definition.js";
import { nextTickMs } from "./clock.js";
import { decide } from "./decide.js";
import { newRun, type RunAction, type RunEvent, type RunState, stepOf, unitStatus } from "./state.js";

/** Any graph of up to eight steps; some in groups, some with compensations, conditions, timeouts. */
const definitions: fc.Arbitrary<WorkflowDefinition> = fc
  .array(
    fc.record({
      before: fc.array(fc.nat(7), { maxLength: 3 }),
      grouped: fc.boolean(),
      compensated: fc.boolean(),
      optional: fc.boolean(),
      final: fc.boolean(),
      joins: fc.boolean(),
      waits: fc.boolean(),
      when: fc.constantFrom(undefined, "yes", "no", "!yes", "!no"),
      timeoutMs: fc.constantFrom(undefined, 50, 5000),
      retries: fc.nat(2),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((given) => {
    const steps: StepDefinition[] = [];
    for (const [index, one] of given.entries()) {
      const previous = steps[index - 1];
      const grouped = one.grouped && previous !== undefined && previous.final !== true;
      const final = !grouped && one.final;
      const after = one.before
        .filter((other) => other < index && (final || steps[other]?.final !== true))
        .map((other) => `s${other}`);
      const group = grouped ? (previous.group ?? "g".concat(previous.name)) : undefined;
      if (grouped && previous.group === undefined) steps[index - 1] = { ...previous, group: group ?? "" };
      steps.push({
        ...{ name: `s${index}`, kind: "any", after: grouped ? [previous.name] : [...new Set(after)] },
        ...(group === undefined ? {} : { group }),
        ...(one.compensated ? { compensate: "undo" } : {}),
        ...(one.optional ? { optional: true } : {}),
        ...(final ? { final: true } : {}),
        ...(one.joins && !one.compensated ? { joins: true } : {}),
        ...(one.waits ? { waits: true } : {}),
        ...(one.when === undefined ? {} : { when: one.when }),
        ...(one.timeoutMs === undefined ? {} : { timeoutMs: one.timeoutMs }),
        retry: { retries: one.retries, backoffMs: 100, factor: 2 },
      });
    }
    return { name: "any", timeoutMs: 20_000, steps };
  });

/** What the world does next with what is under way. */
type Turn =
  | { what: "done" | "fail" | "enter" | "undone" | "undoFail"; which: number; retryable: boolean }
  | { what: "tick"; ms: number }
  | { what: "crash" | "cancel" | "pause" | "resume" };

const turns: fc.Arbitrary<Turn[]> = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        what: fc.constantFrom("done" as const, "done" as const, "fail" as const, "enter" as const, "undone" as const),
        which: fc.nat(7),
        retryable: fc.boolean(),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ what: fc.constant("undoFail" as const), which: fc.nat(7), retryable: fc.boolean() }),
    },
    { weight: 3, arbitrary: fc.record({ what: fc.constant("tick" as const), ms: fc.constantFrom(1, 60, 300, 6000) }) },
    { weight: 3, arbitrary: fc.record({ what: fc.constant("crash" as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({ what: fc.constantFrom("cancel" as const, "pause" as const, "resume" as const) }),
    },
  ),
  { maxLength: 60 },
);

/** Carries out what the core says, as the engine does: nothing before it is on disk, and all of it again after a crash. */
class World {
  state: RunState;
  nowMs = 1000;
  /** Handlers that run now, with why they were told to give up. */
  readonly executing = new Map<string, "timeout" | "stop" | null>();
  readonly undoing = new Set<string>();
  /** What was done, by the key of its doing. */
  readonly effects = new Map<string, number>();
  /** Units that have acted, and then those taken back, in their order. */
  readonly acted: string[] = [];
  readonly undone: string[] = [];

  constructor(readonly definition: WorkflowDefinition) {
    this.state = newRun(definition, { facts: { yes: true }, nowMs: this.nowMs });
    this.tell({ type: "begin" });
  }

  tell(event: RunEvent): void {
    const { state, actions } = decide(this.definition, this.state, event, { nowMs: this.nowMs, random: () => 0.5 });
    // The state is on disk from here on: what is lost by a crash are the actions.
    this.state = state;
    for (const action of actions) this.carryOut(action);
  }

  private carryOut(action: RunAction): void {
    if (action.type === "execute") {
      expect(this.executing.has(action.unit)).toBe(false);
      const unit = unitsOf(this.definition).find(({ name }) => name === action.unit);
      for (const other of unit?.after ?? [])
        expect(["completed", "skipped", "failed", "cancelled"]).toContain(
          unitStatus(this.definition, this.state, other),
        );
      this.executing.set(action.unit, null);
      if (!this.acted.includes(action.unit)) this.acted.push(action.unit);
    }
    if (action.type === "abort") this.executing.set(action.unit, action.reason);
    if (action.type === "undo") {
      expect(this.executing.size).toBe(0);
      this.undoing.add(action.unit);
    }
  }

  crash(): void {
    this.executing.clear();
    this.undoing.clear();
    this.tell({ type: "recovered" });
  }

  end(unit: string, how: "done" | "fail", retryable: boolean): void {
    this.executing.delete(unit);
    if (how === "done") {
      const key = `${unit}:${stepOf(this.state, unitsOf(this.definition).find(({ name }) => name === unit)?.head.name ?? "").generation}`;
      const before = this.effects.get(key) ?? 0;
      this.tell({ type: "done", unit });
      this.effects.set(key, before + 1);
    } else this.tell({ type: "failed", unit, error: { code: "X", message: "x" }, retryable });
  }

  undo(unit: string, isDone: boolean): void {
    this.undoing.delete(unit);
    if (isDone) this.undone.push(unit);
    this.tell(isDone ? { type: "undone", unit } : { type: "undoFailed", unit, error: { code: "X", message: "x" } });
  }

  take({ what, ...turn }: Turn): void {
    const pick = <T>(from: Iterable<T>) =>
      [...from].sort()[("which" in turn ? turn.which : 0) % Math.max(1, [...from].length)];
    if (what === "crash") this.crash();
    else if (what === "cancel" || what === "pause" || what === "resume") this.tell({ type: what });
    else if (what === "tick") this.tick("ms" in turn ? turn.ms : 0);
    else if (what === "undone" || what === "undoFail") {
      const unit = pick(this.undoing);
      if (unit !== undefined) this.undo(unit, what === "undone");
    } else if (what === "enter") {
      const unit = pick(this.executing.keys());
      const steps = unitsOf(this.definition).find(({ name }) => name === unit)?.steps ?? [];
      const step = pick(steps);
      if (unit !== undefined && step !== undefined) this.tell({ type: "entered", unit, step: step.name });
    } else {
      const unit = pick(this.executing.keys());
      if (unit !== undefined) this.end(unit, what, "retryable" in turn && turn.retryable);
    }
  }

  tick(ms: number): void {
    this.nowMs += ms;
    this.tell({ type: "tick" });
  }

  /** Lets everything go well from here on; a run that was told to pause goes on. */
  settle(): void {
    this.tell({ type: "resume" });
    for (let rounds = 0; this.state.phase !== "ended"; rounds += 1) {
      if (rounds > 500) throw new Error("The run does not end.");
      const [undo] = this.undoing;
      const [unit, told] = [...this.executing].sort()[0] ?? [];
      if (undo !== undefined) this.undo(undo, true);
      else if (unit !== undefined) this.end(unit, told === null || told === undefined ? "done" : "fail", true);
      else {
        const next = nextTickMs(this.definition, this.state);
        if (next === undefined) throw new Error("The run waits for nothing.");
        this.tick(Math.max(1, next - this.nowMs));
      }
    }
  }

  verify(): void {
    const { definition, state } = this;
    expect(state.status).toBe(state.outcome);
    expect(this.executing.size + this.undoing.size).toBe(0);
    for (const [key, times] of this.effects) expect([key, times]).toEqual([key, 1]);
    const compensated = this.acted.filter((unit) =>
      unitsOf(definition).some(
        ({ name, head }) => name === unit && head.compensate !== undefined && head.final !== true,
      ),
    );
    const main = unitsOf(definition).filter(({ head }) => head.final !== true);
    if (state.outcome === "completed") {
      expect(this.undone).toEqual([]);
      for (const { name, head } of main)
        expect(head.optional === true ? ["completed", "skipped", "failed"] : ["completed", "skipped"]).toContain(
          unitStatus(definition, state, name),
        );
    } else {
      // All that acted is taken back, or on record as what could not be, the last one first.
      const failed = compensated.filter(
        (unit) => main.find(({ name }) => name === unit) && this.headOf(unit).undo === "failed",
      );
      expect([...this.undone].reverse()).toEqual(compensated.filter((unit) => !failed.includes(unit)));
    }
    for (const { name, head } of unitsOf(definition))
      if (head.final === true && !state.hurried)
        expect(["completed", "skipped", "failed"]).toContain(unitStatus(definition, state, name));
  }

  private headOf(unit: string) {
    return stepOf(this.state, unitsOf(this.definition).find(({ name }) => name === unit)?.head.name ?? "");
  }
}

const RUNS = Number(process.env.MODEL_RUNS ?? 2000);

test("whatever happens, a run ends, each step's work counts once, and what acted is taken back in reverse", () => {
  fc.assert(
    fc.property(definitions, turns, (definition, those) => {
      checkDefinition(definition);
      const world = new World(definition);
      for (const turn of those) world.take(turn);
      world.settle();
      world.verify();
    }),
    { numRuns: RUNS },
  );
}, 60_000);

test("a crash after every commit changes nothing of how a run ends", () => {
  fc.assert(
    fc.property(definitions, turns, (definition, those) => {
      const calm = those.filter(({ what }) => what !== "crash" && what !== "tick");
      const [one, other] = [new World(definition), new World(definition)];
      for (const turn of calm) {
        one.take(turn);
        other.take(turn);
        other.crash();
      }
      one.settle();
      other.settle();
      expect(other.state.outcome).toBe(one.state.outcome);
      expect([...other.effects]).toEqual([...one.effects]);
      expect(other.undone).toEqual(one.undone);
    }),
    { numRuns: RUNS / 2 },
  );
}, 60_000);

test("a re-run does again what comes from its step on, and what was taken back, and nothing else", () => {
  fc.assert(
    fc.property(definitions, turns, fc.nat(7), (definition, those, which) => {
      const world = new World(definition);
      for (const turn of those) world.take(turn);
      world.settle();
      const before = world.state;
      const units = unitsOf(definition);
      const kept = units.filter(({ name, head }) => {
        const { undo } = stepOf(before, head.name);
        return unitStatus(definition, before, name) === "completed" && undo !== "done" && undo !== "failed";
      });
      const from = definition.steps[which % definition.steps.length]?.name ?? "";
      world.undone.length = 0;
      world.tell({ type: "rerun", fromStep: from });
      expect(world.state.generation).toBe(2);
      const fresh = units.filter(({ head }) => stepOf(world.state, head.name).generation === 2);
      for (const { name, steps, head } of units) {
        const isFresh = fresh.some((unit) => unit.name === name);
        if (steps.some((step) => step.name === from)) expect(isFresh).toBe(true);
        if (!isFresh) {
          expect(stepOf(world.state, head.name)).toEqual(stepOf(before, head.name));
          if (unitStatus(definition, before, name) === "completed")
            expect(kept.map((unit) => unit.name)).toContain(name);
        }
      }
      world.settle();
      expect(world.state.outcome).toBe("completed");
      for (const [key, times] of world.effects) expect([key, times]).toEqual([key, 1]);
    }),
    { numRuns: RUNS / 2 },
  );
}, 60_000);
