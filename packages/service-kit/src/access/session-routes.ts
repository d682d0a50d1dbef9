import { type SessionRecord, signInSchema } from "@stream-control/protocol";
import type { Request, RequestHandler } from "express";
import { AppError } from "../errors.js";
import { tooMany } from "../http/errors.js";
import { parseBody } from "../http/parse.js";
import type { Access, Caller } from "./access.js";
import { GuardedRoutes } from "./guarded-routes.js";
import { openSession } from "./open-session.js";
import type { Principal } from "./principal.js";
import { open, signedIn } from "./rules.js";
import { endedCookie } from "./session-cookie.js";

/** `/v1/session`: sign in, who am I, sign out. */
export function sessionRoutes(access: Access, readBody: RequestHandler): GuardedRoutes {
  const routes = new GuardedRoutes(access, readBody);
  const { service, isSecure, guesses, addressOf, audit } = access.options;

  /** @throws AppError `UNAUTHENTICATED`, `RATE_LIMITED`. */
  const whoIs = async (request: Request): Promise<Principal> => {
    const given = parseBody(signInSchema, request.body);
    const address = addressOf(request);
    const name = "key" in given ? "key" : given.login;
    const waitMs = guesses.check(address, name);
    if (waitMs > 0) throw tooMany(waitMs, "Too many wrong tries to sign in.");
    // Counted before the slow check of a password, so that many at once are not all let through.
    guesses.failed(address, name);
    const principal =
      "key" in given ? await access.keys.verify(given.key) : await access.users.signIn(given.login, given.password);
    if (principal === undefined)
      throw new AppError("UNAUTHENTICATED", "The login or the password is wrong, or the key does not count.");
    guesses.succeeded(address, name);
    return principal;
  };

  routes.get("/", signedIn, (request, response) => {
    response.json(recordOf(access.requireCaller(request)));
  });

  routes.post("/", open, async (request, response) => {
    // Somebody else's page must not sign a browser in as whom it likes either.
    access.requireOwnPage(request);
    const principal = await whoIs(request);
    const session = await openSession(access, principal, request, response);
    response.json(recordOf({ principal, session, byCookie: true }));
  });

  routes.delete("/", open, async (request, response) => {
    const caller = access.callerOf(request);
    if (caller !== undefined) access.requireIntent(request, caller);
    if (caller?.session != null) {
      await access.sessions.end(caller.session.hash);
      access.rightsChanged();
      await audit.record({ type: "session.ended", subject: caller.principal.id, message: "Somebody signed out." });
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
