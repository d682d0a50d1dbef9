import type { ChainProblem, ChainReport, LogHead } from "@stream-control/protocol";
import { sql } from "@stream-control/store";
import { ERASED, PRUNED } from "./announcements.js";
import { originCommitment } from "./chain.js";
import { readAnchor, readHead } from "./event-log.js";
import type { Executor } from "./executor.js";
import { hashOf, hexOf, JOINED, type JoinedRow } from "./rows.js";
import { turn } from "./turn.js";

/** Entries that are checked in one go. */
const STEP = 500;
/** Problems that a report names. */
const MAX_PROBLEMS = 100;

export interface VerifyOptions {
  /** A head that was noted down elsewhere: the log must still have it. */
  expect?: LogHead | undefined;
  /** Gives the check up. */
  signal?: AbortSignal | undefined;
  /** Called after every step. */
  onProgress?: (checked: number, of: number) => void;
}

/**
 * Checks every entry of the log against its hash, its predecessor and its origin, and the log's beginning against what
 * retention has announced. Entries may be appended and pruned meanwhile.
 *
 * That entries are missing at the end, or that the whole log was made anew, nothing inside it can show: give the head that was
 * noted down elsewhere as `expect`.
 */
export async function verifyLog(db: Executor, options: VerifyOptions = {}): Promise<ChainReport> {
  const { expect, signal, onProgress } = options;
  const check = new ChainCheck(await readAnchor(db), expect);
  const head = await readHead(db);
  const first = check.last.seq;
  while (check.last.seq < head.seq) {
    const { rows } = await sql<JoinedRow>`${JOINED} where e.seq > ${check.last.seq} and e.seq <= ${head.seq}
      order by e.seq limit ${STEP}`.execute(db);
    const anchor = await readAnchor(db);
    if (anchor.seq > check.last.seq) {
      // Retention was faster: it goes on with what is left.
      check.skipTo(anchor);
      continue;
    }
    if (rows.length === 0) check.missing(check.last.seq + 1, head.seq);
    for (const row of rows) check.entry(row);
    signal?.throwIfAborted();
    onProgress?.(check.last.seq - first, head.seq - first);
    await turn();
  }
  // What was erased while the check went on is announced behind the entries that it looked at.
  const late = await sql<JoinedRow>`${JOINED} where e.seq > ${head.seq} and e.type = ${ERASED}`.execute(db);
  for (const row of late.rows) check.announcement(row);
  const { seq } = await readAnchor(db);
  const before = await sql<{ seq: number }>`select seq from events where seq <= ${seq} limit 1`.execute(db);
  return check.report(head, before.rows[0]?.seq);
}

/** The state of a check between two entries. Knows no database. */
class ChainCheck {
  last: LogHead;
  private readonly anchor: LogHead;
  /** After an entry that is not what its hash says: what its hash should be, since it may be the hash that was changed. */
  private alternative: string | undefined;
  /** Entries before this one are not there, so that nothing is known of what it follows on. */
  private adrift = false;
  private entries = 0;
  private readonly problems: ChainProblem[] = [];
  private problemCount = 0;
  /** Up to which entry the log says that it was pruned, and how many origins it says were erased. */
  private prunedThrough = 0;
  private erasures = 0;
  private expectation: "open" | "met" | "wrong" = "open";
  private readonly checkedOrigins = new Set<number>();
  private readonly erased = new Set<number>();

  constructor(
    anchor: LogHead,
    private readonly expect: LogHead | undefined,
  ) {
    this.anchor = { seq: anchor.seq, hash: anchor.hash };
    this.last = this.anchor;
    this.look(this.anchor);
  }

  skipTo({ seq, hash }: LogHead): void {
    this.last = { seq, hash };
    this.alternative = undefined;
    this.adrift = false;
    this.look(this.last);
  }

  missing(from: number, to: number): void {
    const which = from === to ? `The entry ${from} is` : `The entries ${from} to ${to} are`;
    this.problem({ seq: from, kind: "missing", message: `${which} missing.` });
    this.last = { ...this.last, seq: to };
    this.adrift = true;
  }

  entry(row: JoinedRow): void {
    if (row.seq > this.last.seq + 1) this.missing(this.last.seq + 1, row.seq - 1);
    this.entries += 1;
    const stored = hexOf(row.hash);
    const computed = hashOf(this.last.hash, row);
    const follows =
      this.adrift ||
      computed === stored ||
      (this.alternative !== undefined && hashOf(this.alternative, row) === stored);
    if (!follows)
      this.problem({ seq: row.seq, kind: "altered", message: `The entry ${row.seq} is not what its hash says.` });
    this.alternative = follows ? undefined : computed;
    // What nothing vouches for announces nothing.
    if (follows && !this.adrift) this.announcement(row);
    this.adrift = false;
    this.last = { seq: row.seq, hash: stored };
    this.origin(row);
    this.look(this.last);
  }

  /** Takes in what the log says was done to it. */
  announcement(row: JoinedRow): void {
    if (row.type === PRUNED) this.prunedThrough = Math.max(this.prunedThrough, numberIn(row, "throughSeq"));
    if (row.type === ERASED) this.erasures += numberIn(row, "origins");
  }

  /** @param before an entry that is there although it lies before the log's beginning. */
  report(head: LogHead, before?: number): ChainReport {
    const { anchor, expect, entries, erased } = this;
    if (anchor.seq > this.prunedThrough) {
      const message = `The log begins after the entry ${anchor.seq}, but no entry announces that so many were pruned.`;
      this.problem({ seq: anchor.seq, kind: "anchor", message });
    }
    if (before !== undefined) {
      const message = `The entry ${before} is there although the log begins later.`;
      this.problem({ seq: before, kind: "anchor", message });
    }
    if (erased.size > this.erasures) {
      const message = `${erased.size} origins are erased, but the log announces only ${this.erasures}.`;
      this.problem({ seq: head.seq, kind: "origin", message });
    }
    if (expect !== undefined && this.expectation !== "met")
      this.problem({ seq: expect.seq, kind: "expected", message: this.unmet(expect) });
    const { problems, problemCount } = this;
    return { ok: problemCount === 0, entries, anchor, head, erasedOrigins: erased.size, problemCount, problems };
  }

  private unmet({ seq }: LogHead): string {
    if (this.expectation === "wrong") return `The entry ${seq} has another hash than the expected one.`;
    if (seq < this.anchor.seq) return `The expected entry ${seq} has been pruned; take a later one to compare with.`;
    return `The expected entry ${seq} is not there: entries are missing at the end of the log.`;
  }

  /** Compares a place of the log with the expected one. */
  private look({ seq, hash }: LogHead): void {
    if (this.expect?.seq === seq) this.expectation = hash === this.expect.hash ? "met" : "wrong";
  }

  /** Whether what is stored of an origin is what was stored at first. Erased ones have nothing left to compare. */
  private origin(row: JoinedRow): void {
    const { origin_id: id, salt, commitment, name, address, user_agent: userAgent } = row;
    if (id === null || this.checkedOrigins.has(id)) return;
    this.checkedOrigins.add(id);
    const facts = { actor: row.origin_actor ?? "", name, address, userAgent };
    const empty = name === null && address === null && userAgent === null;
    const asErased = row.erased_at !== null && salt === null && empty;
    if (asErased) this.erased.add(id);
    const asStored = commitment !== null && salt !== null && originCommitment(hexOf(salt), facts) === hexOf(commitment);
    if (asErased || (asStored && row.erased_at === null && row.origin_actor === row.actor)) return;
    const message = `The origin of the entry ${row.seq} is not what was stored, and was not erased either.`;
    this.problem({ seq: row.seq, kind: "origin", message });
  }

  private problem(problem: ChainProblem): void {
    this.problemCount += 1;
    if (this.problems.length < MAX_PROBLEMS) this.problems.push(problem);
  }
}

function numberIn({ data }: JoinedRow, field: string): number {
  const value = (JSON.parse(data ?? "{}") as Record<string, unknown>)[field];
  return typeof value === "number" ? value : 0;
}
