import type { Measurements, Progress } from "@stream-control/protocol";
import { type Logger, toError } from "@stream-control/service-kit";
import type { Store } from "@stream-control/store";
import type { Tables } from "../../store/tables.js";
import { Chart } from "./chart.js";
import { readChart, writeChart } from "./measurement-rows.js";

const NOTHING: Measurements = { intervalMs: 1000, from: null, samples: [] };

export interface JobMeasurementsOptions {
  store: Store<Tables>;
  logger: Logger;
  now: () => Date;
  /** How often what running jobs measured is written, in milliseconds: so much is lost where the process is killed. */
  everyMs: number;
}

/**
 * The charts of jobs: in memory while a job is open, written together once a minute, at the end of a job and at a stop. What
 * cannot be written is tried again with the next minute; no job waits for it.
 */
export class JobMeasurements {
  private readonly open = new Map<string, Chart>();
  /** Those that can leave the memory once they are written. */
  private readonly over = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> = Promise.resolve();

  constructor(private readonly options: JobMeasurementsOptions) {}

  /** Reads the charts of the jobs that are open, and begins to write. */
  async start(jobIds: readonly string[]): Promise<void> {
    for (const jobId of jobIds) {
      const chart = await readChart(this.options.store.db, jobId);
      if (chart !== undefined) this.open.set(jobId, chart);
    }
    this.timer = setInterval(() => void this.write([...this.open.keys()]), this.options.everyMs);
  }

  /** Writes what was not written yet. Never rejects. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.write([...this.open.keys()]);
  }

  /** A running job has measured itself. */
  take(jobId: string, progress: Progress, viewers: number | null): void {
    const now = this.options.now().getTime();
    let chart = this.open.get(jobId);
    if (chart === undefined) {
      chart = new Chart(now);
      this.open.set(jobId, chart);
    }
    chart.add(now, progress, viewers);
  }

  /** A job has ended: its chart is written, and then no longer kept in memory. */
  ended(jobId: string): void {
    if (!this.open.has(jobId)) return;
    this.over.add(jobId);
    void this.write([jobId]);
  }

  async of(jobId: string): Promise<Measurements> {
    const chart = this.open.get(jobId) ?? (await readChart(this.options.store.db, jobId));
    return chart?.toMeasurements() ?? NOTHING;
  }

  /** One write after the other, each in one transaction. */
  private write(jobIds: readonly string[]): Promise<void> {
    this.writing = this.writing.then(() => this.writeNow(jobIds));
    return this.writing;
  }

  private async writeNow(jobIds: readonly string[]): Promise<void> {
    const changed = jobIds.flatMap((jobId) => {
      const chart = this.open.get(jobId);
      return chart?.changed === true ? [{ jobId, chart, changes: chart.takeChanges() }] : [];
    });
    try {
      if (changed.length > 0)
        await this.options.store.write(async (tx) => {
          for (const { jobId, changes } of changed) await writeChart(tx, jobId, changes);
        });
      for (const jobId of this.over) this.letGo(jobId);
    } catch (thrown) {
      for (const { chart } of changed) chart.markChanged();
      this.options.logger.error({ err: toError(thrown) }, "what jobs measured could not be written");
    }
  }

  private letGo(jobId: string): void {
    if (this.open.get(jobId)?.changed === true) return;
    this.open.delete(jobId);
    this.over.delete(jobId);
  }
}
