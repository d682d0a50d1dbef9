import type { IncomingMessage } from "node:http";
import { connect } from "node:net";
import { type Duplex, pipeline } from "node:stream";
import { failureWords, isRefused, pinnedLookup } from "./connecting.js";
import type { GatewayOptions } from "./gateway.js";

/** What a tunnel works with. */
export interface TunnelOptions extends GatewayOptions {
  /** The only end that it leads to. */
  host: string;
  port: number;
}

/** Answers CONNECT for one host and port, at an address that was checked: TLS goes through unseen, with the host's name. */
export function openTunnel({ host, port, resolve, onRefused }: TunnelOptions) {
  return async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    const end = (status: number, words: string) =>
      void socket.end(`HTTP/1.1 ${status} ${words}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    const shown = host.includes(":") ? `[${host}]` : host;
    if (request.url !== `${shown}:${port}`) return end(403, "Address not allowed");
    try {
      const addresses = await resolve(host);
      if (socket.destroyed) return;
      const upstream = connect({ host, port, lookup: pinnedLookup(addresses) });
      upstream.once("error", (thrown) => end(502, failureWords(thrown)));
      upstream.once("connect", () => {
        upstream.removeAllListeners("error").on("error", () => socket.destroy());
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        upstream.write(head);
        pipeline(socket, upstream, () => {});
        pipeline(upstream, socket, () => {});
      });
      socket.once("close", () => upstream.destroy());
    } catch (thrown) {
      if (isRefused(thrown)) onRefused(thrown.host);
      end(isRefused(thrown) ? 403 : 502, failureWords(thrown));
    }
  };
}
