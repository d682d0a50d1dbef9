import type { JsonObject } from "@stream-control/protocol";
import type { Selectable, Store, Transaction } from "@stream-control/store";
import type { SealedColumns } from "../secrets/sealed-columns.js";
import type { Tables, WorkflowRunTable, WorkflowStepTable } from "../store/tables.js";
import type { RunState, StepState } from "./core/state.js";
import { unitsOf, type WorkflowDefinition } from "./definition.js";
import type { NewRun, WorkflowRun } from "./run.js";

const RUNS = "workflow_runs";
const STEPS = "workflow_steps";
type RunRow = Selectable<WorkflowRunTable>;
type StepRow = Selectable<WorkflowStepTable>;

/** Runs that are read at once. */
const PAGE_ROWS = 200;

/** A run with its place in the order of all. */
export interface StoredRun extends WorkflowRun {
  seq: number;
}

export interface RunFilter {
  /** Null for every room. */
  rooms: readonly string[] | null;
  statuses?: readonly string[] | undefined;
  /** Newest first, from before this one. */
  beforeSeq?: number | undefined;
  limit: number;
}

/** Runs and their steps in the store; what a run is about and what its steps gave back is encrypted. */
export class RunRows {
  constructor(
    private readonly store: Store<Tables>,
    private readonly sealed: SealedColumns,
    /** The process that carries out what it writes. */
    private readonly owner: string,
  ) {}

  /** @returns the run that there is with the same key, which then stays as it is. */
  async insert(
    tx: Transaction<Tables>,
    run: WorkflowRun,
    { input, requestedBy }: Pick<NewRun, "input" | "requestedBy">,
  ): Promise<StoredRun | undefined> {
    const known = await tx.selectFrom(RUNS).selectAll().where("key", "=", run.key).executeTakeFirst();
    if (known !== undefined) return this.opened(known, await this.stepsOf(tx, [known.id]));
    await tx
      .insertInto(RUNS)
      .values({
        ...{ id: run.id, key: run.key, kind: run.kind, room: run.room, requested_by: requestedBy },
        ...{ definition: JSON.stringify(run.definition), created_at: run.createdAt, revision: 1, lease_until: null },
        input: this.sealed.sealText(RUNS, "input", run.id, JSON.stringify(input)),
        ...this.changing(run),
      })
      .execute();
    await this.saveSteps(tx, run, Object.keys(run.state.steps));
    return undefined;
  }

  /** @param steps names of those that have changed. */
  async save(tx: Transaction<Tables>, run: WorkflowRun, steps: readonly string[]): Promise<void> {
    await tx
      .updateTable(RUNS)
      .set(({ eb }) => ({ ...this.changing(run), revision: eb("revision", "+", 1) }))
      .where("id", "=", run.id)
      .execute();
    if (steps.length > 0) await this.saveSteps(tx, run, steps);
  }

  async byId(id: string): Promise<StoredRun | undefined> {
    return this.one(await this.store.db.selectFrom(RUNS).selectAll().where("id", "=", id).executeTakeFirst());
  }

  async byKey(key: string): Promise<StoredRun | undefined> {
    return this.one(await this.store.db.selectFrom(RUNS).selectAll().where("key", "=", key).executeTakeFirst());
  }

  async input(id: string): Promise<JsonObject> {
    const row = await this.store.db.selectFrom(RUNS).select("input").where("id", "=", id).executeTakeFirstOrThrow();
    return JSON.parse(this.sealed.openText(RUNS, "input", id, row.input)) as JsonObject;
  }

  /** Whoever asked for a run, where they had to say, and have not been erased. */
  async requesterOf(id: string): Promise<string | null> {
    const row = await this.store.db.selectFrom(RUNS).select("requested_by").where("id", "=", id).executeTakeFirst();
    return row?.requested_by ?? null;
  }

  /** Runs that have not ended, oldest first, some at a time. */
  async *open(): AsyncGenerator<StoredRun[]> {
    for (let after = 0; ; ) {
      const query = this.store.db.selectFrom(RUNS).selectAll().where("ended_at", "is", null).where("seq", ">", after);
      const rows = await query.orderBy("seq").limit(PAGE_ROWS).execute();
      yield await this.all(rows);
      const last = rows.at(-1);
      if (last === undefined || rows.length < PAGE_ROWS) return;
      after = last.seq;
    }
  }

  /** Newest first. */
  async page({ rooms, statuses, beforeSeq, limit }: RunFilter): Promise<StoredRun[]> {
    let query = this.store.db.selectFrom(RUNS).selectAll();
    if (rooms !== null) query = query.where("room", "in", rooms);
    if (statuses !== undefined) query = query.where("status", "in", statuses as RunRow["status"][]);
    if (beforeSeq !== undefined) query = query.where("seq", "<", beforeSeq);
    return this.all(await query.orderBy("seq", "desc").limit(limit).execute());
  }

  /** Steps of every generation, in the order of these. */
  async history(run: WorkflowRun): Promise<{ name: string; state: StepState }[]> {
    const rows = await this.store.db.selectFrom(STEPS).selectAll().where("run_id", "=", run.id).execute();
    const place = new Map(run.definition.steps.map(({ name }, index) => [name, index]));
    return rows
      .sort((a, b) => a.generation - b.generation || (place.get(a.name) ?? 0) - (place.get(b.name) ?? 0))
      .map((row) => ({ name: row.name, state: toStep(row) }));
  }

  /** Deletes some of those that ended before a moment. @returns how many. */
  async prune(tx: Transaction<Tables>, before: string): Promise<number> {
    const query = tx.selectFrom(RUNS).select("id").where("ended_at", "is not", null).where("ended_at", "<", before);
    const ids = (await query.limit(PAGE_ROWS).execute()).map(({ id }) => id);
    if (ids.length === 0) return 0;
    await tx.deleteFrom(STEPS).where("run_id", "in", ids).execute();
    await tx.deleteFrom(RUNS).where("id", "in", ids).execute();
    return ids.length;
  }

  private changing({ state, updatedAt, endedAt }: WorkflowRun) {
    const { steps: _steps, ...rest } = state;
    const owner = endedAt === null ? this.owner : null;
    return { status: state.status, state: JSON.stringify(rest), updated_at: updatedAt, ended_at: endedAt, owner };
  }

  private async saveSteps(tx: Transaction<Tables>, run: WorkflowRun, names: readonly string[]): Promise<void> {
    const unitOf = unitsByHead(run.definition);
    const rows = names.flatMap((name): StepRow[] => {
      const step = run.state.steps[name];
      if (step === undefined) return [];
      const { status, generation, tries, ...rest } = step;
      const id = `${run.id}/${generation}/${name}`;
      const output = run.outputs[unitOf.get(name) ?? ""];
      return [
        {
          ...{ id, run_id: run.id, generation, name, status },
          ...{ attempts: JSON.stringify(tries), state: JSON.stringify(rest) },
          output: output === undefined ? null : this.sealed.sealText(STEPS, "output", id, JSON.stringify(output)),
        },
      ];
    });
    const on = tx.insertInto(STEPS).values(rows);
    await on
      .onConflict((conflict) =>
        conflict.column("id").doUpdateSet(({ ref }) => ({
          status: ref("excluded.status"),
          attempts: ref("excluded.attempts"),
          state: ref("excluded.state"),
          output: ref("excluded.output"),
        })),
      )
      .execute();
  }

  private async one(row: RunRow | undefined): Promise<StoredRun | undefined> {
    return row === undefined ? undefined : (await this.all([row]))[0];
  }

  private async all(rows: readonly RunRow[]): Promise<StoredRun[]> {
    if (rows.length === 0) return [];
    const steps = await this.stepsOf(
      this.store.db,
      rows.map(({ id }) => id),
    );
    const byRun = Map.groupBy(steps, ({ run_id }) => run_id);
    return rows.map((row) => this.opened(row, byRun.get(row.id) ?? []));
  }

  private stepsOf(db: Pick<Transaction<Tables>, "selectFrom">, ids: readonly string[]): Promise<StepRow[]> {
    return db.selectFrom(STEPS).selectAll().where("run_id", "in", ids).orderBy("generation").execute();
  }

  private opened(row: RunRow, rows: readonly StepRow[]): StoredRun {
    const definition = JSON.parse(row.definition) as WorkflowDefinition;
    const unitOf = unitsByHead(definition);
    const steps: Record<string, StepState> = {};
    const outputs: Record<string, JsonObject> = {};
    // The newest generation of each step is the last one.
    for (const step of rows) {
      steps[step.name] = toStep(step);
      const unit = unitOf.get(step.name);
      if (unit === undefined) continue;
      delete outputs[unit];
      if (step.output !== null)
        outputs[unit] = JSON.parse(this.sealed.openText(STEPS, "output", step.id, step.output)) as JsonObject;
    }
    return {
      ...{ seq: row.seq, id: row.id, key: row.key, kind: row.kind, room: row.room },
      definition,
      state: { ...(JSON.parse(row.state) as Omit<RunState, "steps">), steps },
      ...{ createdAt: row.created_at, updatedAt: row.updated_at, endedAt: row.ended_at, outputs },
    };
  }
}

/** What a unit gave back is kept with the first of its steps. */
const unitsByHead = (definition: WorkflowDefinition): Map<string, string> =>
  new Map(unitsOf(definition).map(({ name, head }) => [head.name, name]));

const toStep = ({ status, generation, attempts, state }: StepRow): StepState => ({
  ...(JSON.parse(state) as Omit<StepState, "status" | "generation" | "tries">),
  ...{ status, generation, tries: JSON.parse(attempts) as StepState["tries"] },
});
