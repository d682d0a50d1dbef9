import type { Page } from "@stream-control/protocol";
import { decodeCursor, encodeCursor } from "@stream-control/service-kit/http";
import { type Kysely, sql } from "@stream-control/store";
import type { StoredJobRow, Tables } from "../../store/tables.js";
import { filteredJobs, type JobFilter, type Stretch } from "./job-filter.js";
import { patternOf } from "./search-text.js";

/** Jobs whose texts one statement reads: the database holds the event loop meanwhile, some milliseconds for so many. */
const WINDOW = 5000;
/** How long is searched before a page is answered with what was found, maybe nothing, and where to go on. */
const PAGE_MAY_TAKE_MS = 1000;

/**
 * One page of jobs in the order of their submission. With words no index helps: their texts are read one after another, and a page
 * that took too long has fewer jobs than were asked for, while its `nextCursor` says where to go on.
 */
export async function listJobs(db: Kysely<Tables>, filter: JobFilter): Promise<Page<StoredJobRow>> {
  if (filter.rooms?.length === 0) return { items: [], nextCursor: null };
  const stretch = after(filter, await bounds(db, filter));
  if (filter.q !== undefined && filter.q.length > 0) return search(db, filter, filter.q, stretch);
  const rows = await filteredJobs(db, { ...filter, limit: filter.limit + 1 }, stretch).execute();
  const items = rows.slice(0, filter.limit);
  const last = items.at(-1);
  return { items, nextCursor: rows.length > filter.limit && last !== undefined ? encodeCursor(last.seq) : null };
}

async function search(
  db: Kysely<Tables>,
  filter: JobFilter,
  words: readonly string[],
  { low, high }: Stretch,
): Promise<Page<StoredJobRow>> {
  const end = performance.now() + PAGE_MAY_TAKE_MS;
  const agents = await agentsByWord(db, words);
  const [first, last] = await ends(db, { low, high });
  const items: StoredJobRow[] = [];
  const up = filter.order === "asc";
  for (let at = up ? first : last; at >= first && at <= last; ) {
    const stretch = up
      ? { low: at, high: Math.min(at + WINDOW - 1, last) }
      : { low: Math.max(at - WINDOW + 1, first), high: at };
    const wanted = filter.limit - items.length;
    const rows = await matching(db, { ...filter, limit: wanted }, agents, stretch);
    items.push(...rows);
    const seen = rows.length === wanted ? (rows.at(-1)?.seq ?? at) : up ? stretch.high : stretch.low;
    const more = up ? seen < last : seen > first;
    if (!more) break;
    if (items.length === filter.limit || performance.now() > end) return { items, nextCursor: encodeCursor(seen) };
    at = up ? seen + 1 : seen - 1;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { items, nextCursor: null };
}

/** For each word, the agents that are called so: where a job runs changes, so that it does not stand in its text. */
async function agentsByWord(db: Kysely<Tables>, words: readonly string[]): Promise<Map<string, string[]>> {
  const ids = (await db.selectFrom("agents").select("id").execute()).map(({ id }) => id);
  return new Map(words.map((word) => [word, ids.filter((id) => id.normalize("NFKC").toLowerCase().includes(word))]));
}

function matching(
  db: Kysely<Tables>,
  filter: JobFilter,
  words: ReadonlyMap<string, string[]>,
  stretch: Stretch,
): Promise<StoredJobRow[]> {
  const { low, high } = stretch;
  let query = filteredJobs(db, filter, stretch);
  for (const [word, agents] of words)
    query = query.where(({ eb, or, selectFrom }) => {
      const texts = selectFrom("job_search").select("job_search.seq").where("job_search.seq", ">=", low);
      const found = texts
        .where("job_search.seq", "<=", high)
        .where(sql<boolean>`job_search.text like ${patternOf(word)} escape ${sql.lit("\\")}`);
      const inText = eb("jobs.seq", "in", found);
      return agents.length === 0 ? inText : or([inText, eb("jobs.agent_id", "in", agents)]);
    });
  return query.execute();
}

/** The stretch of the jobs that were submitted in the wanted time. */
async function bounds(db: Kysely<Tables>, { since, until }: JobFilter): Promise<Stretch> {
  const all = { low: 0, high: Number.MAX_SAFE_INTEGER };
  if (since === undefined && until === undefined) return all;
  let query = db.selectFrom("jobs").select(({ fn }) => [fn.min("seq").as("low"), fn.max("seq").as("high")]);
  if (since !== undefined) query = query.where("created_at", ">=", since);
  if (until !== undefined) query = query.where("created_at", "<", until);
  const found = await query.executeTakeFirst();
  // Kysely takes no null into account here, which both are where no job is of that time.
  const { low, high } = (found ?? {}) as { low?: number | null; high?: number | null };
  return low == null || high == null ? { low: 1, high: 0 } : { low, high };
}

/** What of a stretch lies behind the cursor. */
function after({ cursor, order }: JobFilter, { low, high }: Stretch): Stretch {
  if (cursor === undefined) return { low, high };
  const at = decodeCursor(cursor);
  return order === "asc" ? { low: Math.max(low, at + 1), high } : { low, high: Math.min(high, at - 1) };
}

/** The first and the last job of a stretch. */
async function ends(db: Kysely<Tables>, { low, high }: Stretch): Promise<[first: number, last: number]> {
  const jobs = db.selectFrom("job_search").select("seq").where("seq", ">=", low).where("seq", "<=", high).limit(1);
  const first = await jobs.orderBy("seq", "asc").executeTakeFirst();
  const last = await jobs.orderBy("seq", "desc").executeTakeFirst();
  return [first?.seq ?? 1, last?.seq ?? 0];
}
