import type { Migration } from "@stream-control/store";

/** What requests to callback addresses are signed with, by rooms. */
export const callbackSecretsMigration: Migration = {
  async up(db) {
    await db.schema
      .createTable("callback_secrets")
      .addColumn("id", "text", (column) => column.primaryKey().notNull())
      .addColumn("secrets", "text", (column) => column.notNull())
      .addColumn("updated_at", "text", (column) => column.notNull())
      .execute();
  },
};
