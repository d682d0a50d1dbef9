import {
  connect,
  type Msg,
  type NatsConnection,
  NoRespondersError,
  RequestError,
  TimeoutError,
} from "@nats-io/transport-node";
import {
  type Bus,
  BusError,
  type BusHandler,
  type BusState,
  type BusSubscription,
  type SubscribeOptions,
} from "./bus.js";
import { unreachable } from "./connecting.js";

export interface NatsBusOptions {
  /** One or more addresses, separated by commas; user and password may be in them. */
  url: string;
  /** Shown by the server's own tools. */
  name: string;
  /** Hears of failures that belong to no call, such as a subject that may not be used. */
  onError?: (error: unknown) => void;
  /** How long the first connection may take. */
  connectTimeoutMs?: number;
}

/**
 * Connects to NATS and stays connected for ever: after a loss it tries again twice a second.
 *
 * @throws BusError `UNAVAILABLE` where the first connection fails.
 */
export async function connectNats({ url, name, onError, connectTimeoutMs = 5000 }: NatsBusOptions): Promise<NatsBus> {
  try {
    const connection = await connect({
      ...{ ...serversOf(url), name, timeout: connectTimeoutMs },
      ...{ maxReconnectAttempts: -1, reconnectTimeWait: 250, reconnectJitter: 250, reconnectJitterTLS: 250 },
      // A server that is frozen rather than gone says nothing; it is left after two of these.
      ...{ pingInterval: 1000, maxPingOut: 2 },
    });
    return new NatsBus(connection, onError);
  } catch (cause) {
    throw unreachable("NATS", "NATS_URL", url, cause);
  }
}

/** Credentials inside the address are what everybody writes, and what the client leaves out. */
function serversOf(url: string) {
  const servers = url.split(",").map((server) => {
    const text = server.trim();
    return new URL(text.includes("://") ? text : `nats://${text}`);
  });
  const [first] = servers;
  const user = decodeURIComponent(first?.username ?? "");
  const pass = decodeURIComponent(first?.password ?? "");
  return {
    servers: servers.map(({ hostname, port }) => `${hostname}:${port === "" ? 4222 : port}`),
    ...(user === "" ? {} : pass === "" ? { token: user } : { user, pass }),
    ...(servers.some(({ protocol }) => protocol === "tls:") ? { tls: {} } : {}),
  };
}

/** The bus over NATS. */
export class NatsBus implements Bus {
  state: BusState = "connected";
  private readonly stateListeners = new Set<(state: BusState) => void>();

  constructor(
    /** For what only NATS has, such as JetStream. */
    readonly connection: NatsConnection,
    private readonly onError: (error: unknown) => void = () => {},
  ) {
    void this.follow();
  }

  onState(listener: (state: BusState) => void): void {
    this.stateListeners.add(listener);
  }

  publish(subject: string, data: Uint8Array): void {
    // The client would keep what is published meanwhile, without bound, and send it when it is old.
    if (this.state === "connected") this.connection.publish(subject, data);
  }

  async subscribe(subject: string, handler: BusHandler, { queue }: SubscribeOptions = {}): Promise<BusSubscription> {
    const subscription = this.connection.subscribe(subject, {
      ...(queue === undefined ? {} : { queue }),
      callback: (error: Error | null, message: Msg) => {
        if (error !== null) this.onError(error);
        else handler({ subject: message.subject, data: message.data, respond: (data) => this.respond(message, data) });
      },
    });
    // While there is no connection the client keeps it and makes it with the next one.
    if (this.state === "connected") await this.connection.flush();
    return { unsubscribe: () => subscription.unsubscribe() };
  }

  async request(subject: string, data: Uint8Array, { timeoutMs }: { timeoutMs: number }): Promise<Uint8Array> {
    if (this.state !== "connected") throw new BusError("UNAVAILABLE", "There is no connection to NATS now.");
    try {
      return (await this.connection.request(subject, data, { timeout: timeoutMs })).data;
    } catch (cause) {
      const inner = cause instanceof RequestError && cause.cause !== undefined ? cause.cause : cause;
      if (inner instanceof NoRespondersError)
        throw new BusError("NO_RESPONDERS", `Nobody listens on ${subject}.`, { cause });
      if (inner instanceof TimeoutError)
        throw new BusError("TIMEOUT", `${subject} did not answer within ${timeoutMs} ms.`, { cause });
      throw new BusError("UNAVAILABLE", "The connection to NATS was lost meanwhile.", { cause });
    }
  }

  async close(): Promise<void> {
    if (this.state === "closed") return;
    // Without a connection there is nothing to send any more, and draining would wait for it.
    if (this.state === "connected") await this.connection.drain();
    else await this.connection.close();
    this.become("closed");
  }

  private respond(message: Msg, data: Uint8Array): void {
    if (this.state === "connected") message.respond(data);
  }

  private async follow(): Promise<void> {
    for await (const { type } of this.connection.status()) {
      if (type === "disconnect") this.become("reconnecting");
      else if (type === "reconnect")
        // Its subscriptions are sent again without waiting; the server has them once it has answered this.
        this.connection.flush().then(
          () => this.become("connected"),
          () => {}, // Away again: this comes again.
        );
    }
    this.become("closed");
  }

  private become(state: BusState): void {
    if (this.state === state || this.state === "closed") return;
    this.state = state;
    for (const listener of this.stateListeners) listener(state);
  }
}
