import type { Migration } from "@stream-control/store";

/** What jobs of each kind really use. */
export const resourcesMigration: Migration = {
  async up(db) {
    await db.schema
      .createTable("learned_demands")
      .addColumn("kind", "text", (column) => column.primaryKey().notNull())
      .addColumn("jobs", "integer", (column) => column.notNull())
      .addColumn("cpu", "real", (column) => column.notNull())
      .addColumn("memory_mib", "real", (column) => column.notNull())
      .addColumn("updated_at", "text", (column) => column.notNull())
      .execute();
  },
};
