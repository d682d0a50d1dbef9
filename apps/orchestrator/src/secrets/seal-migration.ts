import { type Migration, sql } from "@stream-control/store";
import { announceKey } from "./key-check.js";
import { placeOf, type SealedColumns } from "./sealed-columns.js";
import { sealedRows, writeColumns } from "./sealed-rows.js";

/** Tables that there were then. */
const TABLES = ["jobs", "templates"] as const;

/**
 * Encrypts the configs of a database that was filled before there were keys. What stood there in plain text still lies in
 * the file's free pages after that, which `cleanup` says.
 */
export const sealMigration = ({ ring }: SealedColumns): Migration => ({
  async up(db) {
    await db.schema
      .createTable("sealing_keys")
      .addColumn("key_id", "text", (column) => column.primaryKey())
      .addColumn("check_text", "text", (column) => column.notNull())
      .addColumn("since", "text", (column) => column.notNull())
      .execute();
    await db.schema
      .createTable("cleanup")
      .addColumn("task", "text", (column) => column.primaryKey())
      .execute();
    let rows = 0;
    for (const table of TABLES)
      for await (const page of sealedRows(db, table))
        for (const row of page) {
          const plain = Object.entries(row.columns).flatMap(([column, text]) =>
            text === null ? [] : [[column, text]],
          );
          const sealed = plain.map(([column = "", text = ""]) => [
            column,
            ring.seal(text, placeOf(table, column, row.id)),
          ]);
          await writeColumns(db, row, Object.fromEntries(sealed));
          rows += 1;
        }
    await announceKey(db, ring, new Date());
    if (rows > 0) await sql`insert into cleanup (task) values ('scrub')`.execute(db);
  },
});
