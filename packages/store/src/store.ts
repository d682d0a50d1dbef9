import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Kysely, sql, type Transaction } from "kysely";
import type { Migration } from "kysely/migration";
import { StoreError } from "./errors.js";
import { GroupCommit } from "./group-commit.js";
import { migrate } from "./migrate.js";
import { NodeSqliteDialect } from "./sqlite-dialect.js";

export interface StoreOptions {
  /** Path of the SQLite file; its folder is made where it is missing. */
  file: string;
  /** Every migration by name, applied in the order of their names, each once. */
  migrations: Record<string, Migration>;
}

/** What differs between the databases. */
export interface Engine<Tables> {
  readonly kind: "sqlite" | "postgres";
  write<T>(operation: (tx: Transaction<Tables>) => Promise<T>): Promise<T>;
  /** Resolves once every write that was handed in has settled. */
  idle(): Promise<void>;
  /** Why the machine, not the statement, is at fault; undefined where it is the statement. */
  fault(error: unknown): string | undefined;
  scrub(): Promise<void>;
  checkpoint(): Promise<void>;
}

/** One database handle. Reads go through `db` or `read`, writes that a caller waits for through `write`. */
export class Store<Tables> {
  constructor(
    readonly db: Kysely<Tables>,
    private readonly engine: Engine<Tables>,
  ) {}

  get kind(): "sqlite" | "postgres" {
    return this.engine.kind;
  }

  /**
   * Runs an operation in a transaction. Resolves when the commit is on disk. Inside, use only the handle that is passed, and do
   * nothing but read and write through it: the operation may be run again.
   *
   * SQLite: operations run one after another, in the order in which they were handed in, and may share a commit; see
   * {@link GroupCommit}. PostgreSQL: each has a transaction of its own, many at a time and from several processes, so that what is
   * read in order to be changed must be locked by {@link forUpdate}.
   *
   * @throws StoreError when the database cannot be written now, such as on a full disk.
   */
  write<T>(operation: (tx: Transaction<Tables>) => Promise<T>): Promise<T> {
    return this.told(() => this.engine.write(operation));
  }

  /** @throws StoreError when the database cannot be read now. */
  read<T>(query: (db: Kysely<Tables>) => Promise<T>): Promise<T> {
    return this.told(() => query(this.db));
  }

  /**
   * Locks the rows that a query of a write finds until its commit, so that nobody changes them meanwhile. On SQLite, which has one
   * writer at a time, it is the query as it is.
   */
  forUpdate<Query extends { forUpdate(): Query }>(query: Query): Query {
    return this.engine.kind === "postgres" ? query.forUpdate() : query;
  }

  /**
   * Rewrites the database, so that nothing of what was overwritten or deleted can be found in its files: both databases leave it
   * where it was until the place is needed (https://www.sqlite.org/lang_vacuum.html). Takes as long as copying them; other
   * statements wait meanwhile.
   *
   * @throws StoreError when there is no room for the copy.
   */
  async scrub(): Promise<void> {
    await this.told(async () => {
      await this.engine.idle();
      await this.engine.scrub();
    });
  }

  /** The same handle, for a part that knows only its own tables of this database. */
  part<Part extends Partial<Tables>>(): Store<Part> {
    // Sound because a Store of more tables does everything that one of fewer does; Kysely's types cannot say so.
    return this as unknown as Store<Part>;
  }

  /**
   * Moves everything that was committed from the write-ahead log into the database file and empties the log: what was
   * overwritten or deleted there is then in neither. PostgreSQL does so by itself.
   */
  async checkpoint(): Promise<void> {
    await this.engine.checkpoint();
  }

  /** Waits for every write, then closes the database. */
  async close(): Promise<void> {
    await this.engine.idle();
    await this.db.destroy();
  }

  private async told<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const why = this.engine.fault(error);
      throw why === undefined ? error : new StoreError(`The database cannot be used: ${why}.`, { cause: error });
    }
  }
}

class SqliteEngine<Tables> implements Engine<Tables> {
  readonly kind = "sqlite";
  private readonly commits: GroupCommit<Transaction<Tables>>;

  constructor(private readonly db: Kysely<Tables>) {
    this.commits = new GroupCommit((work) => db.transaction().execute(work));
  }

  write<T>(operation: (tx: Transaction<Tables>) => Promise<T>): Promise<T> {
    return this.commits.write(operation);
  }

  idle(): Promise<void> {
    return this.commits.idle();
  }

  fault(error: unknown): string | undefined {
    const code = (error as { errcode?: unknown } | null | undefined)?.errcode;
    return typeof code === "number" ? MACHINE_ERRORS.get(code & 0xff) : undefined;
  }

  async scrub(): Promise<void> {
    await sql`vacuum`.execute(this.db);
    await this.checkpoint();
  }

  async checkpoint(): Promise<void> {
    await sql`pragma wal_checkpoint(truncate)`.execute(this.db);
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
  await migrate(db, migrations, file);
  return new Store(db, new SqliteEngine(db));
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
    const message = error instanceof Error ? error.message : String(error);
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
