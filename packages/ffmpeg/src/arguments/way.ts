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

/** RTMP names its port to the server, also where the address does not. */
const RTMP_PORTS: Record<string, number> = { rtmp: 1935, rtmps: 443 };

/** Straight to an address that was found for the host; what the protocol says of the host stays the host's name. */
export function pinnedWay(url: string, address: string): Way {
  const parts = addressParts(url);
  const to = { host: address };
  switch (parts?.scheme) {
    case "rtmp":
      return { to, options: rtmpTarget(parts), protocols: "rtmp,tcp" };
    case "srt":
      return { to, options: [], protocols: "srt" };
    default:
      return { to, options: [], protocols: "rtsp,rtsps,rtp,srtp,udp,tcp,tls" };
  }
}

/** RTSP, RTSPS or RTMPS through a relay on this machine, which speaks TLS in ffmpeg's place. */
export function relayedWay(url: string, port: number): Way {
  const parts = addressParts(url);
  const isRtmp = parts?.scheme === "rtmps";
  const scheme = isRtmp ? "rtmp" : "rtsp";
  const to = { scheme, host: "127.0.0.1", port };
  return { to, options: isRtmp ? rtmpTarget(parts) : [], protocols: `${scheme},tcp` };
}

/** Keeps the host's name, as which servers know their customers, where ffmpeg connects to something else. */
function rtmpTarget({ scheme, host, port, rest }: AddressParts): string[] {
  const shownHost = host.includes(":") ? `[${host}]` : host;
  return ["-rtmp_tcurl", `${scheme}://${shownHost}:${port ?? RTMP_PORTS[scheme]}/${rtmpApp(rest)}`];
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

/**
 * HTTP through a gateway that the environment names (`http_proxy`) and that speaks TLS in ffmpeg's place. Without TLS and
 * without the protocol `httpproxy`, which a playlist could name to connect to anything, ffmpeg reaches the gateway only.
 */
export function gatewayWay(url: string): Way {
  const parts = addressParts(url);
  const to = parts?.scheme === "https" ? { scheme: "http", port: parts.port ?? 443 } : {};
  return { to, options: [], protocols: "http,tcp,crypto" };
}

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
