import { hash } from "node:crypto";
import type { AuditResult, LogHead } from "@stream-control/protocol";

/** What the first entry ever follows on. */
export const BEGINNING: LogHead = { seq: 0, hash: "0".repeat(64) };

/** Everything of an entry that its hash covers, as it is stored. */
export interface ChainedFields {
  seq: number;
  ts: string;
  type: string;
  subject: string;
  jobId: string | null;
  actor: string;
  /** Hexadecimal; null where nothing is known of where the actor was. */
  originCommitment: string | null;
  result: AuditResult;
  message: string;
  /** JSON, as text: another order of its fields would be another hash. */
  data: string | null;
}

/**
 * The hash of an entry, in hexadecimal: SHA-256 over a JSON array of strings, numbers and nulls, so that two different entries
 * never have the same text and any language can make it. Entries that exist depend on it: it never changes, and another
 * encoding gets another name in first place.
 */
export function entryHash(previousHash: string, entry: ChainedFields): string {
  const { seq, ts, type, subject, jobId, actor, originCommitment, result, message, data } = entry;
  const covered = [previousHash, seq, ts, type, subject, jobId, actor, originCommitment, result, message, data];
  return hash("sha256", JSON.stringify(["stream-control/event/1", ...covered]), "hex");
}

/** What is known of where somebody acted from. */
export interface OriginFacts {
  actor: string;
  name: string | null;
  address: string | null;
  userAgent: string | null;
}

/**
 * Binds an entry to an origin without telling it: without the salt, which is erased together with the facts, not even trying
 * out every address there is finds the right one.
 *
 * @param salt hexadecimal.
 */
export function originCommitment(salt: string, { actor, name, address, userAgent }: OriginFacts): string {
  return hash("sha256", JSON.stringify(["stream-control/origin/1", salt, actor, name, address, userAgent]), "hex");
}

/** What SQLite stores of a text and gives back: lone surrogates, which UTF-8 has no form for, are replaced. */
export const storable = (text: string): string => text.toWellFormed();
