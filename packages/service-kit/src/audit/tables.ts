import type { AuditResult } from "@stream-control/protocol";
import { type Migration, sql } from "@stream-control/store";

/** The event log. The hash of an entry covers everything in its row and the hash of the one before it. */
export interface EventTable {
  /** Without a gap; given by the log, not by the database. */
  seq: number;
  ts: string;
  type: string;
  /** What it was done to, as `kind:id`; null stands for `job:` and the job's id. */
  subject: string | null;
  /** Of the events of a job. */
  job_id: string | null;
  actor: string;
  origin_id: number | null;
  result: AuditResult;
  message: string;
  data: string | null;
  hash: Uint8Array;
}

/** Where actors were: the personal data of the log, which may be erased. What is left vouches for nothing but itself. */
export interface EventOriginTable {
  id: number;
  /** Stays when all else is erased: the hashes of entries cover it. */
  commitment: Uint8Array;
  salt: Uint8Array | null;
  actor: string;
  name: string | null;
  address: string | null;
  user_agent: string | null;
  erased_at: string | null;
}

/** One row: where the log begins by now. */
export interface EventChainTable {
  id: 1;
  /** Number and hash of the last entry that was pruned; {@link BEGINNING} as long as none was. */
  anchor_seq: number;
  anchor_hash: Uint8Array;
  /** Entries up to this one may be deleted; the log has an entry that says so. */
  prunable_seq: number;
}

/** What a service's tables need for an event log. */
export interface EventLogTables {
  events: EventTable;
  event_origins: EventOriginTable;
  event_chain: EventChainTable;
}

/**
 * Makes the tables of an event log. It has shipped: later changes are migrations of their own.
 *
 * The triggers guard against mistakes in the program, not against whoever can write to the file.
 */
export const eventLogMigration: Migration = {
  async up(db) {
    await sql`create table events (
      seq integer primary key,
      ts text not null,
      type text not null,
      subject text,
      job_id text,
      actor text not null,
      origin_id integer,
      result text not null,
      message text not null,
      data text,
      hash blob not null,
      check (subject is not null or job_id is not null)
    )`.execute(db);
    await sql`create index events_job on events (job_id, seq) where job_id is not null`.execute(db);
    await sql`create table event_origins (
      id integer primary key,
      commitment blob not null,
      salt blob,
      actor text not null,
      name text,
      address text,
      user_agent text,
      erased_at text
    )`.execute(db);
    await sql`create index event_origins_actor on event_origins (actor)`.execute(db);
    await sql`create index event_origins_address on event_origins (address) where address is not null`.execute(db);
    await sql`create table event_chain (
      id integer primary key check (id = 1),
      anchor_seq integer not null,
      anchor_hash blob not null,
      prunable_seq integer not null
    )`.execute(db);
    await sql`insert into event_chain values (1, 0, ${new Uint8Array(32)}, 0)`.execute(db);
    await sql`create trigger events_stay before update on events begin
      select raise(abort, 'The event log is append-only.');
    end`.execute(db);
    await sql`create trigger events_are_kept before delete on events
      when old.seq > (select prunable_seq from event_chain) begin
      select raise(abort, 'The event log is append-only; only what its retention has announced may be deleted.');
    end`.execute(db);
  },
};
