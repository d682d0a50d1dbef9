import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";

/** Largest message that is read from a socket; a larger one closes it with 1009 (RFC 6455 §7.4.1). */
const MAX_MESSAGE_BYTES = 1024 * 1024;

export interface UpgradeOptions {
  /** The request says where the socket comes from. */
  onAgent: (socket: WebSocket, request: IncomingMessage) => void;
  onUi: (socket: WebSocket, since: number | undefined) => void;
  /** Origins that pages may come from; `undefined` allows all. Programs send no origin and are let in. */
  allowedOrigins: readonly string[] | undefined;
}

/** Routes WebSocket handshakes: `/agent`, `/ui`; everything else is refused with an HTTP status. */
export function routeUpgrades(server: Server, { onAgent, onUi, allowedOrigins }: UpgradeOptions): void {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES, perMessageDeflate: false });
  server.on("upgrade", (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    stream.on("error", () => stream.destroy());
    const url = URL.parse(request.url ?? "", "http://localhost");
    const { origin } = request.headers;
    if (origin !== undefined && allowedOrigins !== undefined && !allowedOrigins.includes(origin))
      refuse(stream, "403 Forbidden", "This origin is not in ALLOWED_ORIGINS.");
    else if (url?.pathname === "/agent") sockets.handleUpgrade(request, stream, head, onAgent);
    else if (url?.pathname === "/ui") {
      const since = url.searchParams.get("since");
      if (since !== null && !/^\d{1,15}$/.test(since))
        refuse(stream, "400 Bad Request", "since must be an event number.");
      else
        sockets.handleUpgrade(request, stream, head, (socket) =>
          onUi(socket, since === null ? undefined : Number(since)),
        );
    } else refuse(stream, "404 Not Found", "There is no socket here; use /agent or /ui.");
  });
}

function refuse(stream: Duplex, status: string, sentence: string): void {
  // A client that never closes its side would otherwise keep the connection, and with it a server that is to stop.
  stream.once("finish", () => stream.destroy());
  stream.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${sentence.length}\r\n\r\n${sentence}`,
  );
}
