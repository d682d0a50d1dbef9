/** Entries that a job may add at once, and per second after that. */
const BURST = 50;
const PER_SECOND = 2;

/**
 * Bounds what an agent can write into the event log of a job: a token bucket per job. What is over it is dropped, because a
 * log that anybody can fill keeps nothing.
 */
export class EventBudget {
  private readonly buckets = new Map<string, { tokens: number; atMs: number }>();

  constructor(private readonly monotonic: () => number) {}

  /** @returns whether one more entry may be written. */
  take(jobId: string): boolean {
    const atMs = this.monotonic();
    const before = this.buckets.get(jobId) ?? { tokens: BURST, atMs };
    const tokens = Math.min(BURST, before.tokens + ((atMs - before.atMs) / 1000) * PER_SECOND);
    const allowed = tokens >= 1;
    this.buckets.set(jobId, { tokens: allowed ? tokens - 1 : tokens, atMs });
    return allowed;
  }

  forget(jobId: string): void {
    this.buckets.delete(jobId);
  }
}
