import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** One agent's way to the orchestrator, which can be cut, held up and closed: a TCP proxy on 127.0.0.1. */
export class Link {
  private readonly pairs = new Set<Pair>();
  private held = false;
  private server: Server | undefined;
  private listening = 0;

  private constructor(private readonly target: number) {}

  /** @param target the port that it leads to. */
  static async open(target: number): Promise<Link> {
    const link = new Link(target);
    await link.allow();
    return link;
  }

  get port(): number {
    return this.listening;
  }

  /** Ends every connection, as a cable does that is pulled and put back. */
  cut(): void {
    for (const pair of this.pairs) pair.cut();
  }

  /** From now on nothing gets through and nobody is told: what is sent waits, and so do new connections. */
  hold(): void {
    this.held = true;
    for (const pair of this.pairs) pair.hold();
  }

  /** What was held up arrives now, late. */
  release(): void {
    this.held = false;
    for (const pair of this.pairs) pair.release();
  }

  /** Ends every connection and takes no new one. */
  async refuse(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    this.cut();
    if (server === undefined) return;
    const closed = once(server, "close");
    server.close();
    await closed;
  }

  /** Takes connections again, at the same port. */
  async allow(): Promise<void> {
    if (this.server !== undefined) return;
    const server = createServer((socket) => this.accept(socket));
    this.server = server;
    server.listen(this.listening, "127.0.0.1");
    await once(server, "listening");
    this.listening = (server.address() as AddressInfo).port;
  }

  private accept(client: Socket): void {
    const pair = new Pair(client, this.target, () => this.pairs.delete(pair));
    this.pairs.add(pair);
    if (this.held) pair.hold();
    else pair.release();
  }
}

/** A connection and the one that it is passed on to. */
class Pair {
  private upstream: Socket | undefined;
  private held = true;

  constructor(
    private readonly client: Socket,
    private readonly target: number,
    private readonly onClose: () => void,
  ) {
    client.pause();
    this.watch(client);
  }

  hold(): void {
    this.held = true;
    this.client.pause();
    this.upstream?.pause();
  }

  release(): void {
    this.held = false;
    if (this.client.destroyed || this.upstream?.destroyed) this.cut();
    else if (this.upstream === undefined) this.connect();
    else {
      this.client.resume();
      this.upstream.resume();
    }
  }

  cut(): void {
    this.client.resetAndDestroy();
    this.upstream?.resetAndDestroy();
    this.onClose();
  }

  /** One side closed in order: the other gets what was sent before. */
  private finish(): void {
    this.client.destroySoon();
    this.upstream?.destroySoon();
    this.onClose();
  }

  private connect(): void {
    const upstream = connect(this.target, "127.0.0.1");
    this.upstream = upstream;
    this.watch(upstream);
    this.pass(this.client, upstream);
    this.pass(upstream, this.client);
    this.client.resume();
  }

  private pass(from: Socket, to: Socket): void {
    from.on("data", (chunk) => {
      if (!to.write(chunk)) from.pause();
    });
    to.on("drain", () => {
      if (!this.held) from.resume();
    });
    from.on("end", () => to.end());
  }

  private watch(socket: Socket): void {
    // A reset is what this is for; the close that follows is what counts.
    socket.on("error", () => {});
    socket.on("close", () => {
      // Who is held up is not told of the other's end either.
      if (!this.held) this.finish();
    });
  }
}
