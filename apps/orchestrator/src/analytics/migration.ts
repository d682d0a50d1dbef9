import { type Migration, sql } from "@stream-control/store";

/** What became of each job, as far as figures are made of it. Neither names nor configs: it outlives the jobs. */
export const analyticsMigration: Migration = {
  async up(db) {
    await db.schema
      .createTable("job_facts")
      .addColumn("job_id", "text", (column) => column.primaryKey().notNull())
      .addColumn("job_seq", "integer", (column) => column.notNull())
      .addColumn("room", "text", (column) => column.notNull())
      .addColumn("kind", "text", (column) => column.notNull())
      .addColumn("template", "text")
      .addColumn("agent_id", "text")
      .addColumn("created_at", "text", (column) => column.notNull())
      .addColumn("ended_at", "text", (column) => column.notNull())
      .addColumn("wait_ms", "double precision", (column) => column.notNull())
      .addColumn("processing_ms", "double precision")
      .addColumn("outcome", "text", (column) => column.notNull())
      .addColumn("error_code", "text")
      .addColumn("cpu_used", "double precision")
      .addColumn("cpu_reserved", "double precision")
      .execute();
    await sql`create index job_facts_ended on job_facts (ended_at)`.execute(db);
    // Holds all that is asked of it, so that arrivals are counted without a look at the rows.
    await sql`create index job_facts_created on job_facts (created_at, room, kind)`.execute(db);
    await sql`create index job_facts_seq on job_facts (job_seq)`.execute(db);
  },
};
