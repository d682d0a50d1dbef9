import { LRUCache } from "lru-cache";

export interface RateLimiterOptions {
  /** Events per minute and key in the long run; 0 lets everything through. */
  perMinute: number;
  /** Events that a key may have at once after a quiet time; a minute's worth unless given. */
  burst?: number;
  /** Keys that are remembered at once; the one that was quiet for longest is forgotten for a new one. */
  maxKeys?: number;
  /** A clock that only runs forward, in milliseconds. */
  monotonic?: () => number;
}

const MINUTE_MS = 60_000;
const MAX_KEYS = 50_000;

/**
 * Lets so many events of each key through, evenly: a token bucket, kept as one moment per key (GCRA, ITU-T I.371). With a
 * window that begins anew, a caller could spend a whole minute's share in a second, and everybody else would feel it.
 */
export class RateLimiter {
  readonly burst: number;
  /** How long a key must be quiet until it may have its whole burst again. */
  readonly windowMs: number;
  private readonly intervalMs: number;
  private readonly monotonic: () => number;
  /** When each key's last event would have been, had they come at an even pace. */
  private readonly paid: LRUCache<string, number>;

  constructor({
    perMinute,
    burst = perMinute,
    maxKeys = MAX_KEYS,
    monotonic = () => performance.now(),
  }: RateLimiterOptions) {
    this.intervalMs = perMinute === 0 ? 0 : MINUTE_MS / perMinute;
    this.burst = Math.max(1, burst);
    this.windowMs = this.intervalMs * this.burst;
    this.monotonic = monotonic;
    this.paid = new LRUCache({ max: maxKeys });
  }

  /** Counts one event. @returns 0, or the milliseconds until the caller may come again. */
  take(key: string): number {
    return this.spend(key).waitMs;
  }

  /** Counts one event where it is let through. @returns the same, and how much of the burst is spent now. */
  spend(key: string): { waitMs: number; spent: number } {
    if (this.intervalMs === 0) return { waitMs: 0, spent: 0 };
    const now = this.monotonic();
    const next = Math.max(this.paid.get(key) ?? now, now) + this.intervalMs;
    // Sums of the interval are not exact; a millionth of it must not cost an event.
    const overMs = next - now - this.windowMs;
    if (overMs > this.intervalMs * 1e-6) return { waitMs: overMs, spent: this.burst };
    this.paid.set(key, next);
    return { waitMs: 0, spent: Math.ceil((next - now) / this.intervalMs - 1e-6) };
  }

  /** Takes back one event. */
  giveBack(key: string): void {
    const paid = this.paid.get(key);
    if (paid !== undefined) this.paid.set(key, paid - this.intervalMs);
  }

  forget(key: string): void {
    this.paid.delete(key);
  }

  /** Keys that are remembered now. */
  get size(): number {
    return this.paid.size;
  }
}
