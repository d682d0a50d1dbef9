import type { Migration } from "@stream-control/store";

/** Jobs that were there before lanes were all alike. */
export const prioritiesMigration: Migration = {
  async up(db) {
    await db.schema
      .alterTable("jobs")
      .addColumn("priority", "text", (column) => column.notNull().defaultTo("normal"))
      .execute();
  },
};

/** Jobs that say themselves how their agent is chosen. */
export const placementMigration: Migration = {
  async up(db) {
    await db.schema.alterTable("jobs").addColumn("placement", "text").execute();
  },
};
