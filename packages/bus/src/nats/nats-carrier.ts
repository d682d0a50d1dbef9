import { connect, errors, type Msg, type NatsConnection } from "@nats-io/transport-node";
import { BusError, type BusState } from "../bus.js";
import { type Carrier, type Receiver, StateHolder } from "../carrier.js";
import { type Connecting, reconnectPauseMs, unreachable } from "../connecting.js";
import { NatsLeases } from "./nats-leases.js";

/** @throws BusError when the first connection does not come about. */
export async function connectNats({ url, name, prefix, connectTimeoutMs }: Connecting): Promise<Carrier> {
  let attempt = 0;
  try {
    const connection = await connect({
      ...serversOf(url),
      name,
      timeout: connectTimeoutMs,
      maxReconnectAttempts: -1,
      reconnectDelayHandler: () => reconnectPauseMs(attempt++),
      // A link that is dead without a word is noticed within about ten seconds.
      pingInterval: 5000,
      maxPingOut: 2,
      // Credentials may be put right while we wait.
      ignoreAuthErrorAbort: true,
    });
    return new NatsCarrier(connection, prefix, () => {
      attempt = 0;
    });
  } catch (thrown) {
    throw unreachable(url, "NATS_URL", thrown);
  }
}

/** Credentials inside the address are what everybody writes, and what the client does not read. */
function serversOf(url: string) {
  const parsed = url.split(",").map((part) => {
    const text = part.trim();
    return new URL(text.includes("://") ? text : `nats://${text}`);
  });
  const [first] = parsed;
  const user = decodeURIComponent(first?.username ?? "");
  const pass = decodeURIComponent(first?.password ?? "");
  return {
    servers: parsed.map(({ hostname, port }) => `${hostname}:${port === "" ? 4222 : port}`),
    ...(user === "" ? {} : pass === "" ? { token: user } : { user, pass }),
    ...(parsed.some(({ protocol }) => protocol === "tls:") ? { tls: {} } : {}),
  };
}

class NatsCarrier implements Carrier {
  readonly kind = "nats";
  readonly leases: NatsLeases;
  private readonly holder = new StateHolder();

  constructor(
    private readonly connection: NatsConnection,
    private readonly prefix: string,
    onConnected: () => void,
  ) {
    this.leases = new NatsLeases(connection, prefix);
    void this.followState(onConnected);
  }

  get state(): BusState {
    return this.holder.value;
  }

  onState(listener: (state: BusState) => void): void {
    this.holder.listen(listener);
  }

  async send(subject: string, text: string): Promise<void> {
    try {
      this.connection.publish(`${this.prefix}.${subject}`, text);
    } catch (thrown) {
      throw away(thrown);
    }
  }

  async request(subject: string, text: string, timeoutMs: number): Promise<string> {
    try {
      const answer = await this.connection.request(`${this.prefix}.${subject}`, text, { timeout: timeoutMs });
      return answer.string();
    } catch (thrown) {
      if (
        thrown instanceof errors.NoRespondersError ||
        (thrown instanceof errors.RequestError && thrown.isNoResponders())
      )
        throw new BusError("NO_RESPONDERS", `Nobody answers on ${subject} now.`, { cause: thrown });
      if (thrown instanceof errors.TimeoutError)
        throw new BusError("TIMEOUT", `No answer on ${subject} within ${timeoutMs} ms.`, { cause: thrown });
      throw away(thrown);
    }
  }

  async listen(pattern: string, queue: string | undefined, receiver: Receiver): Promise<() => Promise<void>> {
    const subscription = this.connection.subscribe(`${this.prefix}.${pattern}`, {
      ...(queue === undefined ? {} : { queue }),
      callback: (error: Error | null, message: Msg) => {
        if (error !== null) return;
        const subject = message.subject.slice(this.prefix.length + 1);
        const respond = async (text: string) => {
          message.respond(text);
        };
        receiver.take({ subject, text: message.string(), ...(message.reply === undefined ? {} : { respond }) });
      },
    });
    try {
      // The server answers in order, so it knows of the subscription once it has answered this.
      await this.connection.flush();
    } catch (thrown) {
      subscription.unsubscribe();
      throw away(thrown);
    }
    return () => subscription.drain();
  }

  async close(): Promise<void> {
    this.holder.set("closed");
    // Draining writes out what was published; it never ends without a server.
    if (this.connection.isClosed()) return;
    const flushed = this.connection.drain().catch(() => undefined);
    await Promise.race([flushed, new Promise((resolve) => setTimeout(resolve, 2000).unref())]);
    await this.connection.close();
  }

  private async followState(onConnected: () => void): Promise<void> {
    for await (const { type } of this.connection.status()) {
      if (type === "disconnect") this.holder.set("reconnecting");
      if (type === "reconnect") {
        onConnected();
        // Subscriptions are told to the server again without waiting for it; it has them once it has answered this.
        void this.connection.flush().then(
          () => this.holder.set("connected"),
          // It is away again, and this comes again.
          () => undefined,
        );
      }
    }
  }
}

const away = (cause: unknown): BusError =>
  new BusError("UNAVAILABLE", `NATS cannot be used now: ${cause instanceof Error ? cause.message : String(cause)}.`, {
    cause,
  });
