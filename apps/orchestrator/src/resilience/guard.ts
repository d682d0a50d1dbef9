import type { CircuitBreaker, CircuitBreakerState } from "@stream-control/protocol";
import { AppError, toError } from "@stream-control/service-kit";
import {
  BrokenCircuitError,
  type BulkheadPolicy,
  BulkheadRejectedError,
  bulkhead,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  ExponentialBackoff,
  handleWhen,
  type RetryPolicy,
  retry,
  TaskCancelledError,
  TimeoutStrategy,
  timeout,
} from "cockatiel";
import type { Settings } from "../configuration/settings.js";

export interface GuardOptions {
  /** Milliseconds that one try may take; as long as it takes unless given. */
  timeoutMs?: number;
  /** Tries in all of a call that fails in passing; 1 unless given. */
  tries?: number;
  /** Calls that are made at once, and others that may wait for these. */
  atOnce?: number;
  waiting?: number;
  /** Whether it is the other side that failed, and the same call may succeed later. What a caller did wrong is no failure. */
  isFailure: (thrown: unknown) => boolean;
}

export interface GuardDeps {
  settings: Settings;
  now: () => Date;
  /** The breaker has opened, closed, or lets a call through to see. */
  onState?: (breaker: CircuitBreaker) => void;
}

/** Failures in a row after which calls are refused. */
const OPENS_AFTER = 5;
/** Until a call is let through again, in milliseconds. */
const OPEN_MS = 15_000;
const AT_ONCE = 32;
const WAITING = 256;
const RETRY = { initialDelay: 200, maxDelay: 5000 } as const;

const STATES: Record<CircuitState, CircuitBreakerState> = {
  [CircuitState.Closed]: "closed",
  [CircuitState.Open]: "open",
  [CircuitState.HalfOpen]: "half_open",
  [CircuitState.Isolated]: "open",
};

/**
 * Calls to something else that may fail or hang: so many at once (bulkhead), tried again where that helps (retry), refused at once
 * while it keeps failing (circuit breaker), and given up after a time (timeout). Operators may switch retries and breakers off.
 */
export class Guard {
  private breaker: CircuitBreakerPolicy;
  private readonly retry: RetryPolicy | undefined;
  private readonly bulkhead: BulkheadPolicy;
  private failures = 0;
  private lastFailureMs: number | undefined;
  private lastWords = "";
  private openedMs: number | undefined;

  constructor(
    readonly name: string,
    private readonly options: GuardOptions,
    private readonly deps: GuardDeps,
  ) {
    this.breaker = this.newBreaker();
    const { tries = 1, atOnce = AT_ONCE, waiting = WAITING } = options;
    this.bulkhead = bulkhead(atOnce, waiting);
    if (tries > 1)
      this.retry = retry(handleWhen(this.isFailure), {
        maxAttempts: tries - 1,
        backoff: new ExponentialBackoff(RETRY),
      });
  }

  get state(): CircuitBreaker {
    const { failures, lastFailureMs, openedMs } = this;
    const state = STATES[this.breaker.state];
    const at = (ms: number | undefined) => (ms === undefined ? null : new Date(ms).toISOString());
    return {
      ...{ name: this.name, state, failures },
      lastFailureAt: at(lastFailureMs),
      nextTryAt: state === "open" && openedMs !== undefined ? at(openedMs + OPEN_MS) : null,
    };
  }

  /**
   * Makes a call.
   *
   * @param call is given a signal that is aborted when it has taken too long.
   * @param signal ends it earlier.
   * @throws AppError `CIRCUIT_OPEN`, `OVERLOADED`, `UPSTREAM_TIMEOUT`; what the call throws.
   */
  async run<T>(call: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const { resilience } = this.deps.settings.current;
    const { timeoutMs } = this.options;
    const never = new AbortController().signal;
    const timed = (inner: AbortSignal) =>
      timeoutMs === undefined
        ? call(inner)
        : timeout(timeoutMs, TimeoutStrategy.Aggressive).execute((context) => call(context.signal), inner);
    const broken = () =>
      resilience.circuitBreakerEnabled
        ? this.breaker.execute((context) => timed(context.signal), signal)
        : timed(signal ?? never);
    const { retry: again } = this;
    const tried = () => (again === undefined || !resilience.retryEnabled ? broken() : again.execute(broken, signal));
    try {
      return await this.bulkhead.execute(tried, signal);
    } catch (thrown) {
      signal?.throwIfAborted();
      throw this.inWords(thrown);
    }
  }

  /** Lets calls through again, whatever failed before. */
  reset(): void {
    this.breaker = this.newBreaker();
    this.failures = 0;
    this.openedMs = undefined;
  }

  private readonly isFailure = (thrown: unknown): boolean =>
    !(thrown instanceof BrokenCircuitError) && (thrown instanceof TaskCancelledError || this.options.isFailure(thrown));

  private newBreaker(): CircuitBreakerPolicy {
    const breaker = circuitBreaker(handleWhen(this.isFailure), {
      halfOpenAfter: OPEN_MS,
      breaker: new ConsecutiveBreaker(OPENS_AFTER),
    });
    const nowMs = () => this.deps.now().getTime();
    breaker.onSuccess(() => {
      this.failures = 0;
    });
    breaker.onFailure(({ handled, reason }) => {
      if (!handled) return;
      this.lastWords = "error" in reason ? ` At last: ${toError(reason.error).message}` : "";
      this.failures += 1;
      this.lastFailureMs = nowMs();
    });
    breaker.onStateChange((state) => {
      if (breaker !== this.breaker) return;
      this.openedMs = state === CircuitState.Open ? nowMs() : undefined;
      this.deps.onState?.(this.state);
    });
    return breaker;
  }

  private inWords(thrown: unknown): unknown {
    if (thrown instanceof BrokenCircuitError)
      return new AppError(
        "CIRCUIT_OPEN",
        `Calls to ${this.name} failed ${this.failures} times in a row and are not made for some seconds.${this.lastWords}`,
        { cause: thrown },
      );
    if (thrown instanceof BulkheadRejectedError)
      return new AppError("OVERLOADED", `Too many calls to ${this.name} are under way; try again in a few seconds.`, {
        cause: thrown,
      });
    if (thrown instanceof TaskCancelledError)
      return new AppError("UPSTREAM_TIMEOUT", `A call to ${this.name} took too long; try again later.`, {
        cause: thrown,
      });
    return thrown;
  }
}
