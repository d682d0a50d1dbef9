import type { Rated } from "./picked.js";

interface Work {
  readonly agentId: string;
  readonly startedMs: number;
  readonly predictedMs: number;
}

/** A new prediction counts so much in the mean of them. */
const NEWEST = 0.05;

/** When the agents' slots are predicted to come free, and which of that is spoken for. */
export class WorkUnderWay {
  private readonly work = new Map<string, Work>();
  private readonly byAgent = new Map<string, Set<string>>();
  /** Milliseconds until each slot of an agent comes free, in ascending order, with what was claimed of them in this round. */
  private readonly slots = new Map<string, number[]>();

  private plainMs: number | undefined;

  constructor(private readonly monotonic: () => number) {}

  started(jobId: string, agentId: string, predictedMs: number | undefined): void {
    this.slots.delete(agentId);
    if (predictedMs === undefined) return;
    this.work.set(jobId, { agentId, startedMs: this.monotonic(), predictedMs });
    const jobs = this.byAgent.get(agentId) ?? new Set();
    this.byAgent.set(agentId, jobs.add(jobId));
  }

  ended(jobId: string): void {
    const work = this.work.get(jobId);
    if (work === undefined) return;
    this.work.delete(jobId);
    this.slots.delete(work.agentId);
    const jobs = this.byAgent.get(work.agentId);
    jobs?.delete(jobId);
    if (jobs?.size === 0) this.byAgent.delete(work.agentId);
  }

  /** A job was given away that takes a plain agent so long. */
  sized(plainMs: number): void {
    this.plainMs = this.plainMs === undefined ? plainMs : this.plainMs + NEWEST * (plainMs - this.plainMs);
  }

  /**
   * How long so many jobs take, if they are like those that were given away lately.
   *
   * @param worth how many plain agents the fleet is worth.
   */
  drainMs(queued: number, worth: number): number {
    return (queued * (this.plainMs ?? 0)) / worth;
  }

  /** When a busy agent has a slot again; infinite where nothing is predicted of what it does. */
  freeInMs(agent: Rated): number {
    return this.slotsOf(agent)[0] ?? Number.POSITIVE_INFINITY;
  }

  /** Its next slot is spoken for. */
  claim(agent: Rated, predictedMs: number): void {
    const [next = 0, ...others] = this.slotsOf(agent);
    this.slots.set(
      agent.id,
      [...others, next + predictedMs].sort((a, b) => a - b),
    );
  }

  dropClaims(): void {
    this.slots.clear();
  }

  private slotsOf({ id }: Rated): number[] {
    let slots = this.slots.get(id);
    if (slots === undefined) {
      const nowMs = this.monotonic();
      slots = [...(this.byAgent.get(id) ?? [])]
        .flatMap((jobId) => this.work.get(jobId) ?? [])
        .map(({ startedMs, predictedMs }) => {
          const elapsedMs = nowMs - startedMs;
          // What takes longer than was predicted is taken to need a tenth of the time that it has had.
          return Math.max(predictedMs - elapsedMs, elapsedMs / 10);
        })
        .sort((a, b) => a - b);
      this.slots.set(id, slots);
    }
    return slots;
  }
}
