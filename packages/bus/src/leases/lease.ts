import { randomUUID } from "node:crypto";

/** Where leases are kept. An owner is a text of its own for every lease that is taken. */
export interface LeaseKeeper {
  /** @returns a number higher than that of every holder before, or undefined where another holds the key. */
  acquire(key: string, owner: string, ttlMs: number): Promise<number | undefined>;
  /** @returns whether the owner still held it, and holds it for `ttlMs` more. */
  renew(key: string, owner: string, ttlMs: number): Promise<boolean>;
  /** Gives it back; one that is not the owner's any more stays as it is. */
  release(key: string, owner: string): Promise<void>;
}

/** Renewing this often leaves two more tries before the lease has run out. */
const RENEWALS_PER_TTL = 3;

/**
 * The right to be the only one who does something, for as long as it is renewed, which happens by itself.
 *
 * It counts from before the broker was asked, by the monotonic clock of this process, so that this side always gives up
 * before another can take over. A process that is frozen notices only when it wakes up: whoever writes somewhere under a
 * lease sends its `fence` along, and the other side refuses a lower one than it has seen.
 */
export class Lease {
  /** Aborts when the lease is not held any more, for whatever reason, its release included. */
  readonly lost: AbortSignal;
  private readonly losing = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private renewing: Promise<void> | undefined;

  private constructor(
    private readonly keeper: LeaseKeeper,
    readonly key: string,
    private readonly owner: string,
    /** Higher than that of every holder of this key before. */
    readonly fence: number,
    private readonly ttlMs: number,
    private endsAt: number,
  ) {
    this.lost = this.losing.signal;
    this.schedule();
  }

  static async take(keeper: LeaseKeeper, key: string, ttlMs: number): Promise<Lease | undefined> {
    const owner = randomUUID();
    const asked = performance.now();
    const fence = await keeper.acquire(key, owner, ttlMs);
    return fence === undefined ? undefined : new Lease(keeper, key, owner, fence, ttlMs, asked + ttlMs);
  }

  get held(): boolean {
    return !this.lost.aborted && performance.now() < this.endsAt;
  }

  async release(): Promise<void> {
    const was = this.held;
    this.end("released");
    await this.renewing;
    if (was) await this.keeper.release(this.key, this.owner);
  }

  private schedule(): void {
    const left = this.endsAt - performance.now();
    this.timer = setTimeout(
      () => {
        if (performance.now() >= this.endsAt) this.end("ran out");
        else this.renewing = this.renew();
      },
      Math.max(0, Math.min(left, this.ttlMs / RENEWALS_PER_TTL)),
    );
    this.timer.unref();
  }

  private async renew(): Promise<void> {
    const asked = performance.now();
    // A broker that hangs must not keep the end of the lease from being noticed.
    const overdue = setTimeout(() => this.end("ran out"), Math.max(0, this.endsAt - asked));
    try {
      const renewed = await this.keeper.renew(this.key, this.owner, this.ttlMs);
      if (renewed) this.endsAt = asked + this.ttlMs;
      else this.end("taken over");
    } catch {
      // The broker is away: tried again until the lease has run out.
    } finally {
      clearTimeout(overdue);
    }
    if (!this.lost.aborted) this.schedule();
  }

  private end(why: string): void {
    clearTimeout(this.timer);
    this.losing.abort(new Error(`The lease on ${this.key} was ${why}.`));
  }
}
