import type { Request, RequestHandler } from "express";
import { rateLimit, type Store } from "express-rate-limit";
import { tooMany } from "../errors.js";
import { addressKey, type ClientAddresses, isLoopback } from "./client-addresses.js";
import { RateLimiter } from "./rate-limiter.js";

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

const SMALLEST_BURST = 20;
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

  function limiter(identifier: string, perMinute: number): RequestHandler | undefined {
    if (perMinute === 0) return undefined;
    const limits = new RateLimiter({ perMinute, burst: burstOf(perMinute) });
    return rateLimit({
      identifier,
      limit: limits.burst,
      windowMs: limits.windowMs,
      standardHeaders: "draft-8",
      legacyHeaders: false,
      store: new LimiterStore(limits),
      keyGenerator,
      skip: (request) => rates.exceptLoopback && isLoopback(addresses.of(request)),
      handler: (_request, response, next) => {
        const waitMs = Number(response.getHeader("Retry-After")) * 1000;
        next(tooMany(waitMs, `Too many ${identifier} from this caller: at most ${perMinute} a minute.`));
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

/** Puts our bounded limiter, whose bursts are small, behind express-rate-limit, which counts up to them. */
class LimiterStore implements Store {
  readonly localKeys = true;

  constructor(private readonly limiter: RateLimiter) {}

  increment(key: string) {
    const { waitMs, spent } = this.limiter.spend(key);
    const { burst, windowMs } = this.limiter;
    const fullInMs = waitMs > 0 ? waitMs : (spent / burst) * windowMs;
    return { totalHits: waitMs > 0 ? burst + 1 : spent, resetTime: new Date(Date.now() + fullInMs) };
  }

  decrement(key: string): void {
    this.limiter.giveBack(key);
  }

  resetKey(key: string): void {
    this.limiter.forget(key);
  }
}

/** A burst is three seconds' worth, so that one caller's is over before others feel it; small limits are not cut up. */
function burstOf(perMinute: number): number {
  return Math.min(perMinute, Math.max(SMALLEST_BURST, Math.round(perMinute / 20)));
}
