export {
  CompiledQuery,
  type Generated,
  type Insertable,
  type Kysely,
  type QueryResult,
  type RawBuilder,
  type Selectable,
  sql,
  type Transaction,
} from "kysely";
export type { Migration } from "kysely/migration";
export { StoreError } from "./errors.js";
export { GroupCommit, type RunTransaction } from "./group-commit.js";
export { type Engine, openStore, Store, type StoreOptions } from "./store.js";
