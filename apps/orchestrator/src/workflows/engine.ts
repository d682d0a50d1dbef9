import type { JsonObject } from "@stream-control/protocol";
import { AppError, type Logger, toError } from "@stream-control/service-kit";
import type { EventLog } from "@stream-control/service-kit/audit";
import { asSystem, currentCaller } from "@stream-control/service-kit/http";
import type { Store } from "@stream-control/store";
import type { Tables } from "../store/tables.js";
import { decide } from "./core/decide.js";
import { newRun } from "./core/state.js";
import { checkDefinition, type WorkflowDefinition } from "./definition.js";
import type { WorkflowKind } from "./kind.js";
import type { NewRun, WorkflowRun } from "./run.js";
import { RunActor, type RunEntry } from "./run-actor.js";
import type { RunFilter, RunRows, StoredRun } from "./run-rows.js";

export interface EngineDeps {
  store: Store<Tables>;
  rows: RunRows;
  log: EventLog;
  logger: Logger;
  now: () => Date;
  random?: () => number;
}

const MAX_DEFINITIONS = 500;

/**
 * Carries out workflows so that they outlive the process: every step that was done is on disk, and what was under way when the
 * process ended is taken up again by its key at the next start.
 */
export class WorkflowEngine {
  private readonly kinds = new Map<string, WorkflowKind>();
  private readonly actors = new Map<string, RunActor>();
  private readonly listeners = new Set<(run: WorkflowRun) => void>();
  /** Definitions are the same for thousands of runs. */
  private readonly definitions = new Map<string, WorkflowDefinition>();
  private stopped = false;

  constructor(private readonly deps: EngineDeps) {}

  /** Says who carries out the runs of a kind. To be called before {@link load}. */
  register(name: string, kind: WorkflowKind): void {
    this.kinds.set(name, kind);
  }

  /** Calls the listener with every change of a run once it is on disk. Returns how to stop. */
  onChange(listener: (run: WorkflowRun) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Takes up every run that has not ended. */
  async load(): Promise<void> {
    for await (const page of this.deps.rows.open())
      for (const run of page) {
        if (this.actors.has(run.id)) continue;
        const actor = this.adopt(run);
        asSystem(() => actor.tell({ type: "recovered" })).catch(() => {});
      }
  }

  /** Leaves every run as it is. Resolves when nothing is being written any more. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all([...this.actors.values()].map((actor) => actor.stop()));
  }

  /**
   * Starts a run, or finds the one that was started with the same key. Resolves once it is on disk.
   *
   * @throws StoreError where it cannot be written.
   */
  async start(given: NewRun, entry: RunEntry): Promise<{ run: WorkflowRun; created: boolean }> {
    const { input, facts, done, requestedBy, ...rest } = given;
    checkDefinition(given.definition);
    const at = this.deps.now();
    const nowMs = at.getTime();
    const fresh = newRun(given.definition, { nowMs, ...(facts && { facts }), done: Object.keys(done ?? {}) });
    const context = { nowMs, random: this.random };
    const { state, actions } = decide(given.definition, fresh, { type: "begin" }, context);
    const times = { createdAt: at.toISOString(), updatedAt: at.toISOString(), endedAt: null };
    const run: WorkflowRun = { ...rest, state, ...times, outputs: done ?? {} };
    const by = currentCaller();
    const known = await this.deps.store.write(async (tx) => {
      const there = await this.deps.rows.insert(tx, run, { input, requestedBy });
      if (there === undefined) await this.deps.log.append(tx, { by, subject: `workflow:${run.id}`, ...entry });
      return there;
    });
    if (known !== undefined) return { run: this.actors.get(known.id)?.run ?? known, created: false };
    const actor = this.adopt(run, input);
    this.tellListeners(run);
    actor.begin(actions);
    return { run, created: true };
  }

  /** @throws AppError `WORKFLOW_NOT_FOUND`; `WORKFLOW_ENDED` where it is over. */
  async command(id: string, command: "pause" | "resume" | "cancel"): Promise<WorkflowRun> {
    const actor = this.actors.get(id);
    if (actor === undefined) {
      const run = await this.find(id);
      if (command === "cancel") return run;
      throw new AppError("WORKFLOW_ENDED", `The workflow has ended; there is nothing to ${command}.`);
    }
    const { wanted, phase } = actor.run.state;
    const isNew =
      command === "pause" ? wanted === "run" : command === "resume" ? wanted === "pause" : wanted !== "cancel";
    const message = `It was asked to ${command}.`;
    if (isNew && phase !== "ended")
      await actor.tell({ type: command }, {}, { type: `workflow.${command}_requested`, message });
    return actor.run;
  }

  /**
   * Does a run that has ended again from one of its steps on.
   *
   * @throws AppError `WORKFLOW_NOT_FOUND`, `WORKFLOW_NOT_ENDED`; `VALIDATION_FAILED` for a step that it does not have.
   */
  async rerun(id: string, fromStep: string): Promise<WorkflowRun> {
    const known = this.actors.get(id)?.run ?? (await this.find(id));
    if (this.actors.has(id) || known.endedAt === null)
      throw new AppError("WORKFLOW_NOT_ENDED", "The workflow has not ended; cancel it first, and wait for its end.");
    const names = known.definition.steps.map(({ name }) => name);
    if (!names.includes(fromStep)) {
      const message = `must be one of ${names.join(", ")}`;
      throw new AppError("VALIDATION_FAILED", `The body is wrong: fromStep: ${message}.`, {
        details: [{ path: "fromStep", message }],
      });
    }
    const actor = this.adopt(known);
    const message = `It is done again from "${fromStep}" on.`;
    await actor.tell({ type: "rerun", fromStep }, {}, { type: "workflow.rerun", message, data: { fromStep } });
    return actor.run;
  }

  /** The run as it is on disk. */
  async byId(id: string): Promise<WorkflowRun | undefined> {
    return this.actors.get(id)?.run ?? (await this.deps.rows.byId(id));
  }

  async byKey(key: string): Promise<WorkflowRun | undefined> {
    const stored = await this.deps.rows.byKey(key);
    return stored && (this.actors.get(stored.id)?.run ?? stored);
  }

  /** Newest first, as they are on disk. */
  page(filter: RunFilter): Promise<StoredRun[]> {
    return this.deps.rows.page(filter);
  }

  /** What a run was started with. */
  input(id: string): Promise<JsonObject> {
    return this.deps.rows.input(id);
  }

  history(run: WorkflowRun): ReturnType<RunRows["history"]> {
    return this.deps.rows.history(run);
  }

  /** Deletes the runs that ended before a moment, some at a time. @returns how many. */
  async prune(endedBefore: Date, signal?: AbortSignal): Promise<number> {
    const { store, rows } = this.deps;
    let deleted = 0;
    for (let step = -1; step !== 0 && signal?.aborted !== true; deleted += step)
      step = await store.write((tx) => rows.prune(tx, endedBefore.toISOString()));
    return deleted;
  }

  private async find(id: string): Promise<WorkflowRun> {
    const run = await this.byId(id);
    if (run === undefined) throw workflowNotFound(id);
    return run;
  }

  private get random(): () => number {
    return this.deps.random ?? Math.random;
  }

  private adopt(run: WorkflowRun, input?: JsonObject): RunActor {
    const text = JSON.stringify(run.definition);
    const definition = this.definitions.get(text) ?? run.definition;
    // Each request may bring limits of its own; to know the usual ones is enough.
    if (this.definitions.size < MAX_DEFINITIONS) this.definitions.set(text, definition);
    const kind = this.kinds.get(run.kind) ?? { handlers: {}, compensations: {} };
    const load = () => (input === undefined ? this.deps.rows.input(run.id) : Promise.resolve(input));
    const deps = { ...this.deps, random: this.random, onStored: (stored: WorkflowRun) => this.stored(stored) };
    const actor = new RunActor({ ...run, definition }, kind, deps, load);
    this.actors.set(run.id, actor);
    return actor;
  }

  private stored(run: WorkflowRun): void {
    if (this.actors.get(run.id)?.hasEnded === true) this.actors.delete(run.id);
    this.tellListeners(run);
  }

  private tellListeners(run: WorkflowRun): void {
    if (this.stopped) return;
    for (const listener of this.listeners) {
      try {
        listener(run);
      } catch (thrown) {
        this.deps.logger.error({ err: toError(thrown), workflowId: run.id }, "a listener of the workflows failed");
      }
    }
  }
}

export const workflowNotFound = (id: string): AppError =>
  new AppError("WORKFLOW_NOT_FOUND", `There is no workflow "${id}".`);
