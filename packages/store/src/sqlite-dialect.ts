import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import {
  CompiledQuery,
  type DatabaseConnection,
  type DialectAdapter,
  type Driver,
  SqliteAdapter,
  type SqliteDatabase,
  SqliteDialect,
  type SqliteStatement,
} from "kysely";

/**
 * Kysely's SQLite dialect on Node's own `node:sqlite`.
 *
 * Statements are prepared once per SQL text and kept: a grouped commit runs the same few statements hundreds of times.
 */
export class NodeSqliteDialect extends SqliteDialect {
  constructor(private readonly database: DatabaseSync) {
    super({ database: new PreparingDatabase(database) });
  }

  /**
   * Transactions take the write lock at their start: a deferred one that reads first and writes later fails with
   * SQLITE_BUSY without waiting for the busy timeout (https://www.sqlite.org/lang_transaction.html).
   */
  override createDriver(): Driver {
    const driver = super.createDriver();
    driver.beginTransaction = async (connection: DatabaseConnection) => {
      await connection.executeQuery(CompiledQuery.raw("begin immediate"));
    };
    // SQLite has rolled back by itself after a full disk and the like (https://www.sqlite.org/lang_transaction.html); to do
    // it again is an error, which would hide the one that tells what happened.
    driver.rollbackTransaction = async (connection: DatabaseConnection) => {
      if (this.database.isTransaction) await connection.executeQuery(CompiledQuery.raw("rollback"));
    };
    return driver;
  }

  override createAdapter(): DialectAdapter {
    return new TransactionalDdlAdapter();
  }
}

/** Lets a migration run in a transaction, which Kysely leaves out for SQLite although it can: half of one is worse than none. */
class TransactionalDdlAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

/** SQL texts come from code, not from users, so they are few; the bound only guards against a mistake. */
const MAX_PREPARED = 1000;

class PreparingDatabase implements SqliteDatabase {
  private readonly prepared = new Map<string, SqliteStatement>();

  constructor(private readonly database: DatabaseSync) {}

  prepare(sql: string): SqliteStatement {
    const known = this.prepared.get(sql);
    if (known !== undefined) return known;
    const statement = asKyselyStatement(this.database.prepare(sql));
    if (this.prepared.size >= MAX_PREPARED) this.prepared.clear();
    this.prepared.set(sql, statement);
    return statement;
  }

  close(): void {
    this.prepared.clear();
    this.database.close();
  }
}

function asKyselyStatement(statement: StatementSync): SqliteStatement {
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...parameters.map(bindable)),
    run: (parameters) => statement.run(...parameters.map(bindable)),
    iterate: (parameters) => statement.iterate(...parameters.map(bindable)),
  };
}

/**
 * Makes a value one that SQLite can hold. `node:sqlite` would take a plain object or a Date in first place for named
 * parameters and store NULL without a word, so both are refused here.
 */
function bindable(value: unknown): SQLInputValue {
  if (value === undefined) return null;
  if (typeof value === "boolean") return value ? 1 : 0;
  if (value === null || typeof value === "number" || typeof value === "bigint" || typeof value === "string")
    return value;
  if (ArrayBuffer.isView(value)) return value as Uint8Array;
  throw new TypeError(`A ${value instanceof Date ? "Date" : typeof value} cannot be stored; convert it first.`);
}
