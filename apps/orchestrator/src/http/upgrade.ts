<<<<<<< HEAD
import { type IncomingMessage, type Server, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { AppError, type Logger, toError } from "@stream-control/service-kit";
import {
  type Access,
  type Caller,
  type ClosedRule,
  requireCallerFor,
  somewhere,
} from "@stream-control/service-kit/access";
import { type WebSocket, WebSocketServer } from "ws";
=======
import { AppError } from "@stream-control/service-kit";
import type { Arrival, SocketRoute } from "@stream-control/service-kit/http";
import type { WebSocket } from "ws";
>>>>>>> doors

/** Largest message that is read from a socket. */
const MAX_MESSAGE_BYTES = 1024 * 1024;
/** A hello names at most what an agent runs. */
const MAX_BYTES_BEFORE_HELLO = 128 * 1024;
/** Pages only listen. */
const MAX_PAGE_MESSAGE_BYTES = 64 * 1024;

<<<<<<< HEAD
/** Sockets and who may open them. An agent shows who it is in its hello. */
export const SOCKETS: Readonly<Record<"/agent", "hello"> & Record<"/ui", ClosedRule>> = {
  "/agent": "hello",
  "/ui": somewhere("viewer"),
};

export interface UpgradeOptions {
  access: Access;
  logger: Logger;
  onAgent: (socket: WebSocket, request: IncomingMessage) => void;
  onUi: (socket: WebSocket, caller: Caller, since: number | undefined) => void;
  /** Origins that pages may come from; `undefined` allows all. Programs send no origin and are let in. */
  allowedOrigins: readonly string[] | undefined;
}

/** Routes WebSocket handshakes: `/agent`, `/ui`; everything else is refused with an HTTP status. */
export function routeUpgrades(server: Server, options: UpgradeOptions): void {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES, perMessageDeflate: false });
  server.on("upgrade", (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    stream.on("error", () => stream.destroy());
    answer(request, options)
      .then((accept) => sockets.handleUpgrade(request, stream, head, accept))
      .catch((thrown: unknown) => {
        if (!(thrown instanceof AppError)) options.logger.error({ err: toError(thrown) }, "a handshake failed");
        refuse(
          stream,
          thrown instanceof AppError ? thrown : new AppError("INTERNAL_ERROR", "Something went wrong inside."),
        );
      });
  });
}

/** Who takes the socket over, if there is one at that address and the request may open it. */
async function answer(request: IncomingMessage, options: UpgradeOptions): Promise<(socket: WebSocket) => void> {
  const { allowedOrigins, onAgent, onUi } = options;
  const url = URL.parse(request.url ?? "", "http://localhost");
  const { origin } = request.headers;
  if (origin !== undefined && allowedOrigins !== undefined && !allowedOrigins.includes(origin))
    throw new AppError("ORIGIN_NOT_ALLOWED", "This origin is not in ALLOWED_ORIGINS.");
  if (url?.pathname === "/agent") return (socket) => onAgent(socket, request);
  if (url?.pathname !== "/ui") throw new AppError("NOT_FOUND", "There is no socket here; use /agent or /ui.");
  const since = url.searchParams.get("since");
  if (since !== null && !/^\d{1,15}$/.test(since))
    throw new AppError("INVALID_REQUEST", "since must be an event number.");
  const caller = await callerOf(request, url.searchParams.get("ticket"), options.access);
  return (socket) => onUi(socket, caller, since === null ? undefined : Number(since));
}

async function callerOf(request: IncomingMessage, ticket: string | null, access: Access): Promise<Caller> {
  const caller = ticket === null ? await access.authenticate(request) : await access.byTicket(request, ticket);
  // A browser sends the cookie whoever's page opens the socket, and no header can be added here that proves whose it is.
  if (caller?.byCookie === true)
    throw new AppError("UNAUTHENTICATED", "A session opens a socket with a ticket: POST /v1/tickets, then ?ticket=.");
  return requireCallerFor(SOCKETS["/ui"], caller);
}

function refuse(stream: Duplex, { status, message }: AppError): void {
  // A client that never closes its side would otherwise keep the connection, and with it a server that is to stop.
  stream.once("finish", () => stream.destroy());
  stream.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: text/plain\r\n` +
      `Content-Length: ${Buffer.byteLength(message)}\r\n\r\n${message}`,
  );
=======
export interface SocketOwners {
  onAgent: (socket: WebSocket, arrival: Arrival) => void;
  onUi: (socket: WebSocket, since: number | undefined) => void;
}

/** The sockets of the orchestrator by path: `/agent` and `/ui`. */
export function socketRoutes({ onAgent, onUi }: SocketOwners): Record<string, SocketRoute> {
  return {
    "/agent": {
      maxMessageBytes: MAX_MESSAGE_BYTES,
      maxBytesBeforeSettled: MAX_BYTES_BEFORE_HELLO,
      receive: (arrival) => (socket) => onAgent(socket, arrival),
    },
    "/ui": {
      maxMessageBytes: MAX_PAGE_MESSAGE_BYTES,
      receive: ({ url }) => {
        const since = url.searchParams.get("since");
        if (since !== null && !/^\d{1,15}$/.test(since))
          throw new AppError("INVALID_REQUEST", "since must be an event number.");
        return (socket) => onUi(socket, since === null ? undefined : Number(since));
      },
    },
  };
>>>>>>> doors
}
