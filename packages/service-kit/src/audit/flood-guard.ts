import type { Caller } from "../http/caller.js";

/** What of one caller and type came in one period. */
export interface Tally<T> {
  caller: Caller;
  /** The first of them. */
  example: T;
  /** How many were not let through. */
  held: number;
}

/** Let through at once per period: of one caller and type, and of all together. */
const EACH = 5;
const ALL = 100;
/** Callers that are counted apart in one period; those beyond are counted together. */
const MAX_CALLERS = 100;

/**
 * Bounds what callers can write into the log by being refused: the first few in a period are let through, the rest is counted.
 * So no flood fills the disk, and every caller that took part in it is in the log with a number. Pure but for its counts.
 */
export class FloodGuard<T> {
  private tallies = new Map<string, Tally<T> & { passed: number }>();
  private passed = 0;

  /** @returns whether it may be written; otherwise it is counted. */
  take(caller: Caller, type: string, example: T): boolean {
    const own = JSON.stringify([caller.actor, caller.address ?? null, type]);
    const key = this.tallies.has(own) || this.tallies.size < MAX_CALLERS ? own : "others";
    const tally = this.tallies.get(key) ?? { caller, example, held: 0, passed: 0 };
    this.tallies.set(key, tally);
    if (tally.passed < EACH && this.passed < ALL) {
      tally.passed += 1;
      this.passed += 1;
      return true;
    }
    tally.held += 1;
    return false;
  }

  /** Ends the period. @returns what was counted in it. */
  drain(): Tally<T>[] {
    const held = [...this.tallies.values()].filter((tally) => tally.held > 0);
    this.tallies = new Map();
    this.passed = 0;
    return held;
  }
}
