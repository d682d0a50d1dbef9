import { type Kysely, type Migration, sql } from "@stream-control/store";
import type { SealedColumns } from "../../secrets/sealed-columns.js";
import type { Sealed, Tables } from "../../store/tables.js";
import { searchText } from "./search-text.js";

/** What `cleanup` calls the jobs that were there before they could be looked for. */
export const FILL_SEARCH = "fill-job-search";
/** Jobs that are read at once. */
const PAGE_ROWS = 200;

/** A narrow table beside the wide one: a search reads it from end to end. */
export const jobSearchMigration: Migration = {
  async up(db) {
    await db.schema
      .createTable("job_search")
      .addColumn("seq", "integer", (column) => column.primaryKey())
      .addColumn("text", "text", (column) => column.notNull())
      .execute();
    await db.schema.createIndex("jobs_created").on("jobs").column("created_at").execute();
    await sql`create index jobs_template on jobs (template_id, seq) where template_id is not null`.execute(db);
    // The titles are encrypted, and a migration has no keys.
    await sql`insert into cleanup (task) select ${sql.lit(FILL_SEARCH)} where exists (select 1 from jobs)`.execute(db);
  },
};

/** Makes every job that there is findable; may be repeated. */
export async function fillJobSearch(db: Kysely<Tables>, sealed: SealedColumns): Promise<void> {
  for (let after = 0; ; ) {
    const rows = await db
      .selectFrom("jobs")
      .select(["seq", "id", "template_id", "stream_context", "stream_metadata"])
      .where("seq", ">", after)
      .orderBy("seq")
      .limit(PAGE_ROWS)
      .execute();
    const last = rows.at(-1);
    if (last === undefined) return;
    const open = (id: string, text: Sealed | null) =>
      text === null ? null : sealed.openText("jobs", "stream_metadata", id, text);
    const found = rows.map((row) => ({
      seq: row.seq,
      text: searchText({ ...row, stream_metadata: open(row.id, row.stream_metadata) }),
    }));
    await db.replaceInto("job_search").values(found).execute();
    after = last.seq;
  }
}
