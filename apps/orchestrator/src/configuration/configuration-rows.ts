import type { JsonObject } from "@stream-control/protocol";
import type { Kysely, Store, Transaction } from "@stream-control/store";
import type { Tables } from "../store/tables.js";
import { knownIn, type Values } from "./catalogue.js";

/** What was set through the interface, as it is stored. */
export interface StoredConfiguration {
  values: Values;
  version: number;
  updatedAt: string | null;
}

const ID = "runtime";

/** The layer of what was set through the interface, in the store. */
export class ConfigurationRows {
  constructor(private readonly db: Store<Tables>["db"]) {}

  async read(tx: Kysely<Tables> | Transaction<Tables> = this.db): Promise<StoredConfiguration> {
    const row = await tx.selectFrom("configuration").selectAll().where("id", "=", ID).executeTakeFirst();
    if (row === undefined) return { values: new Map(), version: 0, updatedAt: null };
    return {
      values: knownIn(JSON.parse(row.value) as JsonObject),
      version: row.version,
      updatedAt: row.updated_at,
    };
  }

  async write(tx: Transaction<Tables>, { values, version, updatedAt }: StoredConfiguration): Promise<void> {
    const row = { value: JSON.stringify(Object.fromEntries(values)), version, updated_at: updatedAt ?? "" };
    await tx
      .insertInto("configuration")
      .values({ id: ID, ...row })
      .onConflict((conflict) => conflict.column("id").doUpdateSet(row))
      .execute();
  }
}
