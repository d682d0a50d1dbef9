import { Kysely, PostgresDialect, sql, type Transaction } from "kysely";
import type { Migration } from "kysely/migration";
import { Client, type ClientConfig, Pool, types } from "pg";
import { StoreError } from "./errors.js";
import { migrate } from "./migrate.js";
import { type Engine, Store } from "./store.js";

export interface PostgresStoreOptions {
  /** `postgres://user:password@host:port/database`; `?sslmode=verify-full` for TLS. */
  url: string;
  /** Every migration by name, applied in the order of their names, each once, whoever else starts at the same time. */
  migrations: Record<string, Migration>;
  /** Connections at most. */
  connections?: number;
  /** Who this is, as the server shows its sessions. */
  name?: string;
}

/** "Stream" in ASCII: only one process at a time brings the tables of a database up to date. */
const MIGRATION_LOCK = 0x53747265;
const CONNECT_TIMEOUT_MS = 5000;
/** A server that is frozen answers nothing, and whoever waits must be told. */
const QUERY_TIMEOUT_MS = 20_000;
/** Deadlocks and lost races end one of the two, who is to try again: https://www.postgresql.org/docs/current/mvcc-serialization-failure-handling.html */
const TRY_AGAIN = new Set(["40001", "40P01"]);
const TRIES = 12;

/**
 * Opens a PostgreSQL database, which several processes may use at the same time, and brings its tables up to date.
 *
 * What is acknowledged is on disk as far as the server's `synchronous_commit` says. Numbers of 64 bits come as numbers, as from
 * SQLite, and are exact up to 2^53.
 *
 * @throws StoreError when the server does not answer or refuses, or a migration fails.
 */
export async function openPostgresStore<Tables>(options: PostgresStoreOptions): Promise<Store<Tables>> {
  const { url, migrations, connections = 10, name = "stream-control" } = options;
  const config: ClientConfig = {
    connectionString: url,
    application_name: name,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    types: { getTypeParser: parserOf },
  };
  const where = shown(url);
  const lock = new Client(config);
  // Told by whatever waits for an answer; without a listener an error would end the process.
  lock.on("error", () => undefined);
  try {
    await lock.connect();
    await lock.query("select pg_advisory_lock($1)", [MIGRATION_LOCK]);
  } catch (cause) {
    await lock.end().catch(() => undefined);
    const why = machineFault(cause) ?? messageOf(cause);
    throw new StoreError(`PostgreSQL at ${where} cannot be used: ${why}. Check DATABASE_URL and that it runs.`, {
      cause,
    });
  }
  try {
    const pool = new Pool({ ...config, max: connections, query_timeout: QUERY_TIMEOUT_MS });
    // A connection that is lost while nobody uses it is replaced with the next statement.
    pool.on("error", () => undefined);
    const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
    await migrate(db, migrations, where);
    return new Store(db, new PostgresEngine(db, Math.max(1, connections - 2)));
  } finally {
    await lock.end().catch(() => undefined);
  }
}

class PostgresEngine<Tables> implements Engine<Tables> {
  readonly kind = "postgres";
  private readonly running = new Set<Promise<unknown>>();

  private readonly waiting: (() => void)[] = [];
  private busy = 0;

  /** @param atATime writes at a time, which leaves connections for readers; the others wait their turn. */
  constructor(
    private readonly db: Kysely<Tables>,
    private readonly atATime: number,
  ) {}

  /**
   * One transaction for each: the server lets those that commit together share one sync by itself, and a group of ours would hold
   * the locks of all its rows for as long as the slowest takes.
   */
  async write<T>(operation: (tx: Transaction<Tables>) => Promise<T>): Promise<T> {
    const work = this.inTurn(() => this.attempt(operation));
    this.running.add(work);
    try {
      return await work;
    } finally {
      this.running.delete(work);
    }
  }

  async idle(): Promise<void> {
    while (this.running.size > 0) await Promise.allSettled(this.running);
  }

  fault(error: unknown): string | undefined {
    return machineFault(error);
  }

  async scrub(): Promise<void> {
    await sql`vacuum (full)`.execute(this.db);
  }

  async checkpoint(): Promise<void> {}

  /** The pool would let whoever waits too long for a connection fail as if the server were away. */
  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.busy >= this.atATime) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.busy += 1;
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.busy -= 1;
      else next();
    }
  }

  private async attempt<T>(operation: (tx: Transaction<Tables>) => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.db.transaction().execute(operation);
      } catch (error) {
        if (tries === TRIES || !TRY_AGAIN.has(codeOf(error) ?? "")) throw error;
        await new Promise((resolve) => setTimeout(resolve, Math.min(400, 2 ** tries * 5) * Math.random()));
      }
    }
  }
}

/** 64-bit integers as numbers. */
const INT8 = 20;
const parserOf: typeof types.getTypeParser = ((oid: number, format?: "text") =>
  oid === INT8 ? Number : types.getTypeParser(oid, format)) as typeof types.getTypeParser;

const codeOf = (error: unknown): string | undefined => {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : undefined;
};

const messageOf = (error: unknown): string =>
  String((error as { message?: unknown } | null | undefined)?.message ?? error);

/** Classes and codes that are the server's or the network's fault: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const MACHINE_FAULTS: readonly (readonly [RegExp, string])[] = [
  [/^(ECONNREFUSED|ENOTFOUND|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN|ETIMEDOUT)$/, "the server cannot be reached"],
  [/^(ECONNRESET|EPIPE|08...|57P0[1-5])$/, "the connection to it was lost"],
  [/^53100$/, "its disk is full"],
  [/^53...$/, "it is short of connections or memory"],
  [/^25006$/, "it is read-only"],
  [/^58...$/, "reading or writing its files failed"],
  [/^28...$/, "it refuses this user or password"],
  [/^3D000$/, "it has no database of this name"],
];

function machineFault(error: unknown): string | undefined {
  const code = codeOf(error);
  if (code !== undefined) return MACHINE_FAULTS.find(([pattern]) => pattern.test(code))?.[1];
  // The client's own errors have no code.
  if (/timeout/i.test(messageOf(error))) return "the server does not answer in time";
  return /connection (was |is )?(terminated|ended|closed)|not queryable|driver has already been destroyed/i.test(
    messageOf(error),
  )
    ? "the connection to it was lost"
    : undefined;
}

/** What of an address may be shown. */
function shown(url: string): string {
  try {
    const { host, pathname } = new URL(url);
    return `${host}${pathname}`;
  } catch {
    return "DATABASE_URL";
  }
}
