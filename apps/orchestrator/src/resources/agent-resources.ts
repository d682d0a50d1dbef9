import type { AgentLoad, AgentResources as Reported } from "@stream-control/protocol";
import { type Amounts, counted, minus, NOTHING, plus, RESOURCES, type Resource, shown } from "./amounts.js";

/** What an agent has too little of, for the sentence why a job waits. */
export interface Shortage {
  readonly code: "CPU" | "MEMORY" | "DISK" | "GPU" | "NETWORK";
  readonly message: string;
}

const NAMES: Record<Resource, { code: Shortage["code"]; unit: string }> = {
  cpu: { code: "CPU", unit: "processor cores" },
  memoryMiB: { code: "MEMORY", unit: "MiB of memory" },
  diskMiB: { code: "DISK", unit: "MiB of disk" },
  gpu: { code: "GPU", unit: "graphics processors" },
  networkKbps: { code: "NETWORK", unit: "kbit/s of its uplink" },
};

/** A machine that has less memory left than this takes nothing more, whatever was reserved. */
const LEAST_FREE_MEMORY_MIB = 128;

/** What of an agent is reserved for its jobs: one assignment is one reservation. */
export class AgentResources {
  private known: Partial<Amounts> = {};
  private freeMemoryMiB: number | undefined;
  private total: Amounts = NOTHING;
  private readonly byJob = new Map<string, { needs: Amounts; kept: Amounts }>();

  get capacity(): Partial<Amounts> {
    return this.known;
  }
  get reserved(): Amounts {
    return this.total;
  }
  of(jobId: string): Amounts {
    return this.byJob.get(jobId)?.kept ?? NOTHING;
  }

  /** As the agent says at its hello; what it says of its disk comes with its load. */
  report(resources: Reported | undefined): void {
    this.known = counted(resources ?? {});
    this.freeMemoryMiB = undefined;
    // What was kept while nothing was known of the machine.
    for (const [jobId, { needs }] of [...this.byJob]) this.reserve(jobId, needs);
  }

  reportLoad({ diskFreeMiB, memoryTotalMiB, memoryUsedMiB }: AgentLoad): void {
    if (diskFreeMiB !== undefined) this.known = { ...this.known, ...counted({ diskMiB: diskFreeMiB }) };
    if (memoryTotalMiB !== undefined && memoryUsedMiB !== undefined)
      this.freeMemoryMiB = memoryTotalMiB - memoryUsedMiB;
  }

  /** What is missing for a job beside all that is reserved; undefined where it fits. */
  lacking(needs: Amounts): Shortage | undefined {
    for (const resource of RESOURCES) {
      const has = this.known[resource];
      const need = this.share(resource, needs);
      if (has === undefined || need === 0 || this.total[resource] + need <= has) continue;
      const { code, unit } = NAMES[resource];
      const [free, wanted] = [minus(fill(has), this.total), fill(need)].map((amounts) =>
        Math.max(0, shown(amounts)[resource]),
      );
      return { code, message: `It has ${round(free)} ${unit} left; the job needs ${round(wanted)}.` };
    }
    const { freeMemoryMiB: free } = this;
    if (needs.memoryMiB > 0 && free !== undefined && free < LEAST_FREE_MEMORY_MIB)
      return { code: "MEMORY", message: `Its machine has only ${round(free)} MiB of memory left.` };
    return undefined;
  }

  /** Keeps for a job what it needs. */
  reserve(jobId: string, needs: Amounts): void {
    this.release(jobId);
    const kept: Amounts = { ...needs, cpu: this.share("cpu", needs), memoryMiB: this.share("memoryMiB", needs) };
    this.byJob.set(jobId, { needs, kept });
    this.total = plus(this.total, kept);
  }

  release(jobId: string): void {
    const reserved = this.byJob.get(jobId);
    if (reserved === undefined) return;
    this.byJob.delete(jobId);
    this.total = minus(this.total, reserved.kept);
  }

  /**
   * Cores and memory are guesses: a job that seems to need more than the whole machine may have it for itself, slower, rather
   * than never run.
   */
  private share(resource: Resource, needs: Amounts): number {
    const need = needs[resource];
    return resource === "cpu" || resource === "memoryMiB" ? Math.min(need, this.known[resource] ?? need) : need;
  }
}

const fill = (value: number): Amounts => ({
  cpu: value,
  memoryMiB: value,
  diskMiB: value,
  gpu: value,
  networkKbps: value,
});
const round = (value = 0): number => Math.round(value * 100) / 100;
