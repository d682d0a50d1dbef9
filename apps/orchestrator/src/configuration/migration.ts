import type { Migration } from "@stream-control/store";

/** What was set through the interface. */
export const configurationMigration: Migration = {
  async up(db) {
    await db.schema
      .createTable("configuration")
      .addColumn("id", "text", (column) => column.primaryKey().notNull())
      .addColumn("value", "text", (column) => column.notNull())
      .addColumn("version", "integer", (column) => column.notNull())
      .addColumn("updated_at", "text", (column) => column.notNull())
      .execute();
  },
};
