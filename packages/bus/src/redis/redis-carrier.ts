import { randomUUID } from "node:crypto";
import { createClient } from "redis";
import { BusError, type BusState } from "../bus.js";
import { type Carrier, type Receiver, StateHolder } from "../carrier.js";
import { type Connecting, reconnectPauseMs, unreachable } from "../connecting.js";
import { isWild, matches } from "../subject.js";
import { RedisLeases } from "./redis-leases.js";

export type RedisClient = ReturnType<typeof client>;

/** How long the mark stays that a message of a queue has been taken: longer than it takes to reach everyone. */
const TAKEN_FOR_MS = 30_000;

/** What goes over a channel. Short names, since it comes with every message. */
interface Wire {
  /** Which message this is, for queues. */
  i: string;
  /** The message as JSON. */
  d: string;
  /** Channel on which the answer is waited for. */
  r?: string;
}

const client = ({ url, name, connectTimeoutMs }: Connecting) =>
  createClient({
    url,
    name: name.replace(/\s/g, "-"),
    // Without a server a command fails at once instead of waiting in memory.
    disableOfflineQueue: true,
    pingInterval: 5000,
    socket: { connectTimeout: connectTimeoutMs, reconnectStrategy: reconnectPauseMs },
  });

/** @throws BusError when the first connection does not come about. */
export async function connectRedis(to: Connecting): Promise<Carrier> {
  let clients: RedisClient[] = [];
  try {
    clients = [client(to), client(to)];
    const [commands, listening] = clients as [RedisClient, RedisClient];
    const carrier = new RedisCarrier(commands, listening, to.prefix);
    await within(to.connectTimeoutMs, Promise.all(clients.map((one) => one.connect())));
    await carrier.start();
    return carrier;
  } catch (thrown) {
    for (const one of clients) if (one.isOpen) one.destroy();
    throw unreachable(to.url, "REDIS_URL", thrown);
  }
}

class RedisCarrier implements Carrier {
  readonly kind = "redis";
  readonly leases: RedisLeases;
  private readonly holder = new StateHolder();
  private readonly inbox: string;
  private readonly waiting = new Map<string, (text: string) => void>();
  private lastError: Error | undefined;

  constructor(
    private readonly commands: RedisClient,
    private readonly listening: RedisClient,
    private readonly prefix: string,
  ) {
    this.inbox = `${prefix}._inbox.${randomUUID()}`;
    this.leases = new RedisLeases(commands, prefix);
    for (const one of [commands, listening]) {
      // The client tries again by itself; without a listener an error would end the process.
      one.on("error", (error: Error) => {
        this.lastError = error;
        if (!one.isReady) this.holder.set("reconnecting");
      });
      one.on("reconnecting", () => this.holder.set("reconnecting"));
      one.on("ready", () => {
        if (commands.isReady && listening.isReady) this.holder.set("connected");
      });
    }
  }

  /** Listens for answers. */
  async start(): Promise<void> {
    await this.listening.subscribe(this.inbox, (message) => {
      const { i, d } = JSON.parse(message) as Wire;
      this.waiting.get(i)?.(d);
    });
    this.holder.set("connected");
  }

  get state(): BusState {
    return this.holder.value;
  }

  onState(listener: (state: BusState) => void): void {
    this.holder.listen(listener);
  }

  async send(subject: string, text: string): Promise<void> {
    await this.publish(`${this.prefix}.${subject}`, { i: randomUUID(), d: text });
  }

  async request(subject: string, text: string, timeoutMs: number): Promise<string> {
    const id = randomUUID();
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const timer = setTimeout(
      () => reject(new BusError("TIMEOUT", `No answer on ${subject} within ${timeoutMs} ms.`)),
      timeoutMs,
    );
    this.waiting.set(id, resolve);
    try {
      const receivers = await this.publish(`${this.prefix}.${subject}`, { i: id, d: text, r: this.inbox });
      if (receivers === 0) throw new BusError("NO_RESPONDERS", `Nobody answers on ${subject} now.`);
      return await promise;
    } finally {
      clearTimeout(timer);
      this.waiting.delete(id);
    }
  }

  async listen(pattern: string, queue: string | undefined, receiver: Receiver): Promise<() => Promise<void>> {
    let open = true;
    let turn: Promise<void> = Promise.resolve();
    const take = (message: string, channel: string) => {
      const subject = channel.slice(this.prefix.length + 1);
      // A star of Redis goes over dots as well.
      if (!open || !matches(pattern, subject)) return;
      const wire = JSON.parse(message) as Wire;
      if (queue === undefined) receiver.take(this.carried(subject, wire));
      else if (receiver.hasRoom())
        turn = turn.then(async () => {
          if (await this.isMine(`${queue} ${pattern}`, wire.i)) receiver.take(this.carried(subject, wire));
        });
    };
    const full = `${this.prefix}.${pattern}`;
    // Every receiver has a listener of its own, so that ending one leaves the others.
    const [begin, end] = isWild(pattern)
      ? [() => this.listening.pSubscribe(globOf(full), take), () => this.listening.pUnsubscribe(globOf(full), take)]
      : [() => this.listening.subscribe(full, take), () => this.listening.unsubscribe(full, take)];
    await begin().catch((thrown: unknown) => {
      throw away(thrown);
    });
    return async () => {
      try {
        await end();
        await turn;
      } finally {
        open = false;
      }
    };
  }

  async close(): Promise<void> {
    this.holder.set("closed");
    for (const one of [this.listening, this.commands]) {
      if (one.isReady) await one.close().catch(() => undefined);
      if (one.isOpen) one.destroy();
    }
  }

  /** Every member of a queue gets the message; the one that marks it first keeps it. */
  private async isMine(group: string, id: string): Promise<boolean> {
    const key = `${this.prefix}:taken:${group}:${id}`;
    try {
      return (
        (await this.commands.set(key, "1", { condition: "NX", expiration: { type: "PX", value: TAKEN_FOR_MS } })) !==
        null
      );
    } catch {
      // The server went away: at most once means that nobody has it.
      return false;
    }
  }

  private carried(subject: string, { i, d, r }: Wire) {
    if (r === undefined) return { subject, text: d };
    const respond = async (text: string) => {
      await this.publish(r, { i, d: text });
    };
    return { subject, text: d, respond };
  }

  private async publish(channel: string, wire: Wire): Promise<number> {
    try {
      return await this.commands.publish(channel, JSON.stringify(wire));
    } catch (thrown) {
      throw away(this.commands.isReady ? thrown : (this.lastError ?? thrown));
    }
  }
}

/** A pattern as Redis writes it; our tokens have none of its other special characters. */
const globOf = (pattern: string): string => pattern.replaceAll(">", "*");

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it did not answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, tooLong]);
  } finally {
    clearTimeout(timer);
  }
}

const away = (cause: unknown): BusError =>
  new BusError("UNAVAILABLE", `Redis cannot be used now: ${cause instanceof Error ? cause.message : String(cause)}.`, {
    cause,
  });
