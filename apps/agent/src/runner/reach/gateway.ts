import {
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import { pipeline } from "node:stream";
import { pinnedLookup } from "@stream-control/service-kit/egress";
import { failureWords, isRefused } from "./connecting.js";
import { authorityOf, PlaylistFilter, plainAddress } from "./playlist.js";

/** What a gateway works with. */
export interface GatewayOptions {
  /** Checked addresses of a host. Rejects for one that may not, or can't, be reached. */
  resolve: (host: string) => Promise<string[]>;
  /** Something led to a host that may not be reached. */
  onRefused: (host: string) => void;
}

/** They concern one connection alone (RFC 9110 §7.6.1), or the gateway. */
const HOP_BY_HOP = new Set(
  "connection keep-alive proxy-connection proxy-authorization te trailer transfer-encoding upgrade host".split(" "),
);

/**
 * Fetches for one source what its ffmpeg asks for: first address, redirect, playlist and segment alike, each at an address
 * that was checked. It speaks TLS in ffmpeg's place, so that ffmpeg needs no connection but the one to the gateway; what
 * comes back names `http` where it named `https`.
 */
export class Gateway {
  /** Hosts with ports that are spoken to in TLS. */
  private readonly tls = new Set<string>();
  private readonly agents = {
    http: new HttpAgent({ keepAlive: true }),
    // As ffmpeg does unless told otherwise: cameras and encoders sign for themselves.
    https: new HttpsAgent({ keepAlive: true, rejectUnauthorized: false }),
  };

  constructor(private readonly options: GatewayOptions) {}

  /** From now on that address is asked for as {@link plainAddress} writes it. */
  admit(address: string): void {
    plainAddress(address, (authority) => this.tls.add(authority));
  }

  close(): void {
    this.agents.http.destroy();
    this.agents.https.destroy();
  }

  /** Answers one request in absolute form, `GET http://host:port/path`. Never rejects. */
  async forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = URL.canParse(request.url ?? "") ? new URL(request.url ?? "") : undefined;
    const isRead = request.method === "GET" || request.method === "HEAD";
    if (url?.protocol !== "http:" || !isRead) return answer(response, 400, "Bad Request");
    const host = url.hostname.replace(/^\[|\]$/g, "");
    try {
      const addresses = await this.options.resolve(host);
      if (!response.destroyed) this.fetch(url, host, addresses, request, response);
    } catch (thrown) {
      if (isRefused(thrown)) this.options.onRefused(thrown.host);
      // The word after the number is what ffmpeg writes into its log.
      answer(response, isRefused(thrown) ? 403 : 502, failureWords(thrown));
    }
  }

  private fetch(
    url: URL,
    host: string,
    addresses: readonly string[],
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    const port = Number(url.port || 80);
    const isTls = this.tls.has(authorityOf(url.hostname, port));
    const shownPort = port === (isTls ? 443 : 80) ? "" : `:${port}`;
    const upstream = (isTls ? httpsRequest : httpRequest)({
      ...{ host, port, method: request.method, path: `${url.pathname}${url.search}` },
      headers: { ...endToEnd(request.headers), host: `${url.hostname}${shownPort}` },
      ...{ agent: isTls ? this.agents.https : this.agents.http, lookup: pinnedLookup(addresses) },
      ...(isTls && isIP(host) === 0 ? { servername: host } : {}),
      // Cameras are sloppy with headers, and whatever they say reaches this job's ffmpeg alone.
      insecureHTTPParser: true,
    });
    response.once("close", () => upstream.destroy());
    upstream.once("error", (thrown) => answer(response, 502, failureWords(thrown)));
    upstream.once("response", (answered) => this.relay(answered, response));
    upstream.end();
  }

  private relay(upstream: IncomingMessage, response: ServerResponse): void {
    const { statusCode = 502, statusMessage } = upstream;
    const headers = endToEnd(upstream.headers);
    const { location } = headers;
    const onTls = (authority: string) => void this.tls.add(authority);
    if (location !== undefined) headers.location = plainAddress(location, onTls);
    const begin = (isPlaylist: boolean) => {
      if (!isPlaylist) {
        response.writeHead(statusCode, statusMessage, headers);
        return;
      }
      // It gets another length, and is given whole where it was asked for from its first byte on.
      const { "content-length": _, "content-range": __, "accept-ranges": ___, ...others } = headers;
      response.writeHead(statusCode === 206 ? 200 : statusCode, others);
    };
    pipeline(upstream, new PlaylistFilter(begin, onTls), response, () => {});
  }
}

function answer(response: ServerResponse, status: number, words: string): void {
  if (response.headersSent || response.destroyed) response.destroy();
  else response.writeHead(status, words, { "content-length": 0 }).end();
}

function endToEnd(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name)));
}
