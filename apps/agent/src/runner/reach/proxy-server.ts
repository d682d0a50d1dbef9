import { randomBytes, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";

/** What one ffmpeg may do with the proxy. */
export interface ProxyUser {
  /** A request in absolute form. */
  onRequest?: (request: IncomingMessage, response: ServerResponse) => void;
  /** A CONNECT. */
  onConnect?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

const DEMAND = 'Basic realm="job"';
const REFUSAL = `HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: ${DEMAND}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`;

/**
 * A forward proxy on loopback for the ffmpegs of one job. Each has a password of its own, which it finds in its environment,
 * where no other user of the machine can read it.
 */
export class ProxyServer {
  private readonly users = new Map<string, ProxyUser>();
  private readonly server = createServer();
  private listening: Promise<number> | undefined;
  private isClosed = false;

  constructor() {
    this.server.on("request", (request, response) => {
      const user = this.userOf(request);
      if (user?.onRequest !== undefined) user.onRequest(request, response);
      else response.writeHead(407, { "proxy-authenticate": DEMAND, "content-length": 0 }).end();
    });
    this.server.on("connect", (request, socket, head) => {
      socket.on("error", () => {});
      const user = this.userOf(request);
      if (user?.onConnect !== undefined) user.onConnect(request, socket, head);
      else socket.end(REFUSAL);
    });
    // A stream may last for days.
    this.server.requestTimeout = 0;
    // Between two pieces of a playlist.
    this.server.keepAliveTimeout = 60_000;
  }

  /** @returns the address for a new user, with its password; `remove` makes it worthless. */
  async add(user: ProxyUser): Promise<{ address: string; remove: () => void }> {
    this.listening ??= this.listen();
    const port = await this.listening;
    const password = randomBytes(24).toString("hex");
    this.users.set(password, user);
    return { address: `http://job:${password}@127.0.0.1:${port}`, remove: () => void this.users.delete(password) };
  }

  close(): void {
    this.isClosed = true;
    this.users.clear();
    this.server.close();
    this.server.closeAllConnections();
  }

  private async listen(): Promise<number> {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    if (this.isClosed) this.server.close();
    return (this.server.address() as AddressInfo | null)?.port ?? 0;
  }

  private userOf({ headers }: IncomingMessage): ProxyUser | undefined {
    const [, encoded = ""] = /^Basic +(\S+)$/i.exec(headers["proxy-authorization"] ?? "") ?? [];
    const given = Buffer.from(Buffer.from(encoded, "base64").toString("latin1").replace(/^job:/, ""), "latin1");
    for (const [password, user] of this.users) {
      const expected = Buffer.from(password, "latin1");
      if (given.length === expected.length && timingSafeEqual(given, expected)) return user;
    }
    return undefined;
  }
}
