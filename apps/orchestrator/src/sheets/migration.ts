import type { Migration } from "@stream-control/store";

/** What overlays show of each sheet. */
export const sheetsMigration: Migration = {
  async up(db) {
    await db.schema
      .createTable("sheets")
      .addColumn("room", "text", (column) => column.notNull())
      .addColumn("label", "text", (column) => column.notNull())
      .addColumn("content", "text", (column) => column.notNull())
      .addColumn("version", "integer", (column) => column.notNull())
      .addColumn("updated_at", "text", (column) => column.notNull())
      .addPrimaryKeyConstraint("sheets_key", ["room", "label"])
      .execute();
  },
};
