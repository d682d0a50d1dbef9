import type { AuditResult, JsonObject, LogHead } from "@stream-control/protocol";
import { CompiledQuery, sql } from "@stream-control/store";
import type { Caller } from "../http/caller.js";
import { entryHash, storable } from "./chain.js";
import type { Executor, LogStore } from "./executor.js";
import { Origins } from "./origins.js";

interface Said {
  /** Who does it: `currentCaller()`, asked before the write was queued. */
  by: Caller;
  /** What was done, such as `template.changed`. */
  type: string;
  /** A sentence for a person. Neither secrets nor personal data: what is in an entry stays. */
  message: string;
  result?: AuditResult | undefined;
  data?: JsonObject | undefined;
}
/** An entry before it has its number: of a job's events, or about something else, named as `kind:id`. */
export type NewEntry = Said & ({ jobId: string } | { subject: string });

/** A place in the log, with the time at which it was written. */
export interface Appended extends LogHead {
  ts: string;
}

/**
 * The event log of a service: every fact in the order of the log, numbered without gaps, each bound by a hash to all before
 * it. Entries are written in the transaction of what they tell of, so that neither is there without the other.
 */
export class EventLog {
  readonly origins = new Origins();
  private readonly now: () => Date;
  private readonly insert: string;
  /** Where the log ends for a transaction. The next one reads it anew, so that a rollback leaves nothing behind. */
  private readonly heads = new WeakMap<Executor, LogHead>();

  constructor({ store, now = () => new Date() }: { store: Pick<LogStore, "db">; now?: () => Date }) {
    this.now = now;
    // Compiled once: building the statement anew costs more than running it.
    this.insert = sql`insert into events
      (seq, ts, type, subject, job_id, actor, origin_id, result, message, data, hash)
      values (${0}, ${0}, ${0}, ${0}, ${0}, ${0}, ${0}, ${0}, ${0}, ${0}, ${0})`.compile(store.db).sql;
  }

  /** Writes an entry behind all others. The transaction is one of the store that the log is in. */
  async append(tx: Executor, entry: NewEntry): Promise<Appended> {
    const head = this.heads.get(tx) ?? (await this.begin(tx));
    const origin = await this.origins.of(tx, entry.by);
    const seq = head.seq + 1;
    const ts = this.now().toISOString();
    const type = storable(entry.type);
    const jobId = "jobId" in entry ? storable(entry.jobId) : null;
    const subject = "subject" in entry ? storable(entry.subject) : null;
    const actor = storable(entry.by.actor);
    const message = storable(entry.message);
    const data = entry.data === undefined ? null : JSON.stringify(entry.data);
    const result = entry.result ?? "ok";
    const hash = entryHash(head.hash, {
      ...{ seq, ts, type, subject: subject ?? `job:${jobId}`, jobId, actor },
      ...{ originCommitment: origin?.commitment ?? null, result, message, data },
    });
    const row = [seq, ts, type, subject, jobId, actor, origin?.id ?? null, result, message, data];
    await tx.executeQuery(CompiledQuery.raw(this.insert, [...row, Buffer.from(hash, "hex")]));
    this.heads.set(tx, { seq, hash });
    return { seq, hash, ts };
  }

  private async begin(tx: Executor): Promise<LogHead> {
    await this.origins.begin(tx);
    return readHead(tx);
  }
}

/** Number and hash of the newest entry; of the last pruned one where none is left. */
export async function readHead(db: Executor): Promise<LogHead> {
  const newest = await sql<{ seq: number; hash: Uint8Array }>`select seq, hash from events
    order by seq desc limit 1`.execute(db);
  return toHead(newest.rows[0]) ?? (await readAnchor(db));
}

/** What the oldest kept entry follows on, and up to where entries may be deleted. */
export async function readAnchor(db: Executor): Promise<LogHead & { prunable: number }> {
  const { rows } = await sql<{ seq: number; hash: Uint8Array; prunable: number }>`select
    anchor_seq as seq, anchor_hash as hash, prunable_seq as prunable from event_chain`.execute(db);
  const head = toHead(rows[0]);
  if (head === undefined || rows[0] === undefined)
    throw new Error("The event log has lost its anchor (event_chain is empty).");
  return { ...head, prunable: rows[0].prunable };
}

const toHead = (row: { seq: number; hash: Uint8Array } | undefined): LogHead | undefined =>
  row === undefined ? undefined : { seq: row.seq, hash: Buffer.from(row.hash).toString("hex") };
