import { type Store, sql } from "@stream-control/store";
import type { JobFactTable, Tables } from "../store/tables.js";

/** Which facts are asked for. */
export interface FactFilter {
  /** Null for every room. */
  rooms: readonly string[] | null;
  /** Of jobs that ended from that moment on. */
  since: string;
}

/** How many of one kind, template, agent or error there were. */
export interface FactGroup {
  key: string | null;
  total: number;
  completed: number;
  failed: number;
  cancelled: number;
  waitMs: number | null;
  processingMs: number | null;
  /** Core milliseconds, of the jobs of which both are known. */
  cpuUsed: number;
  cpuReserved: number;
}

/** What became of jobs, in the store. */
export class FactRows {
  constructor(private readonly store: Store<Tables>) {}

  async insert(facts: readonly JobFactTable[]): Promise<void> {
    await this.store.write(async (tx) => {
      for (const fact of facts)
        await tx
          .insertInto("job_facts")
          .values(fact)
          .onConflict((conflict) => conflict.column("job_id").doNothing())
          .execute();
    });
  }

  async prune(before: string): Promise<void> {
    await this.store.write((tx) => tx.deleteFrom("job_facts").where("ended_at", "<", before).execute());
  }

  /** Figures by one column. Parts of renders are left out, except where it is asked for kinds. */
  async groups(by: "kind" | "template" | "agent_id" | "error_code", filter: FactFilter): Promise<FactGroup[]> {
    const query = this.asked(filter)
      .select(({ fn, ref }) => [
        ref(by).as("key"),
        fn.countAll<number>().as("total"),
        sql<number>`sum(case when outcome = 'completed' then 1 else 0 end)`.as("completed"),
        sql<number>`sum(case when outcome = 'failed' then 1 else 0 end)`.as("failed"),
        sql<number>`sum(case when outcome = 'cancelled' then 1 else 0 end)`.as("cancelled"),
        fn.avg<number | null>("wait_ms").as("waitMs"),
        fn.avg<number | null>("processing_ms").as("processingMs"),
        sql<number | null>`sum(case when cpu_reserved > 0 then cpu_used * processing_ms end)`.as("cpuUsed"),
        sql<number | null>`sum(case when cpu_used is not null then cpu_reserved * processing_ms end)`.as("cpuReserved"),
      ])
      .groupBy(by);
    const rows = await (by === "kind" ? query : query.where("kind", "!=", "render_part")).execute();
    const orNull = (value: number | string | null) => (value === null ? null : Number(value));
    return rows
      .map((row) => ({
        ...{ key: row.key, total: Number(row.total), completed: Number(row.completed), failed: Number(row.failed) },
        ...{ cancelled: Number(row.cancelled), waitMs: orNull(row.waitMs), processingMs: orNull(row.processingMs) },
        ...{ cpuUsed: Number(row.cpuUsed ?? 0), cpuReserved: Number(row.cpuReserved ?? 0) },
      }))
      .sort((a, b) => b.total - a.total);
  }

  /** Waiting and processing times of the newest so many. */
  async durations(filter: FactFilter, most: number): Promise<{ waits: number[]; processing: number[] }> {
    const rows = await this.asked(filter)
      .select(["wait_ms", "processing_ms"])
      .where("kind", "!=", "render_part")
      .orderBy("ended_at", "desc")
      .limit(most)
      .execute();
    return {
      waits: rows.flatMap(({ wait_ms: ms, processing_ms: began }) => (began === null ? [] : [ms])),
      processing: rows.flatMap(({ processing_ms: ms }) => ms ?? []),
    };
  }

  /**
   * How many jobs were submitted in each hour or day since a moment, those that have not ended included.
   *
   * @param characters of the time that name the hour (13) or the day (10).
   */
  async arrivals(
    { rooms, since }: FactFilter,
    characters: 10 | 13,
    kind?: "render" | "stream",
  ): Promise<Map<string, number>> {
    const slot = sql<string>`substr(created_at, 1, ${sql.lit(characters)})`;
    let ended = this.store.db.selectFrom("job_facts").where("created_at", ">=", since);
    if (rooms !== null) ended = ended.where("room", "in", rooms);
    ended = kind === undefined ? ended.where("kind", "!=", "render_part") : ended.where("kind", "=", kind);
    const counted = await ended
      .select(({ fn }) => [slot.as("slot"), fn.countAll<number>().as("count")])
      .groupBy(slot)
      .execute();
    return new Map(counted.map(({ slot: name, count }) => [name, Number(count)]));
  }

  /** When the first job was submitted that there are facts of. */
  async first(rooms: readonly string[] | null): Promise<string | undefined> {
    let query = this.store.db.selectFrom("job_facts").select(({ fn }) => fn.min<string | null>("created_at").as("at"));
    if (rooms !== null) query = query.where("room", "in", rooms);
    return (await query.executeTakeFirst())?.at ?? undefined;
  }

  private asked({ rooms, since }: FactFilter) {
    const query = this.store.db.selectFrom("job_facts").where("ended_at", ">=", since);
    return rooms === null ? query : query.where("room", "in", rooms);
  }
}
