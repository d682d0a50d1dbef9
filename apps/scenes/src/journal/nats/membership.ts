import type { NatsBus } from "@stream-control/bus/nats";
import { type Logger, toError } from "@stream-control/service-kit";

/** Times of the agreement on who lives. All instances must have the same. */
export interface LeaseTimes {
  /** How often an instance says that it lives. */
  readonly beatMs: number;
  /** Silence after which others take over what it has. */
  readonly leaseMs: number;
  /** How much earlier it stops acting by itself: what clocks and the way of a message may take. */
  readonly marginMs: number;
}

export const LEASE: LeaseTimes = { beatMs: 250, leaseMs: 1000, marginMs: 250 };

export interface MembershipOptions {
  bus: NatsBus;
  instance: string;
  logger: Logger;
  monotonic: () => number;
  times?: LeaseTimes;
  /** Who is there has changed, or may be judged now. */
  onChange: () => void;
  /** This instance may not act any more: it was frozen, or cut off. */
  onLapse: () => void;
}

const SUBJECT = "scenes.v1.alive";

/**
 * Which instances live. Each says so four times a second. Whoever is silent for a second is dead for the others, and has by then
 * stopped acting by itself: it counts from when it sent its last word and knows that the server had it, the others from when they
 * heard it, which is later. Both by clocks that nobody sets, and that go on while a process is frozen.
 */
export class Membership {
  private readonly heardAt = new Map<string, number>();
  private readonly times: LeaseTimes;
  private validUntil = Number.NEGATIVE_INFINITY;
  /** From when on silence says something: before, words of others may not have come yet. */
  private judgesFrom = Number.POSITIVE_INFINITY;
  private lookedAt = 0;
  private lapsed = true;
  private beating: NodeJS.Timeout | undefined;

  constructor(private readonly options: MembershipOptions) {
    this.times = options.times ?? LEASE;
  }

  async start(): Promise<void> {
    const { bus, instance, monotonic, onChange } = this.options;
    await bus.subscribe(SUBJECT, ({ data }) => {
      const [name = "", word] = Buffer.from(data).toString().split(" ");
      if (name === instance || name === "") return;
      const isNew = !this.heardAt.has(name);
      if (word === "leaves") this.heardAt.delete(name);
      else this.heardAt.set(name, monotonic());
      if (isNew || word === "leaves") onChange();
    });
    bus.onState(() => this.judgeLater());
    this.judgeLater();
    await this.beat();
    this.beating = setInterval(() => void this.look(), this.times.beatMs);
  }

  /** Says goodbye, so that others need not wait. */
  async stop(): Promise<void> {
    clearInterval(this.beating);
    const { bus, instance } = this.options;
    this.validUntil = Number.NEGATIVE_INFINITY;
    bus.publish(SUBJECT, Buffer.from(`${instance} leaves`));
    if (bus.state === "connected") await bus.connection.flush().catch(() => {});
  }

  get mayAct(): boolean {
    return this.options.monotonic() < this.validUntil;
  }

  /** Everybody who lives, this instance included; undefined while that cannot be said. */
  living(): string[] | undefined {
    const now = this.options.monotonic();
    if (!this.mayAct || now < this.judgesFrom) return undefined;
    const others = [...this.heardAt].flatMap(([name, at]) => (now - at < this.times.leaseMs ? [name] : []));
    return [this.options.instance, ...others];
  }

  private judgeLater(): void {
    this.judgesFrom = this.options.monotonic() + this.times.leaseMs;
  }

  private async look(): Promise<void> {
    const { monotonic, onLapse, onChange } = this.options;
    const now = monotonic();
    // Frozen meanwhile: what others said lies unread in the socket.
    if (now - this.lookedAt > this.times.leaseMs / 2) this.judgeLater();
    this.lookedAt = now;
    if (!this.mayAct && !this.lapsed) {
      this.lapsed = true;
      onLapse();
    }
    await this.beat();
    for (const [name, at] of this.heardAt) if (now - at >= 10 * this.times.leaseMs) this.heardAt.delete(name);
    onChange();
  }

  private async beat(): Promise<void> {
    const { bus, instance, monotonic, logger } = this.options;
    if (bus.state !== "connected") return;
    const sentAt = monotonic();
    bus.publish(SUBJECT, Buffer.from(instance));
    try {
      // The answer to a ping proves that the server had everything before it.
      await bus.connection.flush();
    } catch (thrown) {
      logger.debug({ err: toError(thrown) }, "the server did not take a sign of life");
      return;
    }
    const { leaseMs, marginMs } = this.times;
    this.validUntil = Math.max(this.validUntil, sentAt + leaseMs - marginMs);
    if (this.mayAct) this.lapsed = false;
  }
}
