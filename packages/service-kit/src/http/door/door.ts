import { once } from "node:events";
import { createServer as createHttpServer, type RequestListener, type Server, type ServerOptions } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Logger } from "../../logger.js";
import type { ClientAddresses } from "../callers/client-addresses.js";
import { RateLimiter } from "../callers/rate-limiter.js";
import type { Origins } from "../origins.js";
import { guardServer } from "./guard-server.js";
import { type DoorLimits, doorLimits } from "./limits.js";
import { routeSockets, type SocketRoute } from "./sockets.js";
import { loadTls, type TlsFiles } from "./tls-files.js";
import { TlsReloader } from "./tls-reloader.js";

export interface DoorOptions {
  /** What answers requests, such as an express app. */
  app: RequestListener;
  /** Sockets by path. */
  sockets: Record<string, SocketRoute>;
  origins: Origins;
  addresses: ClientAddresses;
  logger: Logger;
  /** HTTPS; HTTP without it. */
  tls?: TlsFiles | undefined;
  /** Those that differ from {@link doorLimits}. */
  limits?: Partial<DoorLimits> | undefined;
  /** Handshakes per minute and address; 0 is without limit. */
  handshakesPerMinute?: number | undefined;
}

/** A thousand agents behind one address may all come back at once, several times in a minute. */
const HANDSHAKES_PER_MINUTE = 20_000;
/** How long a stop waits for requests under way. */
const REQUESTS_MAY_TAKE_MS = 5000;

/** A service's one way in: an HTTP or HTTPS server with its limits, its guard and its sockets. */
export class Door {
  private constructor(
    private readonly server: Server,
    private readonly reloader: TlsReloader | undefined,
  ) {}

  /**
   * Builds a door; nothing listens yet.
   *
   * @throws ConfigError when the TLS files cannot be used.
   */
  static async build(options: DoorOptions): Promise<Door> {
    const { app, sockets, origins, addresses, logger, tls } = options;
    const limits = { ...doorLimits(options.limits?.maxConnections), ...options.limits };
    const material = tls === undefined ? undefined : await loadTls(tls);
    const settings: ServerOptions = {
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: limits.checkEveryMs,
      maxHeaderSize: limits.maxHeaderBytes,
      // An agent that loses its power sends no goodbye.
      keepAlive: true,
      keepAliveInitialDelay: 30_000,
    };
    const secure =
      material === undefined
        ? undefined
        : createHttpsServer({ ...settings, ...material.options, handshakeTimeout: limits.handshakeTimeoutMs }, app);
    const server: Server = secure ?? createHttpServer(settings, app);
    server.maxHeadersCount = limits.maxHeaders;
    server.setTimeout(limits.idleTimeoutMs);
    const guard = guardServer(server, limits, addresses);
    const handshakes = new RateLimiter({ perMinute: options.handshakesPerMinute ?? HANDSHAKES_PER_MINUTE });
    routeSockets(server, { routes: sockets, origins, addresses, handshakes, guard, logger });
    const reloader =
      secure === undefined || tls === undefined || material === undefined
        ? undefined
        : new TlsReloader(secure, tls, material, logger);
    return new Door(server, reloader);
  }

  /** @returns the port it listens on. */
  async listen(port: number, host?: string): Promise<number> {
    this.server.listen(port, host);
    await once(this.server, "listening");
    this.reloader?.start();
    return (this.server.address() as AddressInfo).port;
  }

  /** Looks now whether the certificate was renewed. */
  async reload(): Promise<void> {
    await this.reloader?.reload();
  }

  /**
   * Takes nobody in any more and waits for requests under way, but not for ones that never end. Sockets are closed by
   * those who have them.
   */
  async close(): Promise<void> {
    const { server } = this;
    this.reloader?.stop();
    const closed = once(server, "close");
    server.close();
    server.closeIdleConnections();
    const cut = setTimeout(() => server.closeAllConnections(), REQUESTS_MAY_TAKE_MS);
    await closed;
    clearTimeout(cut);
  }
}
