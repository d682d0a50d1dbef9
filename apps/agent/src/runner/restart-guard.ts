/** Milliseconds after a restart in which another one would be a storm. */
const QUIET_MS = 60_000;

/** Lets an encoder be started again once, and not again soon. */
export class RestartGuard {
  private lastAt: number | undefined;

  constructor(private readonly now: () => number) {}

  /** @returns whether a restart may be made now; if so, it counts as made. */
  take(): boolean {
    const now = this.now();
    if (this.lastAt !== undefined && now - this.lastAt < QUIET_MS) return false;
    this.lastAt = now;
    return true;
  }
}
