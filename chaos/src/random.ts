/** Random numbers that a seed decides: the same seed gives the same numbers, on every machine. */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** In [0, 1); the generator is mulberry32, good enough to choose victims with. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = this.state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  between(from: number, to: number): number {
    return from + (to - from) * this.next();
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** One of the entries, each as often as its weight says. @throws RangeError where there is none. */
  weighted<T>(entries: readonly (readonly [value: T, weight: number])[]): T {
    let left = this.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [value, weight] of entries) {
      left -= weight;
      if (left < 0) return value;
    }
    const last = entries.at(-1);
    if (last === undefined) throw new RangeError("There is nothing to choose from.");
    return last[0];
  }
}

/** The entry that a number in [0, 1) points at; undefined where there is none. */
export const pointedAt = <T>(list: readonly T[], at: number): T | undefined => list[Math.floor(at * list.length)];
