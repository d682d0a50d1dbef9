import type { AuditEntry, AuditOrigin, AuditResult } from "@stream-control/protocol";
import { sql } from "@stream-control/store";
import { type ChainedFields, entryHash } from "./chain.js";

/** An entry with its origin, as one statement reads them. */
export interface JoinedRow {
  seq: number;
  ts: string;
  type: string;
  subject: string;
  job_id: string | null;
  actor: string;
  result: AuditResult;
  message: string;
  data: string | null;
  hash: Uint8Array;
  origin_id: number | null;
  commitment: Uint8Array | null;
  salt: Uint8Array | null;
  origin_actor: string | null;
  name: string | null;
  address: string | null;
  user_agent: string | null;
  erased_at: string | null;
}

/** Entries `e` with their origins `o`. */
export const JOINED = sql`select e.seq, e.ts, e.type, coalesce(e.subject, 'job:' || e.job_id) as subject, e.job_id,
  e.actor, e.result, e.message, e.data, e.hash, e.origin_id, o.commitment, o.salt, o.actor as origin_actor, o.name,
  o.address, o.user_agent, o.erased_at
  from events e left join event_origins o on o.id = e.origin_id`;

export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

const chained = (row: JoinedRow): ChainedFields => ({
  ...{ seq: row.seq, ts: row.ts, type: row.type, subject: row.subject, jobId: row.job_id, actor: row.actor },
  originCommitment: row.commitment === null ? null : hexOf(row.commitment),
  ...{ result: row.result, message: row.message, data: row.data },
});

/** The hash that a row should have, if it follows on an entry with this one. */
export const hashOf = (previousHash: string, row: JoinedRow): string => entryHash(previousHash, chained(row));

export function toEntry(row: JoinedRow): AuditEntry {
  const { seq, ts, actor, type, subject, result, message, data, job_id: jobId } = row;
  return {
    ...{ seq, ts, actor, type, subject, result, message },
    ...(data === null ? {} : { data: JSON.parse(data) as Record<string, unknown> }),
    ...(jobId === null ? {} : { jobId }),
    ...(row.origin_id === null ? {} : { origin: originOf(row) }),
    hash: hexOf(row.hash),
  };
}

function originOf({ name, address, user_agent: userAgent, erased_at: erasedAt }: JoinedRow): AuditOrigin {
  if (erasedAt !== null) return { erased: true };
  return {
    ...(name === null ? {} : { name }),
    ...(address === null ? {} : { address }),
    ...(userAgent === null ? {} : { userAgent }),
  };
}

/**
 * An entry as the export has it: with everything that its hash covers, so that the export can be checked without the database.
 * `data` stays text, because the hash covers the text.
 */
export function toExportLine(row: JoinedRow, previousHash: string): string {
  const { originCommitment, jobId, ...fields } = chained(row);
  const origin = row.origin_id === null ? {} : { origin: originOf(row) };
  const salt = row.salt === null ? {} : { originSalt: hexOf(row.salt) };
  const line = { ...fields, jobId, ...origin, originCommitment, ...salt, prev: previousHash, hash: hexOf(row.hash) };
  return `${JSON.stringify(line)}\n`;
}
