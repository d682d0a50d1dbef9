import { join } from "node:path";
import type { Logger } from "@stream-control/service-kit";
import type { KeyRing } from "@stream-control/service-kit/secrets";
import { openStore, type Store, sql } from "@stream-control/store";
import { FILL_SEARCH, fillJobSearch } from "../jobs/search/fill.js";
import { announceKey, checkKeys } from "../secrets/key-check.js";
import { sealMigration } from "../secrets/seal-migration.js";
import { SealedColumns } from "../secrets/sealed-columns.js";
import { allMigrations } from "./migrations.js";
import { DATABASE_FILE, type Tables } from "./tables.js";

/** The database, and the way through which its encrypted columns are read and written. */
export interface Database {
  store: Store<Tables>;
  sealed: SealedColumns;
}

export interface DatabaseOptions {
  dataDir: string;
  ring: KeyRing;
  logger: Logger;
}

/**
 * Opens the orchestrator's database with its keys, and cleans up what a change of the keys has left.
 *
 * @throws StoreError as `openStore`; ConfigError where a key is missing that has encrypted something.
 */
export async function openDatabase({ dataDir, ring, logger }: DatabaseOptions): Promise<Database> {
  const file = join(dataDir, DATABASE_FILE);
  const sealed = new SealedColumns(ring);
  const store = await openStore<Tables>({
    file,
    migrations: allMigrations(sealMigration(sealed)),
  });
  try {
    const used = await checkKeys(store.db, ring, file);
    if (!used.includes(ring.sealingKeyId)) await announceKey(store.db, ring, new Date());
    const older = used.filter((keyId) => keyId !== ring.sealingKeyId);
    if (older.length > 0)
      logger.warn(
        { keyIds: older },
        'older keys are still in use; "secrets rotate" encrypts everything with the first',
      );
    await cleanUp(store, sealed, logger);
    return { store, sealed };
  } catch (thrown) {
    await store.close();
    throw thrown;
  }
}

/** Does what a migration has left to do; asked for again at the next start where it broke off. */
async function cleanUp(store: Store<Tables>, sealed: SealedColumns, logger: Logger): Promise<void> {
  const { rows } = await sql<{ task: string }>`select task from cleanup`.execute(store.db);
  const asked = new Set(rows.map(({ task }) => task));
  if (asked.has(FILL_SEARCH)) {
    logger.info("making the jobs that there are findable by their titles");
    await fillJobSearch(store.db, sealed);
    await sql`delete from cleanup where task = ${FILL_SEARCH}`.execute(store.db);
  }
  if (asked.has("scrub")) {
    // Leaves nothing readable behind in pages that were overwritten.
    logger.info("rewriting the database file, so that nothing that was overwritten can be read in it");
    await store.scrub();
    await sql`delete from cleanup where task = 'scrub'`.execute(store.db);
  }
}
