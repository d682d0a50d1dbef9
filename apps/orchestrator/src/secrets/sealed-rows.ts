import { type Kysely, sql } from "@stream-control/store";
import { SEALED_COLUMNS, type SealedTable } from "./sealed-columns.js";

/** The encrypted columns of one row, by their names; null where there is nothing. */
export interface SealedRow {
  table: SealedTable;
  id: string;
  columns: Record<string, string | null>;
}

/** Rows that are read at once: a page of them fits into memory whatever the configs are. */
const PAGE_ROWS = 200;

export const SEALED_TABLES = Object.keys(SEALED_COLUMNS) as SealedTable[];

/**
 * Every row of a table with encrypted columns, in the order of the ids, page by page; between two pages the caller may
 * change the rows that it was given.
 */
export async function* sealedRows<Tables>(db: Kysely<Tables>, table: SealedTable): AsyncGenerator<SealedRow[]> {
  const columns = SEALED_COLUMNS[table];
  for (let last = ""; ; ) {
    const { rows } = await sql<Record<string, string | null> & { id: string }>`
      select id, ${sql.join(columns.map((column) => sql.ref(column)))} from ${sql.table(table)}
      where id > ${last} order by id limit ${PAGE_ROWS}`.execute(db);
    const page = rows.map(({ id, ...found }) => ({ table, id, columns: found }));
    yield page;
    const end = page.at(-1);
    if (end === undefined || page.length < PAGE_ROWS) return;
    last = end.id;
  }
}

/** Writes columns of a row, as they are. */
export async function writeColumns<Tables>(
  db: Kysely<Tables>,
  { table, id }: SealedRow,
  columns: Record<string, string>,
): Promise<void> {
  const changes = Object.entries(columns).map(([column, text]) => sql`${sql.ref(column)} = ${text}`);
  if (changes.length === 0) return;
  await sql`update ${sql.table(table)} set ${sql.join(changes)} where id = ${id}`.execute(db);
}

/** How many rows a table has. */
export async function countRows<Tables>(db: Kysely<Tables>, table: SealedTable): Promise<number> {
  const { rows } = await sql<{ rows: number }>`select count(*) as rows from ${sql.table(table)}`.execute(db);
  return rows[0]?.rows ?? 0;
}
