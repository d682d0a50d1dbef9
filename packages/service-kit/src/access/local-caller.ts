import { isIP } from "node:net";
import { EVERY_ROOM } from "@stream-control/protocol";
import type { Principal } from "./principal.js";

/** What is looked at of a request. */
export interface Origins {
  /** Address of the other end of the connection itself. */
  peerAddress: string | undefined;
  headers: Record<string, string | string[] | undefined>;
}

/** Headers that a proxy adds: behind one on this machine, a caller may be anywhere. */
const PROXY_HEADERS = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"];

/**
 * Whether a request comes from a program or page of this very machine. A page of anywhere else can make a browser on
 * this machine send requests too, and a name of anywhere else can be made to point to it (DNS rebinding), so `Host` and,
 * where there is one, `Origin` must be this machine as well.
 *
 * @param allowedOrigins origins that somebody has named as good.
 */
export function isLocal({ peerAddress, headers }: Origins, allowedOrigins: readonly string[] = []): boolean {
  if (peerAddress === undefined || !isLoopbackAddress(peerAddress)) return false;
  if (PROXY_HEADERS.some((name) => headers[name] !== undefined)) return false;
  if (!isLoopbackHost(hostOf(headers.host))) return false;
  // `null`, of a file or a sandboxed frame, can be anybody's.
  const { origin } = headers;
  const named = typeof origin === "string" && allowedOrigins.includes(origin);
  if (origin !== undefined && !named && !isLoopbackHost(hostOfOrigin(origin))) return false;
  return headers["sec-fetch-site"] !== "cross-site" || headers.origin !== undefined;
}

/** Whoever works on this machine in development. */
export const LOCAL_PRINCIPAL: Principal = {
  kind: "local",
  id: "local",
  name: "this machine",
  grants: { [EVERY_ROOM]: "admin" },
  expiresAtMs: null,
};

function isLoopbackAddress(address: string): boolean {
  const plain = address.toLowerCase().replace(/^::ffff:/, "");
  return plain === "::1" || (isIP(plain) === 4 && plain.startsWith("127."));
}

function isLoopbackHost(name: string | undefined): boolean {
  if (name === undefined) return false;
  const plain = name.toLowerCase().replace(/^\[(.*)\]$/, "$1");
  return plain === "localhost" || plain.endsWith(".localhost") || isLoopbackAddress(plain);
}

function hostOf(header: string | string[] | undefined): string | undefined {
  return typeof header === "string" ? URL.parse(`http://${header}`)?.hostname : undefined;
}

function hostOfOrigin(header: string | string[]): string | undefined {
  return typeof header === "string" ? URL.parse(header)?.hostname : undefined;
}
