import { uptime } from "node:os";

/** A lease as the contract has it. */
export interface GivenLease {
  leaseMs?: number | undefined;
  leaseUntilUptimeMs?: number | undefined;
}

/**
 * How much of a lease is left: what was written a while ago, or before the machine slept, is shorter by that.
 *
 * @param uptimeMs the machine's uptime, sleep included.
 */
export function leftOf(
  { leaseMs, leaseUntilUptimeMs = Number.POSITIVE_INFINITY }: GivenLease,
  uptimeMs = uptime() * 1000,
): number | undefined {
  return leaseMs === undefined ? undefined : Math.min(leaseMs, leaseUntilUptimeMs - uptimeMs);
}

/** Longest time a timer can wait. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * The time that a job may go on without hearing from its orchestrator, by a clock that never jumps. It runs out once and
 * for all: whoever was frozen meanwhile finds it run out at its next look.
 */
export class Lease {
  private until: number;
  private timer: NodeJS.Timeout | undefined;
  private expired = false;

  /** @param leaseMs undefined: without end, until it is renewed for the first time. */
  constructor(
    leaseMs: number | undefined,
    private readonly now: () => number,
    private readonly onExpired: () => void,
  ) {
    this.until = Number.POSITIVE_INFINITY;
    if (leaseMs !== undefined) this.set(leaseMs);
  }

  /** Goes on for this long from now, unless it has run out. */
  renew(leaseMs: number): void {
    if (this.holds()) this.set(leaseMs);
  }

  /** Whether the job may go on. */
  holds(): boolean {
    if (!this.expired && this.now() >= this.until) {
      this.expired = true;
      this.stop();
      this.onExpired();
    }
    return !this.expired;
  }

  /** The job is over. */
  stop(): void {
    clearTimeout(this.timer);
  }

  private set(leaseMs: number): void {
    this.until = this.now() + leaseMs;
    this.arm();
  }

  private arm(): void {
    clearTimeout(this.timer);
    // A timer may be early by a fraction of a millisecond.
    const waitMs = Math.min(MAX_TIMER_MS, Math.max(1, this.until - this.now()));
    this.timer = setTimeout(() => this.holds() && this.arm(), waitMs);
  }
}
