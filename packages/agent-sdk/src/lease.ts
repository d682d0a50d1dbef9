import type { Clock } from "./clock.js";

/** How long a fenced job may go on, by this agent's own clock. It only ever grows. */
export class Lease {
  constructor(
    private readonly now: Clock,
    private until: number,
  ) {}

  /** Milliseconds that are left now; 0 or less: the job must not run. */
  get leftMs(): number {
    return this.until - this.now();
  }

  /** @returns whether that is longer than before. */
  extendTo(until: number): boolean {
    if (until <= this.until) return false;
    this.until = until;
    return true;
  }
}
