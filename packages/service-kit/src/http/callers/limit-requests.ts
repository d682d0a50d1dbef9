import type { Request, RequestHandler } from "express";
import { rateLimit, type Store } from "express-rate-limit";
import { tooMany } from "../errors.js";
import { addressKey, type ClientAddresses, isLoopback } from "./client-addresses.js";
import { WindowCounters } from "./counters.js";

/** Requests per minute and caller; 0 is without limit. */
export interface RequestRates {
  /** GET, HEAD and OPTIONS. */
  readsPerMinute: number;
  /** Everything else. */
  writesPerMinute: number;
  /** Callers on this machine are not counted: for development, where page, scripts and tests share one address. */
  exceptLoopback: boolean;
}

export interface LimitRequestsOptions {
  rates: RequestRates;
  addresses: ClientAddresses;
  /** The caller's name once it is known who calls, such as the id of a principal; `undefined` counts by address. */
  keyOf?: ((request: Request) => string | undefined) | undefined;
}

const MINUTE_MS = 60_000;
const READS = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Answers a caller's requests beyond its share with 429 `RATE_LIMITED` and `Retry-After`, and says on every answer how
 * much is left (`RateLimit`, `RateLimit-Policy`: draft-ietf-httpapi-ratelimit-headers-08). Memory is bounded.
 */
export function limitRequests({ rates, addresses, keyOf }: LimitRequestsOptions): RequestHandler {
  const reads = limiter("reads", rates.readsPerMinute);
  const writes = limiter("writes", rates.writesPerMinute);
  return (request, response, next) => {
    const chosen = READS.has(request.method) ? reads : writes;
    if (chosen === undefined) next();
    else chosen(request, response, next);
  };

  function limiter(identifier: string, limit: number): RequestHandler | undefined {
    if (limit === 0) return undefined;
    return rateLimit({
      identifier,
      limit,
      windowMs: MINUTE_MS,
      standardHeaders: "draft-8",
      legacyHeaders: false,
      store: new CounterStore(new WindowCounters(MINUTE_MS)),
      keyGenerator,
      skip: (request) => rates.exceptLoopback && isLoopback(addresses.of(request)),
      handler: (_request, response, next) => {
        const waitMs = Number(response.getHeader("Retry-After")) * 1000;
        next(tooMany(waitMs, `Too many ${identifier} from this caller: at most ${limit} a minute.`));
      },
      // Its checks warn on the console about proxies that it does not know of; ours are named and tested.
      validate: false,
    });
  }

  function keyGenerator(request: Request): string {
    const name = keyOf?.(request);
    // The prefix keeps a name that looks like an address from sharing its budget.
    return name === undefined ? `address ${addressKey(addresses.of(request))}` : `name ${name}`;
  }
}

/** Puts our bounded counters behind express-rate-limit. */
class CounterStore implements Store {
  readonly localKeys = true;

  constructor(private readonly counters: WindowCounters) {}

  increment(key: string) {
    const { count, endsInMs } = this.counters.add(key);
    return { totalHits: count, resetTime: new Date(Date.now() + endsInMs) };
  }

  decrement(key: string): void {
    this.counters.add(key, -1);
  }

  resetKey(key: string): void {
    this.counters.forget(key);
  }
}
