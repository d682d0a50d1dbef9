import { type ProcessUsage, readUsage } from "./process-usage.js";

/** What processes use together. */
export interface Usage {
  /** Of one core, since the last measurement. */
  cpuPercent: number;
  memoryMiB: number;
}

/** Measures what a job's processes use. */
export class UsageMeter {
  private readonly last = new Map<number, ProcessUsage>();
  private readonly shares = new Map<number, number>();
  private lastAt: number | undefined;

  constructor(
    private readonly now: () => number,
    private readonly read: (pid: number) => Promise<ProcessUsage | undefined> = readUsage,
  ) {}

  /** Percent of one core that a process used between the last two measurements. */
  cpuPercentOf(pid: number | undefined): number | undefined {
    return pid === undefined ? undefined : this.shares.get(pid);
  }

  /** @returns undefined where nothing can be measured, and for the first time. */
  async measure(pids: readonly number[]): Promise<Usage | undefined> {
    const now = this.now();
    const elapsedMs = this.lastAt === undefined ? undefined : now - this.lastAt;
    const read = await Promise.all(pids.map(async (pid) => ({ pid, usage: await this.read(pid) })));
    const known = read.flatMap(({ pid, usage }) => (usage === undefined ? [] : [{ pid, usage }]));
    this.shares.clear();
    let [cpuMs, memoryMiB] = [0, 0];
    for (const { pid, usage } of known) {
      // What a new process has used so far, it has used since the last time.
      const usedMs = usage.cpuMs - (this.last.get(pid)?.cpuMs ?? 0);
      if (elapsedMs !== undefined && elapsedMs > 0) this.shares.set(pid, (usedMs / elapsedMs) * 100);
      cpuMs += usedMs;
      memoryMiB += usage.memoryMiB;
    }
    this.last.clear();
    for (const { pid, usage } of known) this.last.set(pid, usage);
    this.lastAt = now;
    if (elapsedMs === undefined || elapsedMs <= 0 || known.length === 0) return undefined;
    return { cpuPercent: Math.round((cpuMs / elapsedMs) * 1000) / 10, memoryMiB: Math.round(memoryMiB * 10) / 10 };
  }
}
