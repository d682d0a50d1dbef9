import type { CompiledQuery, QueryResult, RawBuilder } from "@stream-control/store";

/**
 * A database handle or a transaction, whatever tables the service has beside those of the log: the log's statements are plain
 * SQL, because the types of one service's tables are no business of another's.
 */
export type Executor = Parameters<RawBuilder<unknown>["execute"]>[0] & {
  executeQuery<R>(query: CompiledQuery<R>): Promise<QueryResult<R>>;
};

/** The part of a `Store` that the log needs. */
export interface LogStore {
  readonly db: Executor;
  write<T>(operation: (tx: Executor) => Promise<T>): Promise<T>;
  /** See `Store.checkpoint`. */
  checkpoint(): Promise<void>;
}
