import type { IncomingMessage } from "node:http";
import { AppError } from "@stream-control/service-kit";
import { AllowedNetworks } from "@stream-control/service-kit/egress";
import { type ClientAddresses, plainAddress } from "@stream-control/service-kit/http";
import type { RequestHandler } from "express";
import type { PublicSettings } from "./settings.js";

/** What anybody may reach wherever they are: as exact paths, so that another way of writing one is refused, not let in. */
const PUBLIC_PATHS: ReadonlySet<string> = new Set([
  ...["/status", "/status-ws", "/healthz"],
  ...["/embed", "/embed.js", "/embed.css", "/live.js"],
]);

/** Headers that a proxy adds. */
const PROXY_HEADERS = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/**
 * With `ENABLE_PUBLIC_ACCESS_RESTRICTIONS`, who comes from outside reaches what is public and nothing else, whatever they
 * can show. Where somebody comes from is judged by the connection, or by what the proxies of `TRUSTED_PROXIES` say. A
 * header that anybody can send never lets anybody in; it can only keep them out.
 */
export class Insiders {
  private readonly networks: AllowedNetworks;

  constructor(
    private readonly settings: Pick<PublicSettings, "restricted" | "insideNetworks">,
    private readonly addresses: ClientAddresses,
  ) {
    this.networks = AllowedNetworks.parse(settings.insideNetworks);
  }

  /** @throws AppError `OUTSIDE_NOT_ALLOWED` for somebody from outside who asks for what is not public. */
  demand(request: IncomingMessage, path: string): void {
    if (!this.settings.restricted || PUBLIC_PATHS.has(path) || this.isInside(request)) return;
    throw new AppError(
      "OUTSIDE_NOT_ALLOWED",
      "From outside, only /status and /embed can be reached here (ENABLE_PUBLIC_ACCESS_RESTRICTIONS).",
    );
  }

  /** The same as middleware, before it is asked who calls. */
  get gate(): RequestHandler {
    return (request, _response, next) => {
      this.demand(request, request.path);
      next();
    };
  }

  private isInside(request: IncomingMessage): boolean {
    const address = this.addresses.of(request);
    // It came through a proxy that was not named, or that does not say from whom: from anywhere, for all that is known.
    const isUntold = address === plainAddress(request.socket.remoteAddress);
    if (isUntold && PROXY_HEADERS.some((name) => request.headers[name] !== undefined)) return false;
    return this.networks.allows(address);
  }
}
