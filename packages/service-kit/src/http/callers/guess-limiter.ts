import { LRUCache } from "lru-cache";
import { addressKey } from "./client-addresses.js";
import { WindowCounters } from "./counters.js";
import { FailureLimiter } from "./failure-limiter.js";

export interface GuessLimiterOptions {
  /** Wrong credentials for one name from one address that are free; then it must wait, each time longer. */
  perName?: number;
  /** Wrong credentials from one address, whatever the names, in ten minutes. */
  perAddress?: number;
}

const ADDRESS_WINDOW_MS = 600_000;
const MAX_KNOWN = 50_000;

/**
 * Slows down who guesses credentials (of users, of agents) without locking out others: what is blocked is a name at an
 * address, and an address for names that have never been let in from it. So one misconfigured agent, or one colleague
 * who mistypes, costs nobody behind the same router, and nobody can lock a user out from elsewhere.
 */
export class GuessLimiter {
  private readonly pairs: FailureLimiter;
  private readonly addresses = new WindowCounters(ADDRESS_WINDOW_MS);
  /** Names that were let in from an address. */
  private readonly known = new LRUCache<string, true>({ max: MAX_KNOWN });
  private readonly perAddress: number;

  constructor({ perName, perAddress = 100 }: GuessLimiterOptions = {}) {
    this.pairs = new FailureLimiter({ maxKeys: MAX_KNOWN, ...(perName === undefined ? {} : { limit: perName }) });
    this.perAddress = perAddress;
  }

  /** @returns 0 where a try is allowed, otherwise the milliseconds until it is. */
  check(address: string, name: string): number {
    const pair = pairOf(address, name);
    const waitMs = this.pairs.check(pair);
    if (waitMs > 0 || this.known.has(pair)) return waitMs;
    const { count, endsInMs } = this.addresses.look(addressKey(address));
    return count >= this.perAddress ? Math.max(1, endsInMs) : 0;
  }

  failed(address: string, name: string): void {
    this.pairs.failed(pairOf(address, name));
    this.addresses.add(addressKey(address));
  }

  /** It frees the name alone: an account of one's own must not pay for guesses at others'. */
  succeeded(address: string, name: string): void {
    const pair = pairOf(address, name);
    this.pairs.succeeded(pair);
    this.known.set(pair, true);
  }
}

/** Names come from outside and may be long. */
const pairOf = (address: string, name: string): string => `${addressKey(address)} ${name.slice(0, 200)}`;
