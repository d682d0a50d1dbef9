import { WebSocket } from "ws";

/** A message as it came over a socket. */
export interface WireMessage {
  type: string;
  msgId?: string;
  correlationId?: string;
  seq?: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into payloads of every kind, also of wrong ones.
  payload: any;
}

interface Wait {
  matches(message: WireMessage): boolean;
  resolve(message: WireMessage): void;
}

/** A client's end of a socket: keeps every message in the order of arrival and waits for those still to come. */
export class SocketClient implements AsyncDisposable {
  readonly received: WireMessage[] = [];
  /** How the socket ended. */
  readonly closed: Promise<{ code: number; reason: string }>;
  /** How it was closed, in words; undefined while it is open. */
  private end: string | undefined;
  private readonly waits = new Set<Wait>();

  protected constructor(readonly socket: WebSocket) {
    socket.on("message", (data) => this.take(JSON.parse(data.toString())));
    // What becomes of the socket is told by its close event.
    socket.on("error", () => undefined);
    this.closed = new Promise((resolve) => {
      socket.once("close", (code, reason) => {
        this.end = `closed with ${code} ${reason}`;
        resolve({ code, reason: String(reason) });
      });
    });
  }

  /** Opens a socket; rejects with the HTTP status where the handshake is refused. */
  static async open(url: string, headers: Record<string, string> = {}): Promise<SocketClient> {
    const client = new SocketClient(new WebSocket(url, { headers }));
    await client.opened();
    return client;
  }

  protected async opened(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.socket.once("open", resolve);
    this.socket.once("error", reject);
    this.socket.once("unexpected-response", (_request, response) => {
      reject(new Error(`The handshake was answered with ${response.statusCode}.`));
      this.socket.terminate();
    });
    await promise;
  }

  /** Calls the listener for every message from now on. */
  onMessage(listener: (message: WireMessage) => void): void {
    this.waits.add({
      matches: (message) => {
        listener(message);
        return false;
      },
      resolve: () => undefined,
    });
  }

  sendRaw(data: string | Buffer): void {
    this.socket.send(data);
  }

  /** Messages of one type, in the order of arrival. */
  ofType(type: string): WireMessage[] {
    return this.received.filter((message) => message.type === type);
  }

  /**
   * The first message of the type that fits, among those that came since number `since` or are still to come.
   *
   * @throws when the deadline passes, with what did come.
   */
  async next(
    type: string,
    // biome-ignore lint/suspicious/noExplicitAny: see WireMessage.
    fits: (payload: any) => boolean = () => true,
    { since = 0, deadlineMs = 15_000 }: { since?: number; deadlineMs?: number } = {},
  ): Promise<WireMessage> {
    const matches = (message: WireMessage) => message.type === type && fits(message.payload);
    const there = this.received.slice(since).find(matches);
    if (there !== undefined) return there;
    const { promise, resolve, reject } = Promise.withResolvers<WireMessage>();
    const wait: Wait = { matches, resolve };
    this.waits.add(wait);
    const timer = setTimeout(() => {
      const tail = JSON.stringify(this.received.slice(since).slice(-8)).slice(0, 4000);
      reject(
        new Error(
          `No ${type} that fits came within ${deadlineMs} ms, the socket is ${this.end ?? "open"}; the last messages: ${tail}`,
        ),
      );
    }, deadlineMs);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.waits.delete(wait);
    }
  }

  /** Cuts the connection without a goodbye and waits until it is gone on this side. */
  async cut(): Promise<void> {
    this.socket.terminate();
    if (this.socket.readyState !== this.socket.CLOSED) await this.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cut();
  }

  private take(message: WireMessage): void {
    this.received.push(message);
    for (const wait of [...this.waits]) if (wait.matches(message)) wait.resolve(message);
  }
}
