import { type Migration, sql } from "@stream-control/store";

/** Runs of workflows, and the steps of each in every generation. */
export const workflowsMigration: Migration = {
  async up(db) {
    await db.schema
      .createTable("workflow_runs")
      .addColumn("seq", "integer", (column) => column.primaryKey().autoIncrement())
      .addColumn("id", "text", (column) => column.notNull().unique())
      .addColumn("key", "text", (column) => column.notNull().unique())
      .addColumn("kind", "text", (column) => column.notNull())
      .addColumn("room", "text", (column) => column.notNull())
      .addColumn("definition", "text", (column) => column.notNull())
      .addColumn("status", "text", (column) => column.notNull())
      .addColumn("state", "text", (column) => column.notNull())
      .addColumn("input", "text", (column) => column.notNull())
      .addColumn("requested_by", "text")
      .addColumn("created_at", "text", (column) => column.notNull())
      .addColumn("updated_at", "text", (column) => column.notNull())
      .addColumn("ended_at", "text")
      .addColumn("revision", "integer", (column) => column.notNull())
      .addColumn("owner", "text")
      .addColumn("lease_until", "text")
      .execute();
    // What is under way is looked for among the few that are, however many have ended.
    await sql`create index workflow_runs_open on workflow_runs (seq) where ended_at is null`.execute(db);
    await sql`create index workflow_runs_ended on workflow_runs (ended_at) where ended_at is not null`.execute(db);
    await db.schema.createIndex("workflow_runs_room").on("workflow_runs").columns(["room", "seq"]).execute();
    await db.schema
      .createTable("workflow_steps")
      .addColumn("id", "text", (column) => column.primaryKey().notNull())
      .addColumn("run_id", "text", (column) => column.notNull())
      .addColumn("generation", "integer", (column) => column.notNull())
      .addColumn("name", "text", (column) => column.notNull())
      .addColumn("status", "text", (column) => column.notNull())
      .addColumn("attempts", "text", (column) => column.notNull())
      .addColumn("state", "text", (column) => column.notNull())
      .addColumn("output", "text")
      .execute();
    await db.schema.createIndex("workflow_steps_run").on("workflow_steps").columns(["run_id", "generation"]).execute();
  },
};

/** How often a job is tried again, where whoever submitted it has said so. */
export const restartLimitsMigration: Migration = {
  async up(db) {
    await db.schema.alterTable("jobs").addColumn("restart_limits", "text").execute();
  },
};
