import type { Request, RequestHandler } from "express";
import type { Access } from "../access/access.js";
import { authenticate } from "../access/authenticate.js";
import { type Caller, runAs } from "../http/caller.js";
import type { ClientAddresses } from "../http/callers/client-addresses.js";

/** Two middlewares as one, the second after the first. */
export const inTurn =
  (first: RequestHandler, second: RequestHandler): RequestHandler =>
  (request, response, next) => {
    first(request, response, (thrown?: unknown) => {
      if (thrown === undefined) second(request, response, next);
      else next(thrown);
    });
  };

/** Whoever sent a request, as the event log names them. */
export function callerOf(request: Request, access: Access, addresses: ClientAddresses): Caller {
  const principal = access.callerOf(request)?.principal;
  const from = { address: addresses.of(request), userAgent: request.headers["user-agent"] };
  if (principal === undefined) return { actor: "anonymous", ...from };
  return { actor: principal.id, ...(principal.kind === "local" ? {} : { name: principal.name }), ...from };
}

/** Finds out who is asking, and does everything that follows in their name. */
export const identify = (access: Access, addresses: ClientAddresses): RequestHandler =>
  inTurn(
    authenticate(access),
    runAs((request) => callerOf(request, access, addresses)),
  );

/**
 * By whom requests are counted beside their address; undefined for whoever needs no key: that is nobody in particular, and one such
 * caller must not use up the share of all.
 */
export const rateKey =
  (access: Access) =>
  (request: Request): string | undefined => {
    const principal = access.callerOf(request)?.principal;
    return principal?.kind === "local" ? undefined : principal?.id;
  };
