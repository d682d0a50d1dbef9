import type { JobEvent, JsonObject, Page } from "@stream-control/protocol";
import { type Kysely, sql } from "@stream-control/store";
import type { SealedColumns } from "../secrets/sealed-columns.js";
import type { JobRow, StoredJobRow, Tables } from "../store/tables.js";
import { fromJson } from "./job-record.js";
import type { JobFilter } from "./search/job-filter.js";
import { listJobs } from "./search/job-list.js";

export interface JobEventFilter {
  jobId: string;
  /** Of any of these types, see {@link ofType}; of all unless given. */
  types?: readonly string[] | undefined;
  order: "asc" | "desc";
  /** The entry behind which the page begins. */
  fromSeq?: number | undefined;
  limit: number;
}

/** Jobs behind which no render is looked for: most of what a fleet does is no render. */
const LOOKED_AT_FOR_RENDERS = 20_000;
const IDS_AT_ONCE = 500;

/** Every read of jobs and their events. */
export class JobReader {
  constructor(
    private readonly db: Kysely<Tables>,
    private readonly sealed: SealedColumns,
  ) {}

  async byId(id: string): Promise<JobRow | undefined> {
    return this.opened(await this.db.selectFrom("jobs").selectAll().where("id", "=", id).execute())[0];
  }

  async byIdempotencyKey(key: string): Promise<JobRow | undefined> {
    return this.opened(await this.db.selectFrom("jobs").selectAll().where("idempotency_key", "=", key).execute())[0];
  }

  async roomOf(id: string): Promise<string | undefined> {
    return (await this.db.selectFrom("jobs").select("room").where("id", "=", id).executeTakeFirst())?.room;
  }

  /** One page of jobs in the order of their submission; one that is searched for may take several, see {@link listJobs}. */
  async page(filter: JobFilter): Promise<Page<JobRow>> {
    const { items, nextCursor } = await listJobs(this.db, filter);
    return { items: this.opened(items), nextCursor };
  }

  /** All jobs, oldest first, a bounded number at a time. */
  async *all(rooms: readonly string[] | null): AsyncGenerator<JobRow[]> {
    let cursor: string | undefined;
    do {
      const page: Page<JobRow> = await this.page({ rooms, limit: 500, cursor, order: "asc" });
      yield page.items;
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
  }

  /** Jobs that wait or hold a slot, oldest first. */
  async open(): Promise<JobRow[]> {
    const rows = await this.db.selectFrom("jobs").selectAll().where("ended_at", "is", null).orderBy("seq").execute();
    return this.opened(rows);
  }

  /** The jobs of some rooms that ended last, oldest first. */
  async recentlyEnded(rooms: readonly string[] | null, limit: number): Promise<JobRow[]> {
    let query = this.db.selectFrom("jobs").selectAll().where("ended_at", "is not", null);
    if (rooms !== null) query = query.where("room", "in", rooms);
    return this.opened((await query.orderBy("seq", "desc").limit(limit).execute()).reverse());
  }

  /** The jobs that ended last, oldest first, without those whose secrets can't be opened: nothing that is learnt is worth a stop. */
  async readableEnded(limit: number): Promise<JobRow[]> {
    const query = this.db.selectFrom("jobs").selectAll().where("ended_at", "is not", null);
    return this.openable((await query.orderBy("seq", "desc").limit(limit).execute()).reverse());
  }

  /**
   * Jobs that ended and of which there is no fact, of the newest so many, oldest first, without those whose secrets can't be
   * opened.
   */
  async withoutFact(lookedAt: number): Promise<JobRow[]> {
    const newest = await this.db.selectFrom("jobs").select("seq").orderBy("seq", "desc").limit(1).executeTakeFirst();
    const query = this.db.selectFrom("jobs").leftJoin("job_facts", "job_facts.job_id", "jobs.id").selectAll("jobs");
    const ended = query.where("jobs.ended_at", "is not", null).where("jobs.seq", ">", (newest?.seq ?? 0) - lookedAt);
    return this.openable(await ended.where("job_facts.job_id", "is", null).orderBy("jobs.seq").execute());
  }

  /** What streams measured at last that ended lately, the oldest first. */
  async recentlyStreamed(limit: number): Promise<Pick<JobRow, "agent_id" | "progress" | "running_since">[]> {
    const query = this.db.selectFrom("jobs").select(["agent_id", "progress", "running_since"]);
    const ended = query.where("ended_at", "is not", null).where("running_since", "is not", null);
    return (await ended.orderBy("seq", "desc").limit(limit).execute()).reverse();
  }

  /**
   * The renders that were completed last, oldest first, of the jobs that were submitted lately; without those whose secrets
   * can't be opened.
   */
  async recentlyRendered(limit: number): Promise<JobRow[]> {
    const newest = await this.db.selectFrom("jobs").select("seq").orderBy("seq", "desc").limit(1).executeTakeFirst();
    const rows = await this.db
      .selectFrom("jobs")
      .selectAll()
      .where("seq", ">", (newest?.seq ?? 0) - LOOKED_AT_FOR_RENDERS)
      .where("ended_at", "is not", null)
      .where("progress", "like", '%"step":"done"%')
      .orderBy("seq", "desc")
      .limit(limit)
      .execute();
    return this.openable(rows.reverse());
  }

  /** The newest event of a type of each of some jobs, where the log has one. */
  async lastOfType(
    type: string,
    jobIds: readonly string[],
  ): Promise<{ jobId: string; data: JsonObject | undefined }[]> {
    const found: { jobId: string; data: JsonObject | undefined }[] = [];
    for (let from = 0; from < jobIds.length; from += IDS_AT_ONCE) {
      const ids = jobIds.slice(from, from + IDS_AT_ONCE);
      const newest = this.db.selectFrom("events").select(({ fn }) => fn.max("seq").as("seq"));
      const rows = await this.db
        .selectFrom("events")
        .select(["job_id", "data"])
        .where("seq", "in", newest.where("job_id", "in", ids).where("type", "=", type).groupBy("job_id"))
        .$narrowType<{ job_id: string }>()
        .execute();
      for (const { job_id: jobId, data } of rows) found.push({ jobId, data: fromJson<JsonObject>(data) ?? undefined });
    }
    return found;
  }

  /** One event of any job; undefined where the log does not have it (any more). */
  async event(seq: number): Promise<(JobEvent & { seq: number }) | undefined> {
    const query = this.db.selectFrom("events").select(EVENT_COLUMNS).where("seq", "=", seq);
    const row = await query.where("job_id", "is not", null).$narrowType<{ job_id: string }>().executeTakeFirst();
    return row && toEvent(row);
  }

  /** What happened to no job; undefined where the log does not have it (any more). */
  async fact(seq: number): Promise<Omit<JobEvent, "jobId"> | undefined> {
    const query = this.db.selectFrom("events").select(EVENT_COLUMNS).where("seq", "=", seq);
    const row = await query.where("job_id", "is", null).executeTakeFirst();
    if (row === undefined) return undefined;
    const { jobId: _, ...fact } = toEvent({ ...row, job_id: "" });
    return fact;
  }

  /** One page of a job's log, behind an entry where one is given. */
  async events({ jobId, types, order, fromSeq, limit }: JobEventFilter): Promise<(JobEvent & { seq: number })[]> {
    let query = this.db.selectFrom("events").select(EVENT_COLUMNS).where("job_id", "=", jobId);
    if (fromSeq !== undefined) query = query.where("seq", order === "asc" ? ">" : "<", fromSeq);
    if (types !== undefined) query = query.where(({ or }) => or(types.map(ofType)));
    const rows = await query.orderBy("seq", order).limit(limit).$narrowType<{ job_id: string }>().execute();
    return rows.map(toEvent);
  }

  /**
   * One page of the events of every job in some rooms after an entry of the log; null for all rooms. What the log has
   * beside the events of jobs is not among them, so that their numbers may have gaps.
   */
  async eventsOf(filter: {
    rooms: readonly string[] | null;
    afterSeq: number;
    limit: number;
  }): Promise<(JobEvent & { seq: number; room: string })[]> {
    let query = this.db
      .selectFrom("events")
      .innerJoin("jobs", "jobs.id", "events.job_id")
      .select(["events.seq", "events.job_id", "events.type", "events.message", "events.data", "events.ts", "jobs.room"])
      .where("events.seq", ">", filter.afterSeq);
    if (filter.rooms !== null) query = query.where("jobs.room", "in", filter.rooms);
    const rows = await query.orderBy("events.seq").limit(filter.limit).$narrowType<{ job_id: string }>().execute();
    return rows.map((row) => ({ ...toEvent(row), room: row.room }));
  }

  private opened(rows: StoredJobRow[]): JobRow[] {
    return rows.map((row) => this.sealed.openJob(row));
  }

  private openable(rows: StoredJobRow[]): JobRow[] {
    return rows.flatMap((row) => {
      try {
        return [this.sealed.openJob(row)];
      } catch {
        return [];
      }
    });
  }
}

/** `stream.*` stands for all types that begin with `stream.`. */
const ofType = (type: string) =>
  type.endsWith("*")
    ? sql<boolean>`substr(type, 1, ${type.length - 1}) = ${type.slice(0, -1)}`
    : sql<boolean>`type = ${type}`;

const EVENT_COLUMNS = ["seq", "job_id", "type", "message", "data", "ts"] as const;

interface EventRow {
  seq: number;
  job_id: string;
  type: string;
  message: string;
  data: string | null;
  ts: string;
}

function toEvent({ seq, job_id: jobId, type, message, data: text, ts }: EventRow): JobEvent & { seq: number } {
  const data = fromJson<Record<string, unknown>>(text);
  return { seq, jobId, type, message, ...(data === null ? {} : { data }), ts };
}
