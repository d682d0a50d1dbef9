import { isFinalStatus, type JobEvent, type JobStatus, type Page } from "@stream-control/protocol";
import type { Kysely } from "@stream-control/store";
import { decodeCursor, encodeCursor } from "../http/cursor.js";
import type { SealedColumns } from "../secrets/sealed-columns.js";
import type { JobRow, StoredJobRow, Tables } from "../store/tables.js";
import { fromJson } from "./job-record.js";

export interface JobFilter {
  status?: readonly JobStatus[] | undefined;
  agentId?: string | undefined;
  limit: number;
  cursor?: string | undefined;
  order: "asc" | "desc";
}

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

  /** One page of jobs in the order of their submission. */
  async page({ status, agentId, limit, cursor, order }: JobFilter): Promise<Page<JobRow>> {
    let query = this.db
      .selectFrom("jobs")
      .selectAll()
      .orderBy("seq", order)
      .limit(limit + 1);
    if (status !== undefined) {
      query = query.where("status", "in", status);
      // Said in words that name one of the two partial indexes, where the statuses are all of one kind.
      if (status.every(isFinalStatus)) query = query.where("ended_at", "is not", null);
      else if (!status.some(isFinalStatus)) query = query.where("ended_at", "is", null);
    }
    if (agentId !== undefined) query = query.where("agent_id", "=", agentId);
    if (cursor !== undefined) query = query.where("seq", order === "asc" ? ">" : "<", decodeCursor(cursor));
    return pageOf(this.opened(await query.execute()), limit);
  }

  /** All jobs, oldest first, a bounded number at a time. */
  async *all(): AsyncGenerator<JobRow[]> {
    let cursor: string | undefined;
    do {
      const page: Page<JobRow> = await this.page({ limit: 500, cursor, order: "asc" });
      yield page.items;
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
  }

  /** Jobs that wait or hold a slot, oldest first. */
  async open(): Promise<JobRow[]> {
    const rows = await this.db.selectFrom("jobs").selectAll().where("ended_at", "is", null).orderBy("seq").execute();
    return this.opened(rows);
  }

  /** The jobs that ended last, oldest first. */
  async recentlyEnded(limit: number): Promise<JobRow[]> {
    const rows = await this.db
      .selectFrom("jobs")
      .selectAll()
      .where("ended_at", "is not", null)
      .orderBy("seq", "desc")
      .limit(limit)
      .execute();
    return this.opened(rows.reverse());
  }

  /** One page of the event log after an entry, of one job or of all. */
  async events(filter: { jobId?: string; afterSeq: number; limit: number }): Promise<(JobEvent & { seq: number })[]> {
    let query = this.db.selectFrom("job_events").selectAll().where("seq", ">", filter.afterSeq);
    if (filter.jobId !== undefined) query = query.where("job_id", "=", filter.jobId);
    const rows = await query.orderBy("seq").limit(filter.limit).execute();
    return rows.map((row) => {
      const data = fromJson<Record<string, unknown>>(row.data);
      const { seq, type, message, ts } = row;
      return { seq, jobId: row.job_id, type, message, ...(data === null ? {} : { data }), ts };
    });
  }

  /** Number of the newest entry of the event log; 0 while it is empty. */
  async lastSeq(): Promise<number> {
    const row = await this.db
      .selectFrom("job_events")
      .select(({ fn }) => fn.max("seq").as("seq"))
      .executeTakeFirst();
    return row?.seq ?? 0;
  }

  private opened(rows: StoredJobRow[]): JobRow[] {
    return rows.map((row) => this.sealed.openJob(row));
  }
}

function pageOf(rows: JobRow[], limit: number): Page<JobRow> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: rows.length > limit && last !== undefined ? encodeCursor(last.seq) : null };
}
