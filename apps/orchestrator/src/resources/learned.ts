import type { JsonObject, Progress } from "@stream-control/protocol";
import { type Logger, toError } from "@stream-control/service-kit";
import type { Store } from "@stream-control/store";
import type { LearnedDemandTable, Tables } from "../store/tables.js";
import { type Amounts, needOf } from "./amounts.js";
import { type Demand, demandOf } from "./demand.js";

export interface LearnedDemandsDeps {
  store: Store<Tables>;
  logger: Logger;
  now: () => Date;
}

/** What jobs of a kind used. */
interface Learned {
  jobs: number;
  /** Cores. */
  cpu: number;
  memoryMiB: number;
}

/** What a running job used so far. */
interface Watched {
  kind: string;
  samples: number;
  cpuPercentSum: number;
  memoryMiB: number;
}

/** Measurements come about once a second; a job of fewer says nothing of its kind. */
const LEAST_SAMPLES = 30;
/** Kinds that fewer jobs ran of keep the rule of thumb. */
const LEAST_JOBS = 3;
/** What a new job counts beside those before it, once there are some. */
const NEWEST_WEIGHT = 0.2;
/** What is kept above what was used in the mean. */
const HEADROOM = 1.1;
/** A kind of which this many are known: the oldest is forgotten for a new one. */
const MOST_KINDS = 1000;

/**
 * What jobs need: by rule of thumb at first, and by what jobs of that kind really used once some ran for long enough. It outlives
 * restarts.
 */
export class LearnedDemands {
  private readonly byKind = new Map<string, Learned>();
  private readonly watched = new Map<string, Watched>();
  private readonly changed = new Set<string>();

  constructor(private readonly deps: LearnedDemandsDeps) {}

  async load(): Promise<void> {
    const rows = await this.deps.store.db.selectFrom("learned_demands").selectAll().execute();
    for (const { kind, jobs, cpu, memory_mib } of rows) this.byKind.set(kind, { jobs, cpu, memoryMiB: memory_mib });
  }

  /** What a job with such a config needs, as it is counted. */
  readonly needsOf = (config: JsonObject): Amounts => needOf(this.corrected(demandOf(config)));

  /** A job runs; what it measures from now on counts for its kind. */
  begin(jobId: string, config: JsonObject): void {
    const { kind } = demandOf(config);
    if (kind !== "other") this.watched.set(jobId, { kind, samples: 0, cpuPercentSum: 0, memoryMiB: 0 });
  }

  measured(jobId: string, { cpuPercent, memoryMiB }: Progress): void {
    const job = this.watched.get(jobId);
    if (job === undefined || cpuPercent === undefined) return;
    job.samples += 1;
    job.cpuPercentSum += cpuPercent;
    job.memoryMiB = Math.max(job.memoryMiB, memoryMiB ?? 0);
  }

  /** @returns the cores that the job used in the mean; undefined where too little was measured. */
  ended(jobId: string): number | undefined {
    const job = this.watched.get(jobId);
    this.watched.delete(jobId);
    if (job === undefined || job.samples === 0) return undefined;
    const cpu = job.cpuPercentSum / job.samples / 100;
    if (job.samples >= LEAST_SAMPLES) this.learn(job.kind, { cpu, memoryMiB: job.memoryMiB });
    return cpu;
  }

  /** Writes what was learned since the last call. */
  async save(): Promise<void> {
    const kinds = [...this.changed];
    if (kinds.length === 0) return;
    this.changed.clear();
    try {
      await this.deps.store.write(async (tx) => {
        for (const kind of kinds) {
          const learned = this.byKind.get(kind);
          if (learned === undefined) {
            await tx.deleteFrom("learned_demands").where("kind", "=", kind).execute();
            continue;
          }
          const { jobs, cpu, memoryMiB } = learned;
          const row = { jobs, cpu, memory_mib: memoryMiB, updated_at: this.deps.now().toISOString() };
          await tx
            .insertInto("learned_demands")
            .values({ kind, ...row } satisfies LearnedDemandTable)
            .onConflict((conflict) => conflict.column("kind").doUpdateSet(row))
            .execute();
        }
      });
    } catch (thrown) {
      for (const kind of kinds) this.changed.add(kind);
      this.deps.logger.error({ err: toError(thrown) }, "what jobs use could not be written; it is tried again later");
    }
  }

  private learn(kind: string, used: { cpu: number; memoryMiB: number }): void {
    const before = this.byKind.get(kind);
    // The first ones count alike; later ones weigh more than what was long ago.
    const weight = Math.max(NEWEST_WEIGHT, 1 / ((before?.jobs ?? 0) + 1));
    const mixed = (old: number | undefined, now: number) => (old ?? now) * (1 - weight) + now * weight;
    this.byKind.delete(kind);
    this.byKind.set(kind, {
      jobs: (before?.jobs ?? 0) + 1,
      cpu: mixed(before?.cpu, used.cpu),
      memoryMiB: mixed(before?.memoryMiB, used.memoryMiB),
    });
    this.changed.add(kind);
    const [oldest] = this.byKind.keys();
    if (this.byKind.size <= MOST_KINDS || oldest === undefined) return;
    this.byKind.delete(oldest);
    this.changed.add(oldest);
  }

  private corrected({ kind, needs }: Demand): Demand["needs"] {
    const learned = this.byKind.get(kind);
    if (learned === undefined || learned.jobs < LEAST_JOBS) return needs;
    // A render takes what it gets, so that what it took says nothing about what it needs.
    const cpu = kind.startsWith("stream") ? learned.cpu * HEADROOM : needs.cpu;
    return { ...needs, cpu, ...(learned.memoryMiB > 0 ? { memoryMiB: learned.memoryMiB * HEADROOM } : {}) };
  }
}
