import { EventLog, type NewEntry } from "@stream-control/service-kit/audit";
import { type Migration, sql } from "@stream-control/store";

interface OldEvent {
  seq: number;
  job_id: string;
  type: string;
  message: string;
  data: string | null;
  ts: string;
}

/** Who did it was not written down then. */
const UNKNOWN = { actor: "unknown" };
/** Stands where somebody has deleted an event by hand: numbers that clients know must not move. */
const LOST: NewEntry = { by: UNKNOWN, subject: "log:events", type: "audit.lost", message: "The entry was not there." };
const PAGE = 1000;

/**
 * Moves what was logged before there was a chain into the log, with its numbers. From here on it can't be changed unseen; what
 * was done to it before, nothing can tell.
 */
export async function chainJobEvents(db: Parameters<Migration["up"]>[0]): Promise<void> {
  let ts = new Date();
  const log = new EventLog({ store: { db }, now: () => ts });
  let next = 1;
  for (let after = 0; ; ) {
    const { rows } =
      await sql<OldEvent>`select * from job_events where seq > ${after} order by seq limit ${PAGE}`.execute(db);
    for (const { job_id: jobId, type, message, data, ...row } of rows) {
      ts = new Date(row.ts);
      for (; next < row.seq; next += 1) await log.append(db, LOST);
      next += 1;
      const entry = { by: UNKNOWN, jobId, type, message };
      await log.append(db, data === null ? entry : { ...entry, data: JSON.parse(data) });
    }
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.seq;
  }
}
