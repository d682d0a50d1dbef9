import type { Destination, Source } from "@stream-control/protocol";

/** An address taken apart, as ffmpeg does it: the host is what stands behind the last `@` before a `/`, `?` or `#`. */
export interface AddressParts {
  /** In lower case. */
  scheme: string;
  /** User and password with their `@`; empty where there are none. */
  userinfo: string;
  /** An IPv6 address without its brackets. */
  host: string;
  port: number | undefined;
  /** From the first `/`, `?` or `#` on. */
  rest: string;
}

/** @returns undefined for what is no address with a host. */
export function addressParts(url: string): AddressParts | undefined {
  const [, scheme, authority, rest = ""] = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)([\s\S]*)$/i.exec(url) ?? [];
  if (scheme === undefined || authority === undefined) return undefined;
  const at = authority.lastIndexOf("@") + 1;
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{0,5}))?$/.exec(authority.slice(at)) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || host === "") return undefined;
  return {
    ...{ scheme: scheme.toLowerCase(), userinfo: authority.slice(0, at), host, rest },
    port: port === undefined || port === "" ? undefined : Number(port),
  };
}

/** How a source or destination is reached where that is not simply by its own address. */
export interface Way {
  /** Takes the place of the address's own scheme, host and port; what is absent stays. */
  to: { scheme?: string; host?: string; port?: number };
  options: readonly string[];
  /** All that may be opened on it; see ffmpeg's `protocol_whitelist`. */
  protocols: string;
}

/** The address to give to ffmpeg for a way. */
export function addressOn(way: Way | undefined, url: string): string {
  const parts = addressParts(url);
  if (way === undefined || parts === undefined) return url;
  const { scheme = parts.scheme, host = parts.host, port = parts.port } = way.to;
  const shownHost = host.includes(":") ? `[${host}]` : host;
  return `${scheme}://${parts.userinfo}${shownHost}${port === undefined ? "" : `:${port}`}${parts.rest}`;
}

/** RTMP's own port, which it names to the server. */
const RTMP_PORT = 1935;

/** Straight to an address that was found for the host; what the protocol says of the host stays the host's name. */
export function pinnedWay(url: string, address: string): Way {
  const { scheme, host, port = RTMP_PORT, rest } = addressParts(url) ?? { scheme: "", host: "", rest: "" };
  const to = { host: address };
  switch (scheme) {
    case "rtmp": {
      const shownHost = host.includes(":") ? `[${host}]` : host;
      return { to, options: ["-rtmp_tcurl", `rtmp://${shownHost}:${port}/${rtmpApp(rest)}`], protocols: "rtmp,tcp" };
    }
    case "srt":
      return { to, options: [], protocols: "srt" };
    default:
      return { to, options: [], protocols: "rtsp,rtsps,rtp,srtp,udp,tcp,tls" };
  }
}

/**
 * The application in the path of an RTMP address, as ffmpeg cuts it out (`rtmp_open` in libavformat/rtmpproto.c): the
 * first segment, and the second too where a third follows and no playpath such as `mp4:name` begins before it.
 */
function rtmpApp(rest: string): string {
  const path = rest.split("#")[0] ?? "";
  if (path.startsWith("/ondemand/")) return "ondemand";
  const slash = path.indexOf("/", 1);
  if (slash < 0) return path.slice(1);
  const colon = path.indexOf(":", slash + 1);
  const second = path.indexOf("/", slash + 1);
  return second < 0 || (colon >= 0 && colon < second) ? path.slice(1, slash) : path.slice(1, second);
}

/** RTMPS through a proxy that the environment names (`http_proxy`): ffmpeg still sees the host, whose name TLS needs. */
export const TUNNELED: Way = { to: {}, options: [], protocols: "rtmps,tls,httpproxy,tcp" };

/**
 * HTTP through a gateway that the environment names (`http_proxy`) and that speaks TLS in ffmpeg's place. Without TLS and
 * without the protocol `httpproxy`, which a playlist could name to connect to anything, ffmpeg reaches the gateway only.
 */
export function gatewayWay(url: string): Way {
  const parts = addressParts(url);
  const to = parts?.scheme === "https" ? { scheme: "http", port: parts.port ?? 443 } : {};
  return { to, options: [], protocols: "http,tcp,crypto" };
}

/** RTSP, also inside TLS, through a relay on this machine. */
export const relayedWay = (port: number): Way => ({
  to: { scheme: "rtsp", host: "127.0.0.1", port },
  options: [],
  protocols: "rtsp,tcp",
});

/**
 * Whether an end waits for the other side to connect, so that its host is an address of this machine. SRT's mode in the
 * address overrules the config; where it is given twice the end counts as one that connects.
 */
export function isListening(end: Source | Destination): boolean {
  if (end.type !== "srt") return "listen" in end && end.listen;
  const query = end.url.split("?").slice(1).join("?");
  const modes = query.split("&").flatMap((pair) => (pair.startsWith("mode=") ? [pair.slice("mode=".length)] : []));
  if (modes.length === 0) return "listen" in end && end.listen;
  return modes.every((mode) => mode === "listener");
}
