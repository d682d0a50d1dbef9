import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { AppError, toError } from "../../errors.js";
import type { Logger } from "../../logger.js";
import { addressKey, type ClientAddresses } from "../callers/client-addresses.js";
import type { RateLimiter } from "../callers/rate-limiter.js";
import { asAppError, errorBody, retryAfterOf, tooMany } from "../errors.js";
import type { Origins } from "../origins.js";
import type { ServerGuard } from "./guard-server.js";

/** A handshake that asks for a socket, and the socket after it. */
export interface Arrival {
  request: IncomingMessage;
  url: URL;
  /** The caller's, see {@link ClientAddresses.of}. */
  address: string;
  /** To be called once it is known who speaks: from then on the socket is not cut for others, and may send more. */
  settle(): void;
}

/** What is done with sockets of one path. */
export interface SocketRoute {
  /** Largest message, after which the socket is closed with 1009 (RFC 6455 §7.4.1). */
  maxMessageBytes: number;
  /** What may come in before {@link Arrival.settle}. Without it, a socket counts as settled when it opens. */
  maxBytesBeforeSettled?: number;
  /** Pages of every origin may open it: for what anybody may see. */
  anyOrigin?: boolean;
  /**
   * Decides on the handshake.
   *
   * @returns what takes over the socket.
   * @throws AppError to refuse it; its status and body are the answer.
   */
  receive(arrival: Arrival): TakeSocket | Promise<TakeSocket>;
}

/** Takes over a socket. The stream below it is for those who write the same frame to thousands of sockets. */
export type TakeSocket = (socket: WebSocket, stream: Duplex) => void;

export interface RouteSocketsOptions {
  /** By path, whose parts may be parameters (`/preview/:id`). */
  routes: Record<string, SocketRoute>;
  origins: Origins;
  addresses: ClientAddresses;
  /** Handshakes per caller; the key is its address. */
  handshakes: RateLimiter;
  guard: ServerGuard;
  logger: Logger;
}

/** How long a route may take to decide, and a refused client to take its answer. */
const DECISION_MS = 10_000;
const FAREWELL_MS = 2000;

/** Routes WebSocket handshakes by path; every one that is not wanted is refused with an HTTP status and the reason. */
export function routeSockets(server: Server, options: RouteSocketsOptions): void {
  const { routes, origins, addresses, handshakes, guard, logger } = options;
  // Compression is off: it costs 300 KiB per socket and lets a small message become a large one.
  const servers = new Map(
    Object.entries(routes).map(([path, { maxMessageBytes }]) => [
      path,
      new WebSocketServer({
        noServer: true,
        maxPayload: maxMessageBytes,
        perMessageDeflate: false,
        clientTracking: false,
      }),
    ]),
  );

  const decide = async (request: IncomingMessage, address: string, bound: ByteBound) => {
    const waitMs = handshakes.take(addressKey(address));
    if (waitMs > 0) throw tooMany(waitMs);
    const url = URL.parse(request.url ?? "", "http://localhost");
    const path = routeOf(url?.pathname ?? "", routes);
    const route = path === undefined ? undefined : routes[path];
    if (route?.anyOrigin !== true) origins.demand(request.headers.origin, request.headers.host);
    const sockets = servers.get(path ?? "");
    if (url === null || route === undefined || sockets === undefined) {
      const known = Object.keys(routes).join(", ");
      throw new AppError("ROUTE_NOT_FOUND", `There is no socket here; use one of ${known}.`);
    }
    bound.max = route.maxBytesBeforeSettled;
    const settle = () => {
      bound.lift();
      guard.settled(request);
    };
    return { sockets, open: await route.receive({ request, url, address, settle }), settle };
  };

  server.on("upgrade", (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    stream.on("error", () => stream.destroy());
    guard.upgraded(request);
    const late = setTimeout(() => stream.destroy(), DECISION_MS);
    const bound = new ByteBound(stream);
    decide(request, addresses.of(request), bound)
      .then(({ sockets, open, settle }) => {
        if (stream.destroyed) return;
        sockets.handleUpgrade(request, stream, head, (socket) => {
          if (bound.max === undefined) settle();
          else bound.watch(() => socket.close(1009, "too much before it is known who speaks"));
          open(socket, stream);
        });
      })
      .catch((thrown: unknown) => {
        const error = asAppError(thrown);
        if (error.status >= 500) logger.error({ err: toError(thrown) }, "a handshake failed");
        refuse(stream, error);
      })
      .finally(() => clearTimeout(late));
  });
}

/** The route of a path: the one that is called so, or one with a parameter where they differ, such as `/preview/:id`. */
function routeOf(path: string, routes: Record<string, SocketRoute>): string | undefined {
  if (Object.hasOwn(routes, path)) return path;
  const parts = path.split("/");
  return Object.keys(routes).find((route) => {
    const wanted = route.split("/");
    return (
      wanted.length === parts.length &&
      wanted.every((part, index) => part === parts[index] || (part.startsWith(":") && parts[index] !== ""))
    );
  });
}

/** Counts what comes over a stream until it is lifted. */
class ByteBound {
  max: number | undefined;
  private got = 0;
  private listener: ((chunk: Buffer) => void) | undefined;

  constructor(private readonly stream: Duplex) {}

  watch(onTooMuch: () => void): void {
    const { max = Number.POSITIVE_INFINITY } = this;
    this.listener = (chunk) => {
      this.got += chunk.length;
      if (this.got <= max) return;
      this.lift();
      onTooMuch();
      // What it sends now is thrown away until it takes the close, which it must do soon.
      setTimeout(() => this.stream.destroy(), FAREWELL_MS).unref();
    };
    this.stream.on("data", this.listener);
  }

  lift(): void {
    if (this.listener !== undefined) this.stream.off("data", this.listener);
    this.listener = undefined;
  }
}

const REASONS: Record<number, string> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  429: "Too Many Requests",
  503: "Service Unavailable",
};

function refuse(stream: Duplex, error: AppError): void {
  if (stream.destroyed) return;
  const body = JSON.stringify(errorBody(error));
  const seconds = retryAfterOf(error);
  const lines = [
    `HTTP/1.1 ${error.status} ${REASONS[error.status] ?? "Refused"}`,
    "Connection: close",
    "Content-Type: application/json; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(seconds === undefined ? [] : [`Retry-After: ${seconds}`]),
  ];
  // A client that never closes its side would otherwise keep the connection, and with it a server that is to stop.
  stream.once("finish", () => stream.destroy());
  setTimeout(() => stream.destroy(), FAREWELL_MS).unref();
  stream.end(`${lines.join("\r\n")}\r\n\r\n${body}`);
}
