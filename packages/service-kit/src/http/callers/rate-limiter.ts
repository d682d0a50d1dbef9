import { WindowCounters } from "./counters.js";

export interface RateLimiterOptions {
  /** Events per minute and key; 0 lets everything through. */
  perMinute: number;
  /** Keys that are remembered at once. */
  maxKeys?: number;
}

const MINUTE_MS = 60_000;

/** Counts what comes from each caller, for doors that are no HTTP routes: handshakes and hellos. */
export class RateLimiter {
  private readonly counters: WindowCounters;
  private readonly perMinute: number;

  constructor({ perMinute, maxKeys }: RateLimiterOptions) {
    this.perMinute = perMinute;
    this.counters = new WindowCounters(MINUTE_MS, maxKeys);
  }

  /** Counts one event. @returns 0, or the milliseconds until the caller may come again. */
  take(key: string): number {
    if (this.perMinute === 0) return 0;
    const { count, endsInMs } = this.counters.add(key);
    return count > this.perMinute ? Math.max(1, endsInMs) : 0;
  }
}
