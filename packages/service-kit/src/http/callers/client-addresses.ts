import type { IncomingMessage } from "node:http";
import { isIP, isIPv4 } from "node:net";
import type { TLSSocket } from "node:tls";
import { ipKeyGenerator } from "express-rate-limit";
import proxyAddr from "proxy-addr";
import { ConfigError } from "../../config.js";

/** Decides whether a hop is one of our own proxies; its signature is the one of express's `trust proxy`. */
export type TrustProxy = (address: string, hop: number) => boolean;

/**
 * Who a request comes from. `X-Forwarded-For` and `X-Forwarded-Proto` count only where the connection comes from a named
 * proxy, and only as far back as every hop is one; from anybody else they are just text.
 */
export class ClientAddresses {
  /** For `app.set("trust proxy", …)`, so that `request.ip` and `request.secure` say the same. */
  readonly trust: TrustProxy;

  /**
   * @param proxies addresses, CIDR blocks, and the words `loopback`, `linklocal`, `uniquelocal`; none unless given.
   * @throws ConfigError that names an entry which is none of these.
   */
  constructor(proxies: readonly string[] = []) {
    for (const entry of proxies) compile([entry]);
    this.trust = compile(proxies);
  }

  /** The caller's address: of the connection, or what the nearest named proxies say. Works before express too. */
  of(request: IncomingMessage): string {
    const peer = plainAddress(request.socket.remoteAddress);
    if (!this.trust(peer, 0)) return peer;
    const forwarded = plainAddress(proxyAddr(request, this.trust));
    // A proxy that passes on anything but an address has told us nothing; the proxy itself is all that is known.
    return isIP(forwarded) === 0 ? peer : forwarded;
  }

  /** Whether the caller speaks TLS, to us or to a named proxy. */
  isSecure(request: IncomingMessage): boolean {
    if ((request.socket as Partial<TLSSocket>).encrypted === true) return true;
    if (!this.isProxy(request.socket.remoteAddress)) return false;
    const [first = ""] = String(request.headers["x-forwarded-proto"] ?? "").split(",");
    return first.trim().toLowerCase() === "https";
  }

  /** Whether many callers may stand behind a connection from this address. */
  isProxy(address: string | undefined): boolean {
    return this.trust(plainAddress(address), 0);
  }
}

function compile(proxies: readonly string[]): TrustProxy {
  try {
    return proxyAddr.compile([...proxies]);
  } catch (cause) {
    throw new ConfigError(
      `The configuration is wrong: TRUSTED_PROXIES: "${proxies.join(", ")}" is no address, no CIDR block and none of loopback, linklocal, uniquelocal.`,
      { cause },
    );
  }
}

/** An address as it is compared and shown: IPv4 in its own form where IPv6 carries it, no zone. */
export function plainAddress(address: string | undefined): string {
  const bare = (address ?? "").replace(/%.*$/, "").toLowerCase();
  const mapped = bare.startsWith("::ffff:") ? bare.slice("::ffff:".length) : "";
  return isIPv4(mapped) ? mapped : bare;
}

/** Whether an address is of this machine. */
export const isLoopback = (address: string): boolean => address === "::1" || /^127\./.test(address);

/** A site usually has a whole /64 of IPv6 to send from (RFC 6177), so that is what is counted as one caller. */
const IPV6_PREFIX = 64;

/** What a caller without a name is counted under: its IPv4 address, or its block of IPv6. */
export const addressKey = (address: string): string => ipKeyGenerator(address, IPV6_PREFIX);
