import { LRUCache } from "lru-cache";

export interface FailureLimiterOptions {
  /** Failures that are free; with the next one the key is blocked. */
  limit?: number;
  /** How long the first block lasts; every further one lasts twice as long. */
  blockMs?: number;
  /** Longest block. */
  maxBlockMs?: number;
  /** Quiet time after which failures are forgotten. */
  forgetMs?: number;
  /** Keys that are remembered at once; beyond it the one that failed least recently is forgotten. */
  maxKeys?: number;
  /** A clock that only runs forward, in milliseconds. */
  monotonic?: () => number;
}

interface Failures {
  count: number;
  blocks: number;
  blockedUntil: number;
}

/**
 * Slows down who guesses: a key (an address, an account, both) that has failed too often must wait, each time longer. A
 * refused try counts for nothing, so that the wait has an end however often it is tried meanwhile.
 */
export class FailureLimiter {
  private readonly known: LRUCache<string, Failures>;
  private readonly limit: number;
  private readonly blockMs: number;
  private readonly maxBlockMs: number;
  private readonly monotonic: () => number;

  constructor(options: FailureLimiterOptions = {}) {
    this.limit = options.limit ?? 5;
    this.blockMs = options.blockMs ?? 30_000;
    this.maxBlockMs = options.maxBlockMs ?? 900_000;
    this.monotonic = options.monotonic ?? (() => performance.now());
    // A block must outlive the forgetting, or waiting for one would undo the growth of the next.
    const ttl = Math.max(options.forgetMs ?? 3_600_000, this.maxBlockMs * 2);
    this.known = new LRUCache({ max: options.maxKeys ?? 10_000, ttl, perf: { now: this.monotonic }, ttlResolution: 0 });
  }

  /** @returns 0 where the key may try, otherwise the milliseconds until it may. */
  check(key: string): number {
    const failures = this.known.get(key);
    return failures === undefined ? 0 : Math.max(0, Math.ceil(failures.blockedUntil - this.monotonic()));
  }

  /** A try has failed. */
  failed(key: string): void {
    const failures = this.known.get(key) ?? { count: 0, blocks: 0, blockedUntil: 0 };
    failures.count += 1;
    if (failures.count > this.limit) {
      failures.blockedUntil = this.monotonic() + Math.min(this.maxBlockMs, this.blockMs * 2 ** failures.blocks);
      failures.blocks = Math.min(failures.blocks + 1, 30);
    }
    this.known.set(key, failures);
  }

  /** A try has succeeded: what failed before was a slip. */
  succeeded(key: string): void {
    this.known.delete(key);
  }

  /** Keys that are remembered now. */
  get size(): number {
    return this.known.size;
  }
}
