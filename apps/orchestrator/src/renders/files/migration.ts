import { type Migration, sql } from "@stream-control/store";

/** How far results have been deleted for their age. */
export const resultsMigration: Migration = {
  async up(db) {
    await db.schema
      .createTable("expired_results")
      .addColumn("id", "text", (column) => column.primaryKey().notNull())
      .addColumn("ended_at", "text", (column) => column.notNull())
      .addColumn("job_id", "text", (column) => column.notNull())
      .execute();
    await sql`create index jobs_by_end on jobs (ended_at, id) where ended_at is not null`.execute(db);
  },
};
