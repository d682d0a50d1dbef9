import type { LogHead } from "@stream-control/protocol";
import { sql } from "@stream-control/store";
import { SYSTEM } from "../http/caller.js";
import { LOG_SUBJECT, PRUNED } from "./announcements.js";
import { type EventLog, readAnchor, readHead } from "./event-log.js";
import type { Executor, LogStore } from "./executor.js";
import { turn } from "./turn.js";

/** Entries that are looked at, and that are deleted, in one go: some milliseconds each. */
const LOOK = 2000;
const BATCH = 500;

/**
 * Deletes the oldest entries of the log. First the log says what will be deleted, then it is, in batches, each with the anchor
 * that the rest follows on: whenever it is interrupted, the log checks, and the next run goes on.
 */
export class LogRetention {
  constructor(private readonly deps: { store: LogStore; log: EventLog }) {}

  /**
   * Prunes what was written before a moment: the entries from the beginning up to the first that is younger.
   *
   * @returns how many entries were deleted.
   */
  async prune(before: Date, signal?: AbortSignal): Promise<number> {
    const { db } = this.deps.store;
    const { seq: from, prunable } = await readAnchor(db);
    const through = await this.lastBefore(before.toISOString());
    if (through !== undefined && through.seq > prunable) await this.announce(through, before);
    let deleted = 0;
    for (let more = true; more && signal?.aborted !== true; ) {
      const batch = await this.deps.store.write((tx) => deleteBatch(tx));
      deleted += batch;
      more = batch > 0;
      await turn();
    }
    if (deleted > 0) await this.sweepOrigins(from);
    return deleted;
  }

  /** The newest of the entries that are all older than a moment. */
  private async lastBefore(moment: string): Promise<LogHead | undefined> {
    const { db } = this.deps.store;
    const { seq: last } = await readHead(db);
    const anchor = await readAnchor(db);
    let through = anchor.seq;
    while (through < last) {
      const high = Math.min(through + LOOK, last);
      const { rows } = await sql<{ seq: number | null }>`select min(seq) as seq from events
        where seq > ${through} and seq <= ${high} and ts >= ${moment}`.execute(db);
      const younger = rows[0]?.seq ?? undefined;
      through = younger === undefined ? high : younger - 1;
      if (younger !== undefined) break;
      await turn();
    }
    const { rows } = await sql<{ hash: Uint8Array }>`select hash from events where seq = ${through}`.execute(db);
    return rows[0] === undefined ? undefined : { seq: through, hash: Buffer.from(rows[0].hash).toString("hex") };
  }

  private async announce({ seq, hash }: LogHead, before: Date): Promise<void> {
    await this.deps.store.write(async (tx) => {
      const data = { throughSeq: seq, throughHash: hash, olderThan: before.toISOString() };
      const message = `Entries up to ${seq} are deleted by retention.`;
      await this.deps.log.append(tx, { by: SYSTEM, type: PRUNED, subject: LOG_SUBJECT, message, data });
      await sql`update event_chain set prunable_seq = ${seq}`.execute(tx);
    });
  }

  /** Deletes origins that no entry refers to any more. */
  private async sweepOrigins(from: number): Promise<void> {
    const { store, log } = this.deps;
    const candidates = await sql<{ id: number }>`select id from event_origins`.execute(store.db);
    const unused = new Set(candidates.rows.map(({ id }) => id));
    const { seq: last } = await readHead(store.db);
    for (let at = from; at < last && unused.size > 0; at += LOOK) {
      for (const id of await originsIn(store.db, at, Math.min(at + LOOK, last))) unused.delete(id);
      await turn();
    }
    if (unused.size === 0) return;
    await store.write(async (tx) => {
      // Entries may have come meanwhile that refer to one of them.
      for (const id of await originsIn(tx, last, Number.MAX_SAFE_INTEGER)) unused.delete(id);
      for (const id of unused) await sql`delete from event_origins where id = ${id}`.execute(tx);
      log.origins.forget();
    });
  }
}

async function deleteBatch(tx: Executor): Promise<number> {
  const { seq, prunable } = await readAnchor(tx);
  const through = Math.min(seq + BATCH, prunable);
  if (through <= seq) return 0;
  await sql`update event_chain set anchor_seq = ${through},
    anchor_hash = (select hash from events where seq = ${through})`.execute(tx);
  await sql`delete from events where seq > ${seq} and seq <= ${through}`.execute(tx);
  return through - seq;
}

async function originsIn(db: Executor, after: number, through: number): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`select distinct origin_id as id from events
    where seq > ${after} and seq <= ${through} and origin_id is not null`.execute(db);
  return rows.map(({ id }) => id);
}
