import type { JsonObject } from "@stream-control/protocol";
import { AppError, type Logger, toError } from "@stream-control/service-kit";
import type { EventLog } from "@stream-control/service-kit/audit";
import { asSystem, type Caller, currentCaller } from "@stream-control/service-kit/http";
import { type Store, StoreError, type Transaction } from "@stream-control/store";
import type { Tables } from "../store/tables.js";
import { nextTickMs } from "./core/clock.js";
import { decide } from "./core/decide.js";
import { type RunAction, type RunEvent, unitStatus, type WorkflowError } from "./core/state.js";
import { unitsOf } from "./definition.js";
import { StepAborted, type StepContext, StepError, type StepResult, type WorkflowKind } from "./kind.js";
import type { WorkflowRun } from "./run.js";
import type { RunRows } from "./run-rows.js";

export interface ActorDeps {
  store: Store<Tables>;
  rows: RunRows;
  log: EventLog;
  logger: Logger;
  now: () => Date;
  random: () => number;
  /** Told of every state once it is on disk. */
  onStored: (run: WorkflowRun) => void;
}

/** What is told of a run in the event log, in the transaction of its change. */
export interface RunEntry {
  type: string;
  message: string;
  data?: JsonObject;
}

/** Where the store fails, it is asked again after so long. */
const STORE_PAUSE_MS = 1000;
/** A handler that was told to give up and does not is left to itself after so long. */
const ABANDON_MS = 300_000;
/** For one try of a compensation. */
const UNDO_TIMEOUT_MS = 120_000;
/** What a timer can wait. */
const LONGEST_TIMER_MS = 2_147_000_000;

interface Waiting {
  alongside: ((tx: Transaction<Tables>) => Promise<void>)[];
  actions: RunAction[];
  stored: PromiseWithResolvers<void>;
}

/** Carries out one run: puts every event to the decision, writes what came of it, and then does what is to be done. */
export class RunActor {
  private current: WorkflowRun;
  private durable: WorkflowRun;
  private readonly persisted = new Map<string, string>();
  private waiting: Waiting[] = [];
  private writing: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private readonly handlers = new Map<string, AbortController>();
  private readonly ending = new AbortController();

  constructor(
    run: WorkflowRun,
    private readonly kind: WorkflowKind,
    private readonly deps: ActorDeps,
    private readonly loadInput: () => Promise<JsonObject>,
  ) {
    this.current = run;
    this.durable = run;
    this.remember(run);
  }

  /** The run as it is on disk. */
  get run(): WorkflowRun {
    return this.durable;
  }

  /** Whether it is over, and that is on disk. */
  get hasEnded(): boolean {
    return this.durable.endedAt !== null && this.current === this.durable;
  }

  /** Carries out what a decision asked for that is on disk with the run. */
  begin(actions: readonly RunAction[]): void {
    asSystem(() => this.setTimer());
    for (const action of actions) this.carryOut(action);
  }

  /**
   * Puts an event to the run. Resolves once what came of it is on disk; where the store fails, that is tried again.
   *
   * @param entry is written with it, on behalf of the present caller.
   */
  tell(event: RunEvent, result: StepResult = {}, entry?: RunEntry): Promise<void> {
    if (this.ending.signal.aborted) return Promise.reject(new AppError("SHUTTING_DOWN", "The service is ending."));
    const { now, random } = this.deps;
    const at = now();
    const before = this.current;
    const { state, actions } = decide(before.definition, before.state, event, { nowMs: at.getTime(), random });
    const outputs =
      event.type === "done" && result.output !== undefined
        ? { ...before.outputs, [event.unit]: result.output }
        : before.outputs;
    const endedAt = state.phase === "ended" ? (before.endedAt ?? at.toISOString()) : null;
    this.current = { ...before, state, outputs, updatedAt: at.toISOString(), endedAt };
    const alongside = result.alongside === undefined ? [] : [result.alongside];
    if (entry !== undefined) alongside.push(this.entryWriter(entry, currentCaller()));
    if (endedAt !== null && before.endedAt === null)
      alongside.push(this.entryWriter(endOf(this.current), currentCaller()));
    const joining = actions.filter((action) => action.type === "execute" && action.joins);
    const after = actions.filter((action) => !joining.includes(action));
    const stored = Promise.withResolvers<void>();
    stored.promise.catch(() => {});
    this.waiting.push({ alongside, actions: after, stored });
    for (const action of joining) this.carryOut(action);
    this.writing ??= this.write();
    return stored.promise;
  }

  /** Leaves everything as it is; a later process takes it up. Resolves when nothing is being written any more. */
  async stop(): Promise<void> {
    clearTimeout(this.timer);
    this.ending.abort();
    for (const handler of this.handlers.values()) handler.abort(new StepAborted("shutdown"));
    await this.writing;
  }

  private entryWriter({ type, message, data }: RunEntry, by: Caller) {
    const subject = `workflow:${this.current.id}`;
    return async (tx: Transaction<Tables>): Promise<void> => {
      await this.deps.log.append(tx, { by, subject, type, message, data });
    };
  }

  private async write(): Promise<void> {
    while (this.waiting.length > 0) {
      let taken: Waiting[] = [];
      let written = this.current;
      try {
        await this.deps.store.write(async (tx) => {
          // As late as possible: what steps that join have brought meanwhile is in the same commit.
          taken = [...this.waiting];
          written = this.current;
          await this.deps.rows.save(tx, written, this.changedSteps(written));
          for (const { alongside } of taken) for (const write of alongside) await write(tx);
        });
      } catch (thrown) {
        this.deps.logger.error({ err: toError(thrown), workflowId: written.id }, "a workflow is written later");
        if (this.ending.signal.aborted) {
          for (const { stored } of this.waiting) stored.reject(thrown);
          break;
        }
        await pause(STORE_PAUSE_MS, this.ending.signal);
        continue;
      }
      this.waiting = this.waiting.filter((one) => !taken.includes(one));
      this.remember(written);
      this.durable = written;
      this.setTimer();
      this.deps.onStored(written);
      for (const { actions, stored } of taken) {
        for (const action of actions) this.carryOut(action);
        stored.resolve();
      }
    }
    this.writing = undefined;
  }

  private remember({ state }: WorkflowRun): void {
    for (const [name, step] of Object.entries(state.steps)) this.persisted.set(name, JSON.stringify(step));
  }

  private changedSteps({ state }: WorkflowRun): string[] {
    return Object.entries(state.steps).flatMap(([name, step]) =>
      this.persisted.get(name) === JSON.stringify(step) ? [] : [name],
    );
  }

  private setTimer(): void {
    clearTimeout(this.timer);
    const at = nextTickMs(this.current.definition, this.current.state);
    if (at === undefined || this.ending.signal.aborted) return;
    const ms = Math.min(LONGEST_TIMER_MS, Math.max(0, at - this.deps.now().getTime()));
    this.timer = asSystem(() => setTimeout(() => void this.tell({ type: "tick" }).catch(() => {}), ms));
  }

  private carryOut(action: RunAction): void {
    if (this.ending.signal.aborted) return;
    if (action.type === "abort") this.handlers.get(action.unit)?.abort(new StepAborted(action.reason));
    else if (action.type === "execute") void this.execute(action.unit);
    else if (action.type === "undo") void this.undo(action.unit);
    else void this.relax();
  }

  private async execute(unit: string): Promise<void> {
    const found = unitsOf(this.current.definition).find(({ name }) => name === unit);
    const handler = this.kind.handlers[found?.head.kind ?? ""];
    const abort = new AbortController();
    this.handlers.set(unit, abort);
    let settled: { event: RunEvent; result?: StepResult | undefined };
    try {
      if (handler === undefined) throw new StepError(unknownHandler(found?.head.kind), false);
      const result = await orAbandoned(handler(this.contextOf(unit, abort)), abort.signal);
      settled = {
        event: { type: "done", unit, ...(result?.facts === undefined ? {} : { facts: result.facts }) },
        result,
      };
    } catch (thrown) {
      settled = { event: { type: "failed", unit, ...this.failureOf(thrown, unit) } };
    }
    if (this.handlers.get(unit) === abort) this.handlers.delete(unit);
    if (abort.signal.reason instanceof StepAborted && abort.signal.reason.reason === "shutdown") return;
    // Of a handler that was left to itself it comes too late.
    if (unitStatus(this.current.definition, this.current.state, unit) !== "running") return;
    await this.tell(settled.event, settled.result ?? {}).catch(() => {});
  }

  private async undo(unit: string): Promise<void> {
    const head = unitsOf(this.current.definition).find(({ name }) => name === unit)?.head;
    const compensation = this.kind.compensations[head?.compensate ?? ""];
    const abort = new AbortController();
    this.handlers.set(unit, abort);
    const timer = setTimeout(() => abort.abort(new StepAborted("timeout")), UNDO_TIMEOUT_MS);
    let event: RunEvent = { type: "undone", unit };
    try {
      if (compensation === undefined) throw new StepError(unknownHandler(head?.compensate), false);
      await orAbandoned(compensation(this.contextOf(unit, abort)), abort.signal);
    } catch (thrown) {
      event = { type: "undoFailed", unit, error: this.failureOf(thrown, unit).error };
    } finally {
      clearTimeout(timer);
      this.handlers.delete(unit);
    }
    if (abort.signal.reason instanceof StepAborted && abort.signal.reason.reason === "shutdown") return;
    await this.tell(event).catch(() => {});
  }

  private async relax(): Promise<void> {
    const { limits, timeoutMs, spentMs } = this.current.state;
    const later = { limits, timeoutMs, relaxAfterMs: Math.round(spentMs * 1.5) };
    const relaxed = await Promise.resolve(this.kind.relax?.(this.current)).catch((thrown: unknown) => {
      this.deps.logger.error({ err: toError(thrown), workflowId: this.current.id }, "limits could not be found out");
      return later;
    });
    const next = relaxed ?? { ...later, relaxAfterMs: null };
    const message = `The work takes longer than was thought: it goes on under the limits of ${next.limits}.`;
    const entry = { type: "workflow.relaxed", message, data: { ...next, spentMs: Math.round(spentMs) } };
    await this.tell({ type: "relaxed", ...next }, {}, next.limits === limits ? undefined : entry).catch(() => {});
  }

  private contextOf(unit: string, { signal }: AbortController): StepContext {
    const { current: run } = this;
    const found = unitsOf(run.definition).find(({ name }) => name === unit);
    const head = found?.head;
    const state = head && run.state.steps[head.name];
    const { generation = 1, round = 1 } = state ?? {};
    return {
      ...{ run, unit, signal, retry: head?.retry },
      key: `${run.id}:${unit}:${generation}${round > 1 ? `~${round}` : ""}`,
      input: this.loadInput,
      output: (other) => this.current.outputs[other],
      current: () => found?.steps.find(({ name }) => this.current.state.steps[name]?.status === "running")?.name,
      enter: (step) => {
        if (signal.aborted || this.current.state.steps[step]?.status === "running") return;
        void this.tell({ type: "entered", unit, step }).catch(() => {});
      },
    };
  }

  private failureOf(thrown: unknown, unit: string): { error: WorkflowError; retryable: boolean } {
    if (thrown instanceof StepError) return { error: thrown.info, retryable: thrown.retryable };
    if (thrown instanceof StepAborted) {
      const isLate = thrown.reason === "timeout";
      const message = isLate ? `The step "${unit}" was not done in time.` : "The step was ended.";
      return { error: { code: isLate ? "STEP_TIMEOUT" : "STEP_STOPPED", message }, retryable: isLate };
    }
    if (thrown instanceof AppError)
      return { error: { code: thrown.code, message: thrown.message }, retryable: thrown.retryable };
    if (thrown instanceof StoreError)
      return { error: { code: "STORE_UNAVAILABLE", message: thrown.message }, retryable: true };
    this.deps.logger.error({ err: toError(thrown), workflowId: this.current.id, unit }, "a step failed inside");
    return { error: { code: "INTERNAL_ERROR", message: `The step "${unit}" failed inside.` }, retryable: true };
  }
}

const unknownHandler = (kind: string | undefined): WorkflowError => ({
  code: "STEP_UNKNOWN",
  message: `This version does not know how to do "${kind}".`,
});

function endOf({ state }: WorkflowRun): RunEntry {
  const { outcome, error } = state;
  const data = error === null ? {} : { code: error.code };
  return { type: `workflow.${outcome}`, message: error?.message ?? `The workflow has ${outcome}.`, data };
}

/** Rejects when a handler does not end long after it was told to. */
function orAbandoned<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const abandon = () => {
      timer = setTimeout(() => reject(signal.reason), ABANDON_MS).unref();
    };
    if (signal.aborted) abandon();
    else signal.addEventListener("abort", abandon, { once: true });
    work.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abandon);
    });
  });
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
