import { type AuditEntry, type AuditResult, auditResultSchema, type Page } from "@stream-control/protocol";
import { type RawBuilder, sql } from "@stream-control/store";
import { z } from "zod";
import { decodeCursor, encodeCursor } from "../http/cursor.js";
import { listOf, moment } from "../http/page-query.js";
import { readAnchor, readHead } from "./event-log.js";
import type { Executor } from "./executor.js";
import { hexOf, JOINED, type JoinedRow, toEntry, toExportLine } from "./rows.js";
import { turn } from "./turn.js";

/** Entries that one statement looks at: the database holds the event loop meanwhile, some milliseconds for so many. */
const WINDOW = 2000;
/** Entries that are exported at once; each costs more than one that is passed over. */
const EXPORT_WINDOW = 400;
/** How long a page is searched for before it is answered with what was found, maybe nothing, and where to go on. */
const PAGE_MAY_TAKE_MS = 1000;

/** Which entries are wanted, as query parameters and as options of the command. */
export const auditFilterSchema = z.object({
  /** From this moment on, and before that one. */
  since: moment.optional(),
  until: moment.optional(),
  actor: z.string().min(1).max(200).optional(),
  /** Types; `template.*` stands for all that begin with `template.`. */
  type: listOf(z.string().min(1).max(100)).optional(),
  subject: z.string().min(1).max(300).optional(),
  result: listOf(auditResultSchema).optional(),
});
export type AuditFilter = z.infer<typeof auditFilterSchema>;

export interface AuditPageRequest {
  limit: number;
  cursor?: string | undefined;
  order: "asc" | "desc";
}

/** Reads the event log for people: filtered, with origins. */
export class AuditReader {
  constructor(private readonly db: Executor) {}

  /**
   * One page. A rare entry in a long log may take several: then a page has fewer entries than were asked for, or none, and
   * `nextCursor` says where the search goes on.
   */
  async page(filter: AuditFilter, { limit, cursor, order }: AuditPageRequest): Promise<Page<AuditEntry>> {
    const end = performance.now() + PAGE_MAY_TAKE_MS;
    const [first, last] = await this.bounds();
    const items: AuditEntry[] = [];
    const up = order === "asc";
    let at = cursor === undefined ? (up ? first - 1 : last + 1) : decodeCursor(cursor);
    at = up ? Math.max(at, first - 1) : Math.min(at, last + 1);
    while (up ? at < last : at > first) {
      const [low, high] = up ? [at + 1, Math.min(at + WINDOW, last)] : [Math.max(at - WINDOW, first), at - 1];
      const wanted = limit - items.length;
      const rows = await this.window(filter, low, high, order, wanted);
      items.push(...rows.map(toEntry));
      at = rows.length === wanted ? (rows.at(-1)?.seq ?? at) : up ? high : low;
      const more = up ? at < last : at > first;
      if (items.length === limit || performance.now() > end)
        return { items, nextCursor: more ? encodeCursor(at) : null };
      await turn();
    }
    return { items, nextCursor: null };
  }

  /** Lines of JSON, oldest first, up to the entry that is the newest when it begins. */
  async *export(filter: AuditFilter): AsyncGenerator<string> {
    const [first, last] = await this.bounds();
    for (let at = first - 1; at < last; at += EXPORT_WINDOW) {
      const high = Math.min(at + EXPORT_WINDOW, last);
      const hashes = await this.hashes(at, high);
      const rows = await this.window(filter, at + 1, high, "asc", EXPORT_WINDOW);
      // One piece for a window: a line by itself is a small thing to wait for.
      yield rows.map((row) => toExportLine(row, hashes.get(row.seq - 1) ?? "")).join("");
      await turn();
    }
  }

  private async bounds(): Promise<[first: number, last: number]> {
    const [anchor, head] = [await readAnchor(this.db), await readHead(this.db)];
    return [anchor.seq + 1, head.seq];
  }

  /** Hashes of the entries that those from `low + 1` to `high` follow on. */
  private async hashes(low: number, high: number): Promise<Map<number, string>> {
    const { rows } = await sql<{ seq: number; hash: Uint8Array }>`select seq, hash from events
      where seq >= ${low} and seq < ${high} union all select anchor_seq, anchor_hash from event_chain`.execute(this.db);
    return new Map(rows.map(({ seq, hash }) => [seq, hexOf(hash)]));
  }

  private async window(filter: AuditFilter, low: number, high: number, order: "asc" | "desc", limit: number) {
    const wanted = [sql`e.seq >= ${low} and e.seq <= ${high}`, ...conditions(filter)];
    const direction = order === "asc" ? sql`asc` : sql`desc`;
    const found = await sql<JoinedRow>`${JOINED} where ${sql.join(wanted, sql` and `)}
      order by e.seq ${direction} limit ${limit}`.execute(this.db);
    return found.rows;
  }
}

function conditions({ since, until, actor, type, subject, result }: AuditFilter): RawBuilder<unknown>[] {
  const all: RawBuilder<unknown>[] = [];
  if (since !== undefined) all.push(sql`e.ts >= ${since}`);
  if (until !== undefined) all.push(sql`e.ts < ${until}`);
  if (actor !== undefined) all.push(sql`e.actor = ${actor}`);
  if (subject !== undefined) all.push(sql`coalesce(e.subject, 'job:' || e.job_id) = ${subject}`);
  if (result !== undefined) all.push(sql`e.result in (${sql.join<AuditResult>(result)})`);
  if (type !== undefined) all.push(sql`(${sql.join(type.map(ofType), sql` or `)})`);
  return all;
}

const ofType = (type: string): RawBuilder<unknown> =>
  type.endsWith("*") ? sql`substr(e.type, 1, ${type.length - 1}) = ${type.slice(0, -1)}` : sql`e.type = ${type}`;
