import { type Bus, BusError, type BusState } from "./bus.js";
import { Delivery } from "./delivery.js";
import { Lease, type LeaseKeeper } from "./leases/lease.js";

/** NATS takes 1 MiB unless configured otherwise; what is larger belongs into a store. */
export const MAX_MESSAGE_BYTES = 1_000_000;
const MAX_PENDING = 10_000;
const CLOSE_WITHIN_MS = 5000;

/** A message as it came: `data` is whatever JSON was sent, so parse it before use. */
export interface Message {
  subject: string;
  data: unknown;
}

/** Why messages may have been missed: the receiver was too slow, or the broker was away. */
export type Gap = "overflow" | "reconnected";

export interface ReceiveOptions {
  /** Of all that receive under one queue name, one gets each message. */
  queue?: string;
  /** Messages that may wait for the handler; beyond it the oldest is dropped. 10,000 unless given. */
  maxPending?: number;
  /** Called when messages may have been missed. Whoever must not miss any reads the store again here. */
  onGap?: (gap: Gap) => void;
}

export interface Receiving {
  /** Messages dropped because the handler was too slow. */
  readonly dropped: number;
  /** Takes no more messages, and resolves when those that came have been handled. */
  close(): Promise<void>;
}

/** What is told of failures that belong to no call; a pino logger is one. */
export interface MessagesLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/**
 * What instances of one service announce to each other: JSON over a {@link Bus}, at most once, one message at a time for each
 * receiver, with a bound on what waits, and a word when something may have been missed. And who may be the only one to do
 * something: {@link Lease}.
 */
export class Messages {
  private readonly receivers = new Set<{ receiving: Receiving; missed: () => void }>();
  private readonly leases = new Set<Lease>();
  private closing: Promise<void> | undefined;
  private connected = true;

  /** @param prefix one word before every subject, so that installations that share a broker do not meet. */
  constructor(
    private readonly bus: Bus,
    private readonly keeper: LeaseKeeper,
    private readonly prefix: string,
    private readonly log?: MessagesLog,
  ) {
    bus.onState((state) => {
      this.log?.info({ state }, "The bus changed its state");
      const back = state === "connected" && !this.connected;
      this.connected = state === "connected";
      if (back) for (const { missed } of this.receivers) missed();
    });
  }

  get state(): BusState {
    return this.closing === undefined ? this.bus.state : "closed";
  }

  /**
   * Hands a message to the broker.
   *
   * @returns false where there is no broker now, so that nobody will hear of it before their next `onGap`.
   * @throws TypeError for what is larger than {@link MAX_MESSAGE_BYTES} as JSON.
   */
  publish(subject: string, data: unknown): boolean {
    const bytes = Buffer.from(JSON.stringify(data ?? null));
    if (bytes.length > MAX_MESSAGE_BYTES)
      throw new TypeError(`A message has at most ${MAX_MESSAGE_BYTES} bytes, this one has ${bytes.length}.`);
    if (this.state !== "connected") return false;
    this.bus.publish(`${this.prefix}.${subject}`, bytes);
    return true;
  }

  /** Resolves when every message published from then on, by anybody, will come. */
  async subscribe(
    subject: string,
    handler: (message: Message) => void | Promise<void>,
    { queue, maxPending = MAX_PENDING, onGap }: ReceiveOptions = {},
  ): Promise<Receiving> {
    const delivery = new Delivery<Message>(
      async (message) => {
        try {
          await handler(message);
        } catch (err) {
          this.log?.warn({ err, subject: message.subject }, "A message could not be handled");
        }
      },
      { maxPending, onOverflow: () => onGap?.("overflow") },
    );
    const subscription = await this.bus.subscribe(
      `${this.prefix}.${subject}`,
      (message) =>
        delivery.push({
          subject: message.subject.slice(this.prefix.length + 1),
          data: JSON.parse(Buffer.from(message.data).toString()),
        }),
      queue === undefined ? {} : { queue },
    );
    const receiving: Receiving = {
      get dropped() {
        return delivery.dropped;
      },
      close: async () => {
        this.receivers.delete(entry);
        subscription.unsubscribe();
        await delivery.drain();
      },
    };
    const entry = { receiving, missed: () => onGap?.("reconnected") };
    this.receivers.add(entry);
    return receiving;
  }

  /**
   * Takes a lease on a key, or says (by `undefined`) that another holds it. It is renewed by itself until it is released; a
   * holder that dies loses it within `ttlMs`.
   *
   * @param key of `A-Z a-z 0-9 _ = -` and dots.
   * @throws BusError `UNAVAILABLE` where the broker cannot be asked.
   */
  async lease(key: string, { ttlMs }: { ttlMs: number }): Promise<Lease | undefined> {
    if (this.closing !== undefined) throw new BusError("UNAVAILABLE", "The bus is closed.");
    const lease = await Lease.take(this.keeper, key, ttlMs);
    if (lease === undefined) return undefined;
    this.leases.add(lease);
    lease.lost.addEventListener("abort", () => this.leases.delete(lease), { once: true });
    return lease;
  }

  /** Takes nothing new, lets what came be handled (5 s at most), and gives leases back. The bus itself stays open. */
  close(): Promise<void> {
    this.closing ??= this.leave();
    return this.closing;
  }

  private async leave(): Promise<void> {
    const drained = Promise.allSettled([
      ...[...this.receivers].map(({ receiving }) => receiving.close()),
      ...[...this.leases].map((lease) => lease.release()),
    ]);
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_WITHIN_MS);
    });
    await Promise.race([drained, tooLong]);
    clearTimeout(timer);
  }
}
