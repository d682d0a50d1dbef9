import { randomBytes, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";

const DEMAND = { "proxy-authenticate": 'Basic realm="job"', "content-length": 0 };

/**
 * A forward proxy on loopback for the ffmpegs of one job. Each has a password of its own, which it finds in its environment,
 * where no other user of the machine can read it.
 */
export class ProxyServer {
  private readonly users = new Map<string, RequestListener>();
  private readonly server = createServer();
  private listening: Promise<number> | undefined;
  private isClosed = false;

  constructor() {
    this.server.on("request", (request, response) => {
      const serve = this.userOf(request);
      if (serve !== undefined) serve(request, response);
      else response.writeHead(407, DEMAND).end();
    });
    // A stream may last for days.
    this.server.requestTimeout = 0;
    // Between two pieces of a playlist.
    this.server.keepAliveTimeout = 60_000;
  }

  /** @returns the address for a new user, with its password; `remove` makes it worthless. */
  async add(serve: RequestListener): Promise<{ address: string; remove: () => void }> {
    this.listening ??= this.listen();
    const port = await this.listening;
    const password = randomBytes(24).toString("hex");
    this.users.set(password, serve);
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
    const { port } = this.server.address() as AddressInfo;
    if (this.isClosed) this.server.close();
    return port;
  }

  private userOf({ headers }: IncomingMessage): RequestListener | undefined {
    const [, encoded = ""] = /^Basic +(\S+)$/i.exec(headers["proxy-authorization"] ?? "") ?? [];
    const given = Buffer.from(Buffer.from(encoded, "base64").toString("latin1").replace(/^job:/, ""), "latin1");
    for (const [password, serve] of this.users) {
      const expected = Buffer.from(password, "latin1");
      if (given.length === expected.length && timingSafeEqual(given, expected)) return serve;
    }
    return undefined;
  }
}
