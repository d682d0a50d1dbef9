import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** A connection that sends what the test likes, at the pace that the test likes. */
export class RawClient implements AsyncDisposable {
  received = "";

  private constructor(
    readonly socket: Socket,
    readonly closed: Promise<void>,
  ) {
    socket.setEncoding("latin1").on("data", (text: string) => {
      this.received += text;
    });
  }

  static async open(port: number, localAddress = "127.0.0.1"): Promise<RawClient> {
    const socket = connect({ port, host: "127.0.0.1", localAddress });
    // Being cut off is what many of these are for.
    socket.on("error", () => undefined);
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    await Promise.race([once(socket, "connect"), closed]);
    return new RawClient(socket, closed);
  }

  send(text: string): void {
    if (!this.socket.destroyed) this.socket.write(text, "latin1");
  }

  /** The status of the first answer, once there is one or the connection has ended; 0 without an answer. */
  async status(): Promise<number> {
    while (!this.received.includes("\r\n") && !this.socket.destroyed)
      await Promise.race([once(this.socket, "data").catch(() => undefined), this.closed]);
    return Number(/^HTTP\/1\.1 (\d{3})/.exec(this.received)?.[1] ?? 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
    await this.closed;
  }
}
