import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Kysely, sql, type Transaction } from "kysely";
import { type Migration, Migrator } from "kysely/migration";
import { GroupCommit } from "./group-commit.js";
import { NodeSqliteDialect } from "./sqlite-dialect.js";

/** The database cannot be used. The message says what to do. */
export class StoreError extends Error {
  override readonly name = "StoreError";
}

export interface StoreOptions {
  /** Path of the SQLite file; its folder is made where it is missing. */
  file: string;
  /** Every migration by name, applied in the order of their names, each once. */
  migrations: Record<string, Migration>;
}

/** One database handle. Reads go through `db`, writes that a caller waits for through `write`. */
export class Store<Tables> {
  private readonly commits: GroupCommit<Transaction<Tables>>;

  constructor(readonly db: Kysely<Tables>) {
    this.commits = new GroupCommit((work) => db.transaction().execute(work));
  }

  /**
   * Runs an operation in a transaction that it may share with others; see {@link GroupCommit}. Resolves when the commit
   * is on disk. Inside, use only the handle that is passed: the outer `db` would wait for this very transaction.
   *
   * @throws StoreError when the database cannot be written now, such as on a full disk.
   */
  async write<T>(operation: (tx: Transaction<Tables>) => Promise<T>): Promise<T> {
    try {
      return await this.commits.write(operation);
    } catch (error) {
      throw unavailable(error) ?? error;
    }
  }

  /**
   * Rewrites the file, so that nothing of what was overwritten or deleted can be found in it or in its log: SQLite leaves
   * both where they were until the place is needed (https://www.sqlite.org/lang_vacuum.html). Takes as long as copying
   * the file; other statements wait meanwhile.
   *
   * @throws StoreError when there is no room for the copy.
   */
  async scrub(): Promise<void> {
    try {
      await this.commits.idle();
      await sql`vacuum`.execute(this.db);
      await this.checkpoint();
    } catch (error) {
      throw unavailable(error) ?? error;
    }
  }

  /** The same handle, for a part that knows only its own tables of this database. */
  part<Part extends Partial<Tables>>(): Store<Part> {
    // Sound because a Store of more tables does everything that one of fewer does; Kysely's types cannot say so.
    return this as unknown as Store<Part>;
  }

  /**
   * Moves everything that was committed from the write-ahead log into the database file and empties the log: what was
   * overwritten or deleted there is then in neither.
   */
  async checkpoint(): Promise<void> {
    await sql`pragma wal_checkpoint(truncate)`.execute(this.db);
  }

  /** Waits for every write, then closes the file. */
  async close(): Promise<void> {
    await this.commits.idle();
    await this.db.destroy();
  }
}

/**
 * Opens the database and brings its tables up to date.
 *
 * WAL with full sync: a commit that was acknowledged outlives a power cut. The file is locked for this process alone,
 * so that a second orchestrator started on the same folder by mistake is told so instead of sharing its jobs.
 *
 * @throws StoreError when the file cannot be opened, is in use, or a migration fails.
 */
export async function openStore<Tables>({ file, migrations }: StoreOptions): Promise<Store<Tables>> {
  const database = open(file);
  const db = new Kysely<Tables>({ dialect: new NodeSqliteDialect(database) });
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) {
    await db.destroy();
    throw new StoreError(`The tables in ${file} could not be brought up to date: ${messageOf(error)}`, {
      cause: error,
    });
  }
  return new Store(db);
}

function open(file: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    mkdirSync(dirname(file), { recursive: true });
    database = new DatabaseSync(file, { timeout: 2000, enableForeignKeyConstraints: true });
    // The lock is taken with the first access, which the change of the journal mode is.
    database.exec("pragma locking_mode = exclusive; pragma journal_mode = wal; pragma synchronous = full;");
    // What is deleted is overwritten, also where a page is given up: stream keys and personal data must not stay behind in it.
    database.exec("pragma secure_delete = on;");
    // Without it a `replace` would delete rows past the triggers that keep them.
    database.exec("pragma recursive_triggers = on;");
    // 64 MiB of pages in memory, and a checkpoint per 32 MiB of log: with the defaults (2 MiB, 4 MiB) a busy queue reads
    // its own indexes from disk again and checkpoints several times a second.
    database.exec("pragma cache_size = -65536; pragma wal_autocheckpoint = 8192;");
    database.exec("begin exclusive; commit;");
    return database;
  } catch (error) {
    database?.close();
    const message = messageOf(error);
    throw new StoreError(
      /locked|busy/i.test(message)
        ? `${file} is in use by another process. Stop that one, or give this one another DATA_DIR.`
        : `${file} cannot be opened: ${message}. Check that its folder exists and may be written.`,
      { cause: error },
    );
  }
}

/** Primary result codes that are the machine's fault, not the statement's: https://www.sqlite.org/rescode.html */
const MACHINE_ERRORS: ReadonlyMap<number, string> = new Map([
  [5, "it is locked by another process"],
  [8, "it is read-only"],
  [10, "reading or writing it failed"],
  [11, "the file is damaged"],
  [13, "the disk is full"],
  [14, "the file cannot be opened"],
  [26, "the file is no database"],
]);

function unavailable(error: unknown): StoreError | undefined {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return undefined;
  const why = MACHINE_ERRORS.get(error.errcode & 0xff);
  return why === undefined ? undefined : new StoreError(`The database cannot be used: ${why}.`, { cause: error });
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
