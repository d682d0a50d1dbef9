import { type SessionRecord, signInSchema } from "@stream-control/protocol";
import type { Request, RequestHandler } from "express";
import { AppError } from "../errors.js";
import { parseBody } from "../http/parse.js";
import { type Access, type Caller, refuseBlocked } from "./access.js";
import { GuardedRoutes } from "./guarded-routes.js";
import type { Principal } from "./principal.js";
import { open, signedIn } from "./rules.js";
import { endedCookie, sessionCookie } from "./session-cookie.js";

/** `/v1/session`: sign in, who am I, sign out. */
export function sessionRoutes(access: Access, readBody: RequestHandler): GuardedRoutes {
  const routes = new GuardedRoutes(access, readBody);
  const { service, isSecure, failures, addressOf } = access.options;

  const whoIs = async (request: Request): Promise<Principal | undefined> => {
    const given = parseBody(signInSchema, request.body);
    return "key" in given ? access.keys.verify(given.key) : access.users.signIn(given.login, given.password);
  };

  routes.get("/", signedIn, (request, response) => {
    response.json(recordOf(access.requireCaller(request)));
  });

  routes.post("/", open, async (request, response) => {
    // Somebody else's page must not sign a browser in as whom it likes either.
    access.requireOwnPage(request);
    const address = addressOf(request);
    refuseBlocked(failures.check(address));
    const principal = await whoIs(request);
    if (principal === undefined) {
      failures.failed(address);
      throw new AppError("UNAUTHENTICATED", "The login or the password is wrong, or the key does not count.");
    }
    failures.succeeded(address);
    // Always a new one: an id that somebody planted in the browser before is worth nothing.
    const earlier = access.callerOf(request)?.session;
    if (earlier != null) await access.sessions.end(earlier.hash);
    const { id, session } = await access.sessions.open(principal.id, principal.expiresAtMs);
    const maxAgeSeconds = Math.floor((session.expiresAtMs - Date.now()) / 1000);
    response.append("Set-Cookie", sessionCookie(id, service, isSecure(request), maxAgeSeconds));
    response.json(recordOf({ principal, session, byCookie: true }));
  });

  routes.delete("/", open, async (request, response) => {
    const caller = access.callerOf(request);
    if (caller !== undefined) access.requireIntent(request, caller);
    if (caller?.session != null) {
      await access.sessions.end(caller.session.hash);
      access.rightsChanged();
    }
    response.append("Set-Cookie", endedCookie(service, isSecure(request)));
    response.status(204).end();
  });

  return routes;
}

/** `/v1/tickets`: what a page opens a socket with. */
export function ticketRoutes(access: Access, readBody: RequestHandler): GuardedRoutes {
  const routes = new GuardedRoutes(access, readBody);
  routes.post("/", signedIn, async (request, response) => {
    const { principal, session } = access.requireCaller(request);
    const ticket = await access.tickets.issue({ principalId: principal.id, sessionHash: session?.hash ?? null });
    response.status(201).json(ticket);
  });
  return routes;
}

function recordOf({ principal, session, byCookie }: Caller): SessionRecord {
  const endMs = session?.expiresAtMs ?? principal.expiresAtMs;
  return {
    kind: principal.kind,
    id: principal.id,
    name: principal.name,
    grants: principal.grants,
    csrfToken: byCookie && session !== null ? session.csrfToken : null,
    expiresAt: endMs === null ? null : new Date(endMs).toISOString(),
  };
}
