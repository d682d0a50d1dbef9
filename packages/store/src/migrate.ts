import { type Kysely, sql } from "kysely";
import { type Migration, Migrator } from "kysely/migration";
import { StoreError } from "./errors.js";

/**
 * Brings the tables up to date.
 *
 * @param where what the database is called in an error.
 * @throws StoreError when a migration fails, or the tables are of a newer version; the database is closed then.
 */
export async function migrate<Tables>(
  db: Kysely<Tables>,
  migrations: Record<string, Migration>,
  where: string,
): Promise<void> {
  const newer = (await applied(db)).filter((name) => !(name in migrations));
  if (newer.length > 0) {
    await db.destroy();
    throw new StoreError(
      `The tables in ${where} were made by a newer version (${newer.join(", ")}). Run that version, or give this one another database.`,
    );
  }
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  const { error } = await migrator.migrateToLatest();
  if (error === undefined) return;
  await db.destroy();
  const why = error instanceof Error ? error.message : String(error);
  throw new StoreError(`The tables in ${where} could not be brought up to date: ${why}`, { cause: error });
}

async function applied<Tables>(db: Kysely<Tables>): Promise<string[]> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some(({ name }) => name === "kysely_migration")) return [];
  const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(db);
  return rows.map(({ name }) => name);
}
