import type { Express, Request, RequestHandler } from "express";
import type { ClientAddresses } from "./callers/client-addresses.js";
import { limitRequests, type RequestRates } from "./callers/limit-requests.js";
import { crossOrigin, type Origins } from "./origins.js";
import { type PageSources, securityHeaders } from "./security-headers.js";

export interface GuardAppOptions {
  addresses: ClientAddresses;
  origins: Origins;
  rates: RequestRates;
  /** Finds out who calls; it comes before the caller's requests are counted. */
  authenticate?: RequestHandler;
  /** The caller's name for the rate limits, once it is authenticated. */
  keyOf?: (request: Request) => string | undefined;
  /** What the service's pages need from elsewhere. */
  pages?: PageSources;
  /** Paths that are not counted, because machines ask there whether the service is well. */
  uncounted?: readonly string[];
}

/** What stands in front of every service's routes: headers, origins, who calls, and how often. */
export function guardApp(app: Express, options: GuardAppOptions): void {
  const { addresses, origins, rates, authenticate, keyOf, pages, uncounted = [] } = options;
  app.disable("x-powered-by");
  app.set("trust proxy", addresses.trust);
  app.use(securityHeaders(addresses, pages));
  app.use(crossOrigin(origins));
  if (authenticate !== undefined) app.use(authenticate);
  const limit = limitRequests({ rates, addresses, keyOf });
  app.use((request, response, next) => {
    if (uncounted.includes(request.path)) next();
    else limit(request, response, next);
  });
}
