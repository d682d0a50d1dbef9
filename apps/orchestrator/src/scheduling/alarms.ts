/** A clock that was set is noticed within this time. It is also far below 2^31 ms, beyond which Node's timers run at once. */
const LONGEST_WAIT_MS = 60_000;

/** Calls for things at their moments by the wall clock, however far away those are; for each thing at one moment at most. */
export class Alarms {
  private readonly timers = new Map<string, NodeJS.Timeout>();
  private stopped = false;

  constructor(private readonly now: () => Date) {}

  /**
   * Sets a thing's alarm, in place of the one that it has.
   *
   * @param atMs by the wall clock, in milliseconds; a moment that is over is called for at once, but not within this call.
   */
  set(id: string, atMs: number, action: () => void): void {
    this.clear(id);
    if (this.stopped) return;
    const leftMs = Math.max(0, atMs - this.now().getTime());
    const timer = setTimeout(
      () => {
        this.timers.delete(id);
        if (this.now().getTime() < atMs) this.set(id, atMs, action);
        else action();
      },
      Math.min(leftMs, LONGEST_WAIT_MS),
    );
    timer.unref();
    this.timers.set(id, timer);
  }

  clear(id: string): void {
    clearTimeout(this.timers.get(id));
    this.timers.delete(id);
  }

  /** From now on nothing is called for. */
  stop(): void {
    this.stopped = true;
    for (const id of [...this.timers.keys()]) this.clear(id);
  }
}
