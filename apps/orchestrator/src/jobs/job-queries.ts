import { CompiledQuery, type Kysely, type Transaction } from "@stream-control/store";
import type { SealedColumns } from "../secrets/sealed-columns.js";
import type { JobRow, StoredJobRow, Tables } from "../store/tables.js";
import { searchText } from "./search/search-text.js";

const COLUMNS = [
  "id",
  "room",
  "template_id",
  "inline_config",
  "config",
  "own_source",
  "status",
  "wanted_status",
  "agent_id",
  "epoch",
  "restarts",
  "not_before",
  "created_at",
  "updated_at",
  "started_at",
  "running_since",
  "ended_at",
  "error",
  "reason",
  "requested_by",
  "idempotency_key",
  "priority",
  "placement",
  "restart_policy",
  "restart_limits",
  "on_disconnect",
  "fenced",
  "moving",
  "stream_context",
  "stream_metadata",
  "metadata",
  "progress",
  "dismissed_at",
  "schedule",
] as const satisfies readonly (keyof StoredJobRow)[];

/** Jobs that are looked at in one go when old ones are deleted. */
const DELETE_LOOKS_AT = 200;

/** A job before it has its place in the order of submission. */
export type NewJobRow = Omit<JobRow, "seq">;

/**
 * The statements that every job passes through several times. They are compiled once, by Kysely for the database's own
 * dialect, and bound by position after that: building them anew took most of the time of a commit.
 */
export class JobQueries {
  private readonly selectById: string;
  private readonly selectByKey: string;
  private readonly insertJob: string;
  private readonly insertText: string;
  private readonly updateText: string;
  /** By the columns that change: naming one that does not would cost its indexes all the same. */
  private readonly updates = new Map<string, string>();

  constructor(
    db: Kysely<Tables>,
    private readonly sealed: SealedColumns,
  ) {
    const jobs = db.selectFrom("jobs").selectAll();
    this.selectById = jobs.where("id", "=", "").compile().sql;
    this.selectByKey = jobs.where("idempotency_key", "=", "").compile().sql;
    const example = Object.fromEntries(COLUMNS.map((column) => [column, ""])) as unknown as StoredJobRow;
    this.insertJob = db.insertInto("jobs").values(example).returning("seq").compile().sql;
    this.insertText = db.insertInto("job_search").values({ seq: 0, text: "" }).compile().sql;
    this.updateText = db.updateTable("job_search").set({ text: "" }).where("seq", "=", 0).compile().sql;
  }

  async byId(tx: Transaction<Tables>, id: string): Promise<JobRow | undefined> {
    return this.first(tx, CompiledQuery.raw(this.selectById, [id]));
  }

  async byIdempotencyKey(tx: Transaction<Tables>, key: string): Promise<JobRow | undefined> {
    return this.first(tx, CompiledQuery.raw(this.selectByKey, [key]));
  }

  async insert(tx: Transaction<Tables>, job: NewJobRow): Promise<JobRow> {
    const stored = this.sealed.sealJob(job.id, job);
    const values = COLUMNS.map((column) => stored[column]);
    const seq = await seqOf(tx, CompiledQuery.raw(this.insertJob, values));
    await tx.executeQuery(CompiledQuery.raw(this.insertText, [seq, searchText(job)]));
    return { ...job, seq };
  }

  /**
   * Deletes those that ended before a moment of the next jobs after a place in the order of submission.
   *
   * @returns how many, and where to go on; undefined where all that follows is younger.
   */
  async deleteEnded(tx: Transaction<Tables>, before: string, afterSeq: number) {
    const rows = await tx
      .selectFrom("jobs")
      .select(["seq", "ended_at", "created_at"])
      .where("seq", ">", afterSeq)
      .orderBy("seq")
      .limit(DELETE_LOOKS_AT)
      .execute();
    const ended = rows.flatMap(({ seq, ended_at: at }) => (at !== null && at < before ? [seq] : []));
    if (ended.length > 0) {
      await tx.deleteFrom("jobs").where("seq", "in", ended).execute();
      await tx.deleteFrom("job_search").where("seq", "in", ended).execute();
    }
    const last = rows.at(-1);
    const more = last !== undefined && rows.length === DELETE_LOOKS_AT && last.created_at < before;
    return { deleted: ended.length, nextSeq: more ? last.seq : undefined };
  }

  async update(tx: Transaction<Tables>, job: JobRow, changes: Partial<JobRow>): Promise<void> {
    const { id, seq } = job;
    const columns = Object.keys(changes).join();
    let sql = this.updates.get(columns);
    const stored = this.sealed.sealJob(id, changes);
    if (sql === undefined) {
      sql = tx.updateTable("jobs").set(stored).where("seq", "=", seq).compile().sql;
      this.updates.set(columns, sql);
    }
    await tx.executeQuery(CompiledQuery.raw(sql, [...Object.values(stored), seq]));
    if (changes.stream_metadata === undefined) return;
    const text = searchText({ ...job, ...changes });
    await tx.executeQuery(CompiledQuery.raw(this.updateText, [text, seq]));
  }

  private async first(tx: Transaction<Tables>, select: CompiledQuery): Promise<JobRow | undefined> {
    const row = (await tx.executeQuery<StoredJobRow>(select as CompiledQuery<StoredJobRow>)).rows[0];
    return row === undefined ? undefined : this.sealed.openJob(row);
  }
}

async function seqOf(tx: Transaction<Tables>, insert: CompiledQuery): Promise<number> {
  const row = (await tx.executeQuery<{ seq: number }>(insert as CompiledQuery<{ seq: number }>)).rows[0];
  if (row === undefined) throw new Error("An insert gave no number back.");
  return row.seq;
}
