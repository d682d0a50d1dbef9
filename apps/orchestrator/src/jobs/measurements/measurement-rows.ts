import type { Kysely, Migration, Transaction } from "@stream-control/store";
import type { Tables } from "../../store/tables.js";
import { Chart } from "./chart.js";

/** A chart's head, and its intervals some at a time, so that a minute of a long run is a small write. */
export const measurementsMigration: Migration = {
  async up(db) {
    await db.schema
      .createTable("job_charts")
      .addColumn("job_id", "text", (column) => column.primaryKey().notNull().references("jobs.id").onDelete("cascade"))
      .addColumn("from_ms", "integer", (column) => column.notNull())
      .addColumn("interval_ms", "integer", (column) => column.notNull())
      .addColumn("slots", "integer", (column) => column.notNull())
      .addColumn("dropped_total", "integer", (column) => column.notNull())
      .execute();
    await db.schema
      .createTable("job_chart_chunks")
      .addColumn("job_id", "text", (column) => column.notNull().references("jobs.id").onDelete("cascade"))
      .addColumn("chunk", "integer", (column) => column.notNull())
      .addColumn("data", "blob", (column) => column.notNull())
      .addPrimaryKeyConstraint("job_chart_chunks_key", ["job_id", "chunk"])
      .execute();
  },
};

/** Writes what {@link Chart.takeChanges} gave of a job's chart; nothing where the job itself was deleted. */
export async function writeChart(
  tx: Transaction<Tables>,
  jobId: string,
  { head, firstChunk, chunks }: ReturnType<Chart["takeChanges"]>,
): Promise<void> {
  if ((await tx.selectFrom("jobs").select("seq").where("id", "=", jobId).executeTakeFirst()) === undefined) return;
  const { fromMs: from_ms, intervalMs: interval_ms, slots, droppedTotal: dropped_total } = head;
  const values = { from_ms, interval_ms, slots, dropped_total };
  await tx
    .insertInto("job_charts")
    .values({ job_id: jobId, ...values })
    .onConflict((conflict) => conflict.column("job_id").doUpdateSet(values))
    .execute();
  // A merger leaves fewer of them.
  await tx.deleteFrom("job_chart_chunks").where("job_id", "=", jobId).where("chunk", ">=", firstChunk).execute();
  const rows = chunks.map((data, index) => ({ job_id: jobId, chunk: firstChunk + index, data }));
  if (rows.length > 0) await tx.insertInto("job_chart_chunks").values(rows).execute();
}

/** @returns undefined where there is none. @throws RangeError where it was changed by somebody else. */
export async function readChart(db: Kysely<Tables>, jobId: string): Promise<Chart | undefined> {
  const row = await db.selectFrom("job_charts").selectAll().where("job_id", "=", jobId).executeTakeFirst();
  if (row === undefined) return undefined;
  const chunks = await db
    .selectFrom("job_chart_chunks")
    .select("data")
    .where("job_id", "=", jobId)
    .orderBy("chunk")
    .execute();
  const head = {
    ...{ fromMs: row.from_ms, intervalMs: row.interval_ms },
    ...{ slots: row.slots, droppedTotal: row.dropped_total },
  };
  return Chart.restore(
    head,
    chunks.map(({ data }) => data),
  );
}
