import { type Selectable, type Store, sql, type Transaction } from "@stream-control/store";
import type { SealedColumns } from "../secrets/sealed-columns.js";
import type { Tables, WebhookTable } from "../store/tables.js";
import type { Hook } from "./hook.js";

const TABLE = "webhooks";
type Row = Selectable<WebhookTable>;

/** What of a webhook changes while it works. */
export type HookProgress = Partial<
  Pick<Hook, "enabled" | "cursor" | "holdUntil" | "lastDeliveryAt" | "failingSince" | "disabledReason">
>;

/** Webhooks in the store; their addresses and secrets are encrypted. */
export class HookRows {
  constructor(
    private readonly store: Store<Tables>,
    private readonly sealed: SealedColumns,
  ) {}

  async all(): Promise<Hook[]> {
    const rows = await this.store.db.selectFrom(TABLE).selectAll().orderBy("created_at").orderBy("id").execute();
    return rows.map((row) => this.opened(row));
  }

  async insert(tx: Transaction<Tables>, hook: Hook): Promise<void> {
    await tx.insertInto(TABLE).values(this.stored(hook)).execute();
  }

  /** Writes what admins decide. */
  async save(tx: Transaction<Tables>, hook: Hook): Promise<void> {
    const { id, url, events, secrets, enabled, description, updated_at } = this.stored(hook);
    const row = { url, events, secrets, enabled, description, updated_at };
    await tx.updateTable(TABLE).set(row).where("id", "=", id).execute();
  }

  async isEnabled(tx: Transaction<Tables>, id: string): Promise<boolean> {
    const row = await tx.selectFrom(TABLE).select("enabled").where("id", "=", id).executeTakeFirst();
    return row?.enabled === 1;
  }

  /** Writes what has changed by itself, and leaves alone what an admin may be changing. */
  async note(tx: Transaction<Tables>, id: string, changes: HookProgress): Promise<void> {
    const { enabled, cursor, holdUntil, lastDeliveryAt, failingSince, disabledReason } = changes;
    // It never goes back, whoever has noted one meanwhile.
    if (cursor !== undefined)
      await sql`update webhooks set cursor_seq = max(cursor_seq, ${cursor}) where id = ${id}`.execute(tx);
    const row: Partial<Row> = {
      ...(enabled === undefined ? {} : { enabled: enabled ? 1 : 0 }),
      ...(holdUntil === undefined ? {} : { hold_until: holdUntil }),
      ...(lastDeliveryAt === undefined ? {} : { last_delivery_at: lastDeliveryAt }),
      ...(failingSince === undefined ? {} : { failing_since: failingSince }),
      ...(disabledReason === undefined ? {} : { disabled_reason: disabledReason }),
    };
    if (Object.keys(row).length === 0) return;
    await tx.updateTable(TABLE).set(row).where("id", "=", id).execute();
  }

  async remove(tx: Transaction<Tables>, id: string): Promise<void> {
    await tx.deleteFrom(TABLE).where("id", "=", id).execute();
  }

  private stored(hook: Hook): Row {
    const { id } = hook;
    return {
      ...{ id, room: hook.room, events: JSON.stringify(hook.events), enabled: hook.enabled ? 1 : 0 },
      url: this.sealed.sealText(TABLE, "url", id, hook.url),
      secrets: this.sealed.sealText(TABLE, "secrets", id, JSON.stringify(hook.secrets)),
      ...{ description: hook.description, created_at: hook.createdAt, updated_at: hook.updatedAt },
      ...{ cursor_seq: hook.cursor, hold_until: hook.holdUntil, last_delivery_at: hook.lastDeliveryAt },
      ...{ failing_since: hook.failingSince, disabled_reason: hook.disabledReason },
    };
  }

  private opened(row: Row): Hook {
    const { id } = row;
    return {
      ...{ id, room: row.room, events: JSON.parse(row.events) as string[], enabled: row.enabled === 1 },
      url: this.sealed.openText(TABLE, "url", id, row.url),
      secrets: JSON.parse(this.sealed.openText(TABLE, "secrets", id, row.secrets)) as string[],
      ...{ description: row.description, createdAt: row.created_at, updatedAt: row.updated_at },
      ...{ cursor: row.cursor_seq, holdUntil: row.hold_until, lastDeliveryAt: row.last_delivery_at },
      ...{ failingSince: row.failing_since, disabledReason: row.disabled_reason },
    };
  }
}
