import { randomUUID } from "node:crypto";
import { createClient } from "redis";
import {
  type Bus,
  BusError,
  type BusHandler,
  type BusState,
  type BusSubscription,
  type SubscribeOptions,
} from "./bus.js";
import { reconnectPauseMs, unreachable } from "./connecting.js";
import { isPattern, matches } from "./subjects.js";

export interface RedisBusOptions {
  /** `redis://[user:password@]host:port`, `rediss://` for TLS. */
  url: string;
  /** Shown by the server's own tools. */
  name: string;
  /** Hears of failures that belong to no call. */
  onError?: (error: unknown) => void;
  /** How long the first connection may take. */
  connectTimeoutMs?: number;
}

type RedisClient = ReturnType<typeof createClientFor>;

/** Answers come on a channel of each bus; subjects begin with none of this. */
const INBOX = "_inbox.";
/** How long the mark stays that a message of a queue has been taken: longer than it takes to reach everyone. */
const TAKEN_FOR_MS = 30_000;

/** What goes before a message's bytes, on a line of its own. */
interface Header {
  /** Which message this is. */
  i: string;
  /** Channel on which an answer is waited for. */
  r?: string;
}

const createClientFor = ({ url, name, connectTimeoutMs = 5000 }: RedisBusOptions) =>
  createClient({
    url,
    name: name.replace(/\s/g, "-"),
    // Without a server a command fails at once instead of waiting in memory.
    disableOfflineQueue: true,
    // A server that is frozen rather than gone says nothing; it is left when answers to these fail to come.
    pingInterval: 1000,
    socket: { connectTimeout: connectTimeoutMs, socketTimeout: 3000, reconnectStrategy: reconnectPauseMs },
  });

/**
 * Connects to Redis and stays connected for ever.
 *
 * @throws BusError `UNAVAILABLE` where the first connection fails.
 */
export async function connectRedis(options: RedisBusOptions): Promise<RedisBus> {
  const clients: RedisClient[] = [];
  try {
    const commands = createClientFor(options);
    const listening = createClientFor(options);
    clients.push(commands, listening);
    const bus = new RedisBus(commands, listening, options.onError);
    await within(options.connectTimeoutMs ?? 5000, Promise.all(clients.map((client) => client.connect())));
    await bus.listen();
    return bus;
  } catch (cause) {
    for (const client of clients) if (client.isOpen) client.destroy();
    throw unreachable("Redis", "REDIS_URL", options.url, cause);
  }
}

/** The bus over Redis publish/subscribe. */
export class RedisBus implements Bus {
  state: BusState = "reconnecting";
  private readonly stateListeners = new Set<(state: BusState) => void>();
  private readonly inbox = `${INBOX}${randomUUID()}`;
  private readonly waiting = new Map<string, (data: Uint8Array) => void>();

  constructor(
    /** For what only Redis has, such as keys that run out. */
    readonly commands: RedisClient,
    private readonly listening: RedisClient,
    private readonly onError: (error: unknown) => void = () => {},
  ) {
    for (const client of [commands, listening]) {
      // The client tries again by itself; without a listener an error would end the process.
      client.on("error", (error: unknown) => {
        if (this.state === "connected") this.onError(error);
        if (!client.isReady) this.become("reconnecting");
      });
      client.on("reconnecting", () => this.become("reconnecting"));
      // It is ready once the server has confirmed every subscription again.
      client.on("ready", () => {
        if (commands.isReady && listening.isReady) this.become("connected");
      });
    }
  }

  /** Listens for answers. */
  async listen(): Promise<void> {
    await this.listening.subscribe(this.inbox, (frame) => this.onAnswer(frame), true);
    this.become("connected");
  }

  onState(listener: (state: BusState) => void): void {
    this.stateListeners.add(listener);
  }

  publish(subject: string, data: Uint8Array): void {
    if (this.state !== "connected") return;
    this.send(subject, { i: randomUUID() }, data).catch(this.onError);
  }

  async subscribe(subject: string, handler: BusHandler, { queue }: SubscribeOptions = {}): Promise<BusSubscription> {
    let open = true;
    /** Keeps the order while it is asked whose a message is. */
    let turn: Promise<void> = Promise.resolve();
    const take = (frame: Buffer, channel: Buffer) => {
      const from = channel.toString();
      // A star of Redis goes over dots as well.
      if (!open || from.startsWith(INBOX) || !matches(subject, from)) return;
      const { header, data } = parse(frame);
      const hand = () => {
        if (open) handler({ subject: from, data, respond: (answer) => this.respond(header, answer) });
      };
      if (queue === undefined) hand();
      else
        turn = turn.then(async () => {
          if (await this.isMine(queue, header.i)) hand();
        });
    };
    const pattern = subject.replaceAll(">", "*");
    // Each has a listener of its own, so that ending one leaves the others.
    const [begin, end] = isPattern(subject)
      ? [() => this.listening.pSubscribe(pattern, take, true), () => this.listening.pUnsubscribe(pattern, take, true)]
      : [() => this.listening.subscribe(subject, take, true), () => this.listening.unsubscribe(subject, take, true)];
    try {
      await begin();
    } catch (cause) {
      throw new BusError("UNAVAILABLE", "There is no connection to Redis now.", { cause });
    }
    return {
      unsubscribe: () => {
        open = false;
        end().catch(this.onError);
      },
    };
  }

  async request(subject: string, data: Uint8Array, { timeoutMs }: { timeoutMs: number }): Promise<Uint8Array> {
    if (this.state !== "connected") throw new BusError("UNAVAILABLE", "There is no connection to Redis now.");
    const id = randomUUID();
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    const late = () => reject(new BusError("TIMEOUT", `${subject} did not answer within ${timeoutMs} ms.`));
    const timer = setTimeout(late, timeoutMs);
    this.waiting.set(id, resolve);
    try {
      const receivers = await this.send(subject, { i: id, r: this.inbox }, data).catch((cause: unknown) => {
        throw new BusError("UNAVAILABLE", "The connection to Redis was lost meanwhile.", { cause });
      });
      if (receivers === 0) throw new BusError("NO_RESPONDERS", `Nobody listens on ${subject}.`);
      return await promise;
    } finally {
      clearTimeout(timer);
      this.waiting.delete(id);
    }
  }

  async close(): Promise<void> {
    if (this.state === "closed") return;
    this.become("closed");
    for (const client of [this.listening, this.commands]) {
      // Waits for the answers to what was sent.
      if (client.isReady) await client.close().catch(this.onError);
      if (client.isOpen) client.destroy();
    }
  }

  /** Every member of a queue gets a message; the one that marks it first keeps it. */
  private async isMine(queue: string, id: string): Promise<boolean> {
    try {
      const expiration = { type: "PX", value: TAKEN_FOR_MS } as const;
      return (await this.commands.set(`_taken:${queue}:${id}`, "1", { condition: "NX", expiration })) !== null;
    } catch {
      // The server went away: at most once means that nobody has it.
      return false;
    }
  }

  private onAnswer(frame: Buffer): void {
    const { header, data } = parse(frame);
    this.waiting.get(header.i)?.(data);
  }

  private respond({ i, r }: Header, answer: Uint8Array): void {
    if (r !== undefined && this.state === "connected") this.send(r, { i }, answer).catch(this.onError);
  }

  /** @returns how many connections got it. */
  private send(channel: string, header: Header, data: Uint8Array): Promise<number> {
    return this.commands.publish(channel, Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), data]));
  }

  private become(state: BusState): void {
    if (this.state === state || this.state === "closed") return;
    this.state = state;
    for (const listener of this.stateListeners) listener(state);
  }
}

function parse(frame: Buffer): { header: Header; data: Uint8Array } {
  const end = frame.indexOf(10);
  return { header: JSON.parse(frame.toString("utf8", 0, end)), data: frame.subarray(end + 1) };
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`It did not answer within ${ms} ms.`)), ms);
  });
  try {
    return await Promise.race([work, tooLong]);
  } finally {
    clearTimeout(timer);
  }
}
