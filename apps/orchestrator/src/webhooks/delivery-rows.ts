import type { DeliveryStatus, Page } from "@stream-control/protocol";
import { decodeCursor, encodeCursor } from "@stream-control/service-kit/http";
import { type Store, sql, type Transaction } from "@stream-control/store";
import type { Tables } from "../store/tables.js";
import type { DeliveryRow } from "./delivery.js";

const TABLE = "webhook_deliveries";
/** Rows that are deleted at once. */
const PRUNE_BATCH = 500;

/** Deliveries of a webhook of which some are looked at. */
export interface DeliveryFilter {
  webhookId: string;
  status?: readonly DeliveryStatus[] | undefined;
  limit: number;
  cursor?: string | undefined;
}

/** Deliveries in the store. */
export class DeliveryRows {
  constructor(private readonly store: Store<Tables>) {}

  async insert(tx: Transaction<Tables>, rows: readonly Omit<DeliveryRow, "seq">[]): Promise<void> {
    if (rows.length > 0) await tx.insertInto(TABLE).values(rows).execute();
  }

  /** One page, the newest first. */
  async page({ webhookId, status, limit, cursor }: DeliveryFilter): Promise<Page<DeliveryRow>> {
    let query = this.store.db.selectFrom(TABLE).selectAll().where("webhook_id", "=", webhookId);
    if (status !== undefined) query = query.where("status", "in", status);
    if (cursor !== undefined) query = query.where("seq", "<", decodeCursor(cursor));
    const items = await query
      .orderBy("seq", "desc")
      .limit(limit + 1)
      .execute();
    const more = items.length > limit;
    const shown = items.slice(0, limit);
    return { items: shown, nextCursor: more ? encodeCursor(shown.at(-1)?.seq ?? 0) : null };
  }

  async byId(webhookId: string, id: string): Promise<DeliveryRow | undefined> {
    const query = this.store.db.selectFrom(TABLE).selectAll().where("id", "=", id);
    return query.where("webhook_id", "=", webhookId).executeTakeFirst();
  }

  async pendingCount(webhookId: string): Promise<number> {
    const { rows } = await sql<{ n: number }>`select count(*) as n from webhook_deliveries
      where webhook_id = ${webhookId} and status = 'pending'`.execute(this.store.db);
    return rows[0]?.n ?? 0;
  }

  /**
   * The oldest that is due. One that has failed less than `patience` times holds back what came after it of its job, so that
   * the receiver is told in order.
   */
  async nextDue(webhookId: string, now: string, patience: number): Promise<DeliveryRow | undefined> {
    const { rows } = await sql<DeliveryRow>`select * from webhook_deliveries d
      where webhook_id = ${webhookId} and status = 'pending' and next_attempt_at <= ${now}
      and ${notHeldBack(webhookId, patience)}
      order by seq limit 1`.execute(this.store.db);
    return rows[0];
  }

  /** When the next one that is not held back is due; null where none is pending. */
  async nextMoment(webhookId: string, patience: number): Promise<string | null> {
    const { rows } = await sql<{ at: string | null }>`select min(next_attempt_at) as at from webhook_deliveries d
      where webhook_id = ${webhookId} and status = 'pending'
      and ${notHeldBack(webhookId, patience)}`.execute(this.store.db);
    return rows[0]?.at ?? null;
  }

  async update(tx: Transaction<Tables>, seq: number, changes: Partial<DeliveryRow>): Promise<void> {
    await tx.updateTable(TABLE).set(changes).where("seq", "=", seq).execute();
  }

  /** The same for one that is still pending: it may have been given up while it was tried. */
  async updatePending(tx: Transaction<Tables>, seq: number, changes: Partial<DeliveryRow>): Promise<void> {
    await tx.updateTable(TABLE).set(changes).where("seq", "=", seq).where("status", "=", "pending").execute();
  }

  /** The receiver is back: what waits for its next try is due now. */
  async makeDue(tx: Transaction<Tables>, webhookId: string, now: string): Promise<void> {
    await sql`update webhook_deliveries set next_attempt_at = ${now}
      where webhook_id = ${webhookId} and status = 'pending' and next_attempt_at > ${now}`.execute(tx);
  }

  /** Gives up everything that is pending. */
  async giveUp(tx: Transaction<Tables>, webhookId: string, error: string): Promise<void> {
    await sql`update webhook_deliveries set status = 'failed', next_attempt_at = null, error = coalesce(error, ${error})
      where webhook_id = ${webhookId} and status = 'pending'`.execute(tx);
  }

  async removeAll(tx: Transaction<Tables>, webhookId: string): Promise<void> {
    await tx.deleteFrom(TABLE).where("webhook_id", "=", webhookId).execute();
  }

  /** Forgets the oldest that are over, beyond so many. */
  async prune(webhookId: string, kept: number): Promise<void> {
    await this.store.write(async (tx) => {
      await sql`delete from webhook_deliveries where seq in (select seq from webhook_deliveries
        where webhook_id = ${webhookId} and status <> 'pending' and seq < (select seq from webhook_deliveries
          where webhook_id = ${webhookId} and status <> 'pending' order by seq desc limit 1 offset ${kept - 1})
        order by seq limit ${PRUNE_BATCH})`.execute(tx);
    });
  }
}

/** Of a delivery `d`: none of its job that came before is still on its first tries. */
const notHeldBack = (webhookId: string, patience: number) => sql`not exists (
  select 1 from webhook_deliveries o where o.webhook_id = ${webhookId} and o.status = 'pending'
  and o.seq < d.seq and o.job_id = d.job_id and o.attempts < ${patience})`;
