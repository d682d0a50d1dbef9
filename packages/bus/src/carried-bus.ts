import {
  type Bus,
  BusError,
  type BusLog,
  type BusMessage,
  type BusState,
  MAX_MESSAGE_BYTES,
  type ReceiveOptions,
  type Subscription,
} from "./bus.js";
import { type Carried, type Carrier, StateHolder } from "./carrier.js";
import { Delivery } from "./delivery.js";
import { Lease } from "./lease.js";
import { assertPattern, assertSubject } from "./subject.js";

const CLOSE_WITHIN_MS = 5000;
const REQUEST_TIMEOUT_MS = 5000;
const MAX_PENDING = 10_000;
const RESPOND_CONCURRENCY = 64;

type Answer = { ok: unknown } | { error: string };

/** The bus over any carrier. */
export class CarriedBus implements Bus {
  private readonly subscriptions = new Set<Subscription & { onReconnected(): void }>();
  private readonly leases = new Set<Lease>();
  private readonly holder = new StateHolder();
  private closing: Promise<void> | undefined;

  constructor(
    private readonly carrier: Carrier,
    private readonly log: BusLog | undefined,
  ) {
    carrier.onState((state) => {
      const before = this.holder.value;
      this.holder.set(state);
      log?.info({ bus: carrier.kind, state }, "The bus changed its state");
      if (before === "reconnecting" && state === "connected")
        for (const subscription of this.subscriptions) subscription.onReconnected();
    });
  }

  get kind(): Bus["kind"] {
    return this.carrier.kind;
  }

  get state(): BusState {
    return this.closing === undefined ? this.holder.value : "closed";
  }

  onState(listener: (state: BusState) => void): () => void {
    return this.holder.listen(listener);
  }

  async publish(subject: string, data: unknown): Promise<void> {
    const text = this.prepare(subject, data);
    await this.carrier.send(subject, text);
  }

  subscribe(
    pattern: string,
    handler: (message: BusMessage) => void | Promise<void>,
    options: ReceiveOptions = {},
  ): Promise<Subscription> {
    return this.receive(pattern, options, async ({ subject, text }) => {
      await handler({ subject, data: JSON.parse(text) });
    });
  }

  respond(
    pattern: string,
    handler: (message: BusMessage) => unknown,
    { queue = "responders", concurrency = RESPOND_CONCURRENCY, ...options }: Omit<ReceiveOptions, "onGap"> = {},
  ): Promise<Subscription> {
    return this.receive(pattern, { ...options, queue, concurrency }, async ({ subject, text, respond }) => {
      const answer = await answerOf(() => handler({ subject, data: JSON.parse(text) }));
      await respond?.(answer);
    });
  }

  async request(subject: string, data: unknown, { timeoutMs = REQUEST_TIMEOUT_MS } = {}): Promise<unknown> {
    const text = this.prepare(subject, data);
    const answer = JSON.parse(await this.carrier.request(subject, text, timeoutMs)) as Answer;
    if ("error" in answer) throw new BusError("REMOTE_FAILED", answer.error);
    return answer.ok;
  }

  async lease(key: string, { ttlMs }: { ttlMs: number }): Promise<Lease | undefined> {
    this.assertOpen();
    assertSubject(key);
    const lease = await Lease.take(this.carrier.leases, key, ttlMs);
    if (lease === undefined) return undefined;
    this.leases.add(lease);
    lease.lost.addEventListener("abort", () => this.leases.delete(lease), { once: true });
    return lease;
  }

  close(): Promise<void> {
    this.closing ??= this.leave();
    return this.closing;
  }

  private async leave(): Promise<void> {
    const drained = Promise.allSettled([
      ...[...this.subscriptions].map((subscription) => subscription.close()),
      ...[...this.leases].map((lease) => lease.release()),
    ]);
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_WITHIN_MS);
    });
    await Promise.race([drained, tooLong]);
    clearTimeout(timer);
    await this.carrier.close();
    this.holder.set("closed");
  }

  private async receive(
    pattern: string,
    { queue, maxPending = MAX_PENDING, concurrency = 1, onGap }: ReceiveOptions,
    handle: (message: Carried) => Promise<void>,
  ): Promise<Subscription> {
    this.assertOpen();
    assertPattern(pattern);
    if (queue !== undefined) assertSubject(queue);
    const delivery = new Delivery<Carried>(
      async (message) => {
        try {
          await handle(message);
        } catch (thrown) {
          this.log?.warn({ err: thrown, subject: message.subject }, "A message could not be handled");
        }
      },
      { maxPending, concurrency, onOverflow: () => onGap?.("overflow") },
    );
    const end = await this.carrier.listen(pattern, queue, {
      hasRoom: () => delivery.hasRoom,
      take: (message) => delivery.push(message),
    });
    let closed: Promise<void> | undefined;
    const subscription = {
      get dropped() {
        return delivery.dropped;
      },
      onReconnected: () => onGap?.("reconnected"),
      close: () => {
        closed ??= (async () => {
          this.subscriptions.delete(subscription);
          // A broker that is away will not send anything either.
          await end().catch(() => undefined);
          await delivery.drain();
        })();
        return closed;
      },
    };
    this.subscriptions.add(subscription);
    return subscription;
  }

  /** @returns the message as text, once it is known that it can be sent. */
  private prepare(subject: string, data: unknown): string {
    this.assertOpen();
    assertSubject(subject);
    if (this.holder.value !== "connected")
      throw new BusError("UNAVAILABLE", "The message broker is away; it is tried again. Try again in a moment.");
    const text = JSON.stringify(data ?? null);
    const bytes = Buffer.byteLength(text);
    if (bytes > MAX_MESSAGE_BYTES)
      throw new BusError("TOO_LARGE", `A message has at most ${MAX_MESSAGE_BYTES} bytes, this one has ${bytes}.`);
    return text;
  }

  private assertOpen(): void {
    if (this.closing !== undefined) throw new BusError("CLOSED", "This bus is closed.");
  }
}

async function answerOf(handle: () => unknown): Promise<string> {
  let answer: string;
  try {
    answer = JSON.stringify({ ok: (await handle()) ?? null } satisfies Answer);
  } catch (thrown) {
    answer = JSON.stringify({ error: thrown instanceof Error ? thrown.message : String(thrown) } satisfies Answer);
  }
  return Buffer.byteLength(answer) <= MAX_MESSAGE_BYTES
    ? answer
    : JSON.stringify({ error: `The answer is larger than ${MAX_MESSAGE_BYTES} bytes.` } satisfies Answer);
}
