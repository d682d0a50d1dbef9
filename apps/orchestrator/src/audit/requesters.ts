import type { EraseElsewhere, ErasePlan } from "@stream-control/service-kit/audit";
import { type Kysely, sql } from "@stream-control/store";
import type { StoredJobRow, Tables } from "../store/tables.js";

/** Rows that one statement looks at. */
const WINDOW = 2000;

/**
 * Erases `requestedBy` from jobs and workflows: where it is the text that is to be erased, and from what an actor has submitted. It is the
 * one text about a person that these have a place for.
 *
 * @param onErased is told of jobs that are still open, which others may have in memory.
 */
export const eraseRequesters =
  (db: Kysely<Tables>, onErased: (job: StoredJobRow) => void): EraseElsewhere =>
  async ({ actor, requestedBy }): Promise<ErasePlan> => {
    const ids = new Set<string>();
    const runs = new Set<string>();
    if (requestedBy !== undefined) for (const id of await requestedByText(db, requestedBy)) ids.add(id);
    if (actor !== undefined) {
      for (const id of await submittedBy(db, actor)) ids.add(id);
      for (const id of await startedBy(db, actor)) runs.add(id);
    }
    const open: StoredJobRow[] = [];
    return {
      apply: async (tx) => {
        let count = 0;
        // A repeat of a group of writes begins anew.
        open.length = 0;
        for (const id of ids) {
          const { rows } = await sql<StoredJobRow>`update jobs set requested_by = null
            where id = ${id} and requested_by is not null returning *`.execute(tx);
          count += rows.length;
          open.push(...rows.filter((row) => row.ended_at === null));
        }
        // A render is a job and the run that carries it out; it counts as the job.
        for (const id of runs) await sql`update workflow_runs set requested_by = null where id = ${id}`.execute(tx);
        if (requestedBy !== undefined)
          await sql`update workflow_runs set requested_by = null where requested_by = ${requestedBy}`.execute(tx);
        return count;
      },
      committed: () => open.forEach(onErased),
    };
  };

async function requestedByText(db: Kysely<Tables>, text: string): Promise<string[]> {
  const jobs = db.selectFrom("jobs");
  const { last } = await jobs.select(({ fn }) => fn.max("seq").as("last")).executeTakeFirstOrThrow();
  return inWindows(last ?? 0, (low, high) =>
    jobs.select("id").where("seq", ">", low).where("seq", "<=", high).where("requested_by", "=", text).execute(),
  );
}

async function submittedBy(db: Kysely<Tables>, actor: string): Promise<string[]> {
  const events = db.selectFrom("events");
  const { last } = await events.select(({ fn }) => fn.max("seq").as("last")).executeTakeFirstOrThrow();
  return inWindows(last ?? 0, (low, high) =>
    events
      .select("job_id as id")
      .where("seq", ">", low)
      .where("seq", "<=", high)
      .where("type", "=", "job.created")
      .where("actor", "=", actor)
      .where("job_id", "is not", null)
      .$narrowType<{ id: string }>()
      .execute(),
  );
}

const SUBJECT = "workflow:";

/** Runs that an actor has started. */
async function startedBy(db: Kysely<Tables>, actor: string): Promise<string[]> {
  const events = db.selectFrom("events");
  const { last } = await events.select(({ fn }) => fn.max("seq").as("last")).executeTakeFirstOrThrow();
  const subjects = await inWindows(last ?? 0, (low, high) =>
    events
      .select("subject as id")
      .where("seq", ">", low)
      .where("seq", "<=", high)
      .where("type", "=", "workflow.started")
      .where("actor", "=", actor)
      .where("subject", "is not", null)
      .$narrowType<{ id: string }>()
      .execute(),
  );
  return subjects.map((subject) => subject.slice(SUBJECT.length));
}

async function inWindows(last: number, find: (low: number, high: number) => Promise<{ id: string }[]>) {
  const found: string[] = [];
  for (let low = 0; low < last; low += WINDOW) {
    found.push(...(await find(low, low + WINDOW)).map(({ id }) => id));
    await new Promise((resolve) => setImmediate(resolve));
  }
  return found;
}
