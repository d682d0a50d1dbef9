/** The one table of the writer that is killed. */
export const migrations = {
  "0001-rows": {
    async up(db) {
      await db.schema
        .createTable("rows")
        .addColumn("n", "integer", (column) => column.primaryKey())
        .execute();
    },
  },
};
