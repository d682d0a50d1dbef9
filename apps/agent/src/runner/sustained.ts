/** Tells when something has held without a break for long enough; once, until it has not held again. */
export class Sustained {
  private since: number | undefined;
  private told = false;

  constructor(private readonly forMs: number) {}

  /** @returns whether this is the moment. */
  feed(holds: boolean, now: number): boolean {
    if (!holds) {
      this.reset();
      return false;
    }
    this.since ??= now;
    if (this.told || now - this.since < this.forMs) return false;
    this.told = true;
    return true;
  }

  /** Begins anew. */
  reset(): void {
    this.since = undefined;
    this.told = false;
  }
}
