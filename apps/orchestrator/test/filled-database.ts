import { sql, type Transaction } from "@stream-control/store";
import type { Database } from "../src/store/open.js";
import type { JobRow, Tables } from "../src/store/tables.js";

const AT = "2026-11-01T00:00:00.000Z";

/** The row of an ended job, as a database has it that was filled before there were keys. */
function row(
  n: number,
  config: string,
): Omit<JobRow, "seq" | "dismissed_at" | "schedule" | "priority" | "placement" | "restart_limits"> {
  const nothing = { template_id: null, config: null, own_source: null, agent_id: null, not_before: null, error: null };
  return {
    ...nothing,
    id: `job-${String(n).padStart(4, "0")}`,
    room: "default",
    inline_config: config,
    metadata: config,
    stream_metadata: null,
    status: "STOPPED",
    wanted_status: "STOPPED",
    ...{ epoch: 0, restarts: 0, fenced: 0, moving: 0, restart_policy: "never", on_disconnect: "continue" },
    ...{ created_at: AT, updated_at: AT, started_at: AT, running_since: AT, ended_at: AT },
    ...{ reason: null, requested_by: null, idempotency_key: null, stream_context: null, progress: null },
  };
}

/** Fills a database with jobs and a template, in plain text, and deletes and overwrites some of it again. */
export async function fillPlain(tx: Transaction<Tables>, jobs: number, config: string): Promise<void> {
  // The columns do not have their types yet: nothing is encrypted.
  const rows = Array.from({ length: jobs }, (_, n) => row(n, config)) as never[];
  for (let at = 0; at < jobs; at += 100)
    await tx
      .insertInto("jobs")
      .values(rows.slice(at, at + 100))
      .execute();
  await sql`insert into templates (id, name, description, config, created_at, updated_at)
    values ('mine', 'Mine', '', ${config}, ${AT}, ${AT})`.execute(tx);
  await sql`update jobs set metadata = '{}' where seq % 7 = 0`.execute(tx);
}

/** Fills a database with jobs, encrypted as it has to be. */
export async function fillSealed({ store, sealed }: Database, jobs: number): Promise<void> {
  await store.write(async (tx) => {
    for (let n = 0; n < jobs; n += 1) {
      const plain = row(n, "{}");
      await tx
        .insertInto("jobs")
        .values({ ...sealed.sealJob(plain.id, plain), priority: "normal" })
        .execute();
    }
  });
}
