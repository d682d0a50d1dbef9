import { isFinalStatus, type JobEvent, type JobStatus, type Page } from "@stream-control/protocol";
import { decodeCursor, encodeCursor } from "@stream-control/service-kit/http";
import type { Kysely } from "@stream-control/store";
import type { JobRow, Tables } from "../store/tables.js";
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
  constructor(private readonly db: Kysely<Tables>) {}

  byId(id: string): Promise<JobRow | undefined> {
    return this.db.selectFrom("jobs").selectAll().where("id", "=", id).executeTakeFirst();
  }

  byIdempotencyKey(key: string): Promise<JobRow | undefined> {
    return this.db.selectFrom("jobs").selectAll().where("idempotency_key", "=", key).executeTakeFirst();
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
    return pageOf(await query.execute(), limit);
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
  open(): Promise<JobRow[]> {
    return this.db.selectFrom("jobs").selectAll().where("ended_at", "is", null).orderBy("seq").execute();
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
    return rows.reverse();
  }

  /**
   * One page of the events after an entry of the log, of one job or of all. What the log has beside the events of jobs is not
   * among them, so that their numbers may have gaps.
   */
  async events(filter: { jobId?: string; afterSeq: number; limit: number }): Promise<(JobEvent & { seq: number })[]> {
    let query = this.db
      .selectFrom("events")
      .select(["seq", "job_id", "type", "message", "data", "ts"])
      .where("seq", ">", filter.afterSeq);
    query =
      filter.jobId === undefined ? query.where("job_id", "is not", null) : query.where("job_id", "=", filter.jobId);
    const rows = await query.orderBy("seq").limit(filter.limit).$narrowType<{ job_id: string }>().execute();
    return rows.map((row) => {
      const data = fromJson<Record<string, unknown>>(row.data);
      const { seq, type, message, ts } = row;
      return { seq, jobId: row.job_id, type, message, ...(data === null ? {} : { data }), ts };
    });
  }
}

function pageOf(rows: JobRow[], limit: number): Page<JobRow> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: rows.length > limit && last !== undefined ? encodeCursor(last.seq) : null };
}
