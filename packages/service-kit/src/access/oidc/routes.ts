import type { Request, RequestHandler } from "express";
import { z } from "zod";
import { AppError } from "../../errors.js";
import { currentCaller, withCaller } from "../../http/caller.js";
import { addressKey } from "../../http/callers/client-addresses.js";
import { RateLimiter } from "../../http/callers/rate-limiter.js";
import { asAppError, tooMany } from "../../http/errors.js";
import { parseQuery } from "../../http/parse.js";
import type { Access } from "../access.js";
import { GuardedRoutes, type Handler } from "../guarded-routes.js";
import { openSession } from "../open-session.js";
import type { Principal } from "../principal.js";
import { open } from "../rules.js";
import { OIDC_PATH, type OidcSettings } from "./config.js";
import { grantsOfClaim } from "./grants-map.js";
import { sendOnwards, sendRefusal } from "./pages.js";
import { type Claims, OidcProvider } from "./provider.js";
import { readSignInCookie, SignIns, signInCookie } from "./sign-ins.js";

/** What a provider's answer always has (RFC 6749 §4.1.2); the library looks at the rest of it. */
const callbackQuery = z.object({ state: z.string().max(512) });

/** What one address may ask of the provider and the store; a sign-in is two of them. */
const PER_MINUTE = 60;

export interface OidcRoutesOptions {
  access: Access;
  readBody: RequestHandler;
  settings: OidcSettings;
}

/** `/v1/session/oidc`: signs people in at an OpenID provider, by authorization code with PKCE. */
export function oidcRoutes({ access, readBody, settings }: OidcRoutesOptions): GuardedRoutes {
  const routes = new GuardedRoutes(access, readBody);
  const { store, logger, service, isSecure, addressOf, audit, now = () => new Date() } = access.options;
  const provider = new OidcProvider(settings, logger);
  const signIns = new SignIns(store, now);
  // Behind a proxy the service may have a path of its own.
  const home = new URL(settings.redirectUrl).pathname.slice(0, -`${OIDC_PATH.slice(1)}/callback`.length);
  const pace = new RateLimiter({ perMinute: PER_MINUTE });

  /** @throws AppError `RATE_LIMITED`. */
  const slowDown = (request: Request): void => {
    const waitMs = pace.take(addressKey(addressOf(request)));
    if (waitMs > 0) throw tooMany(waitMs, "Too many sign-ins came from this address.");
  };

  /** Tells a person on a page why they are not in, and everything else as every route does. */
  const forPeople =
    (work: Handler<string>): Handler<string> =>
    async (request, response) => {
      try {
        await work(request, response);
      } catch (thrown) {
        const error = asAppError(thrown);
        if (error.code === "INTERNAL_ERROR" || request.accepts(["json", "html"]) !== "html") throw thrown;
        const message = `${request.method} ${request.baseUrl}${request.path} was refused: ${error.code}.`;
        const entry = { type: "request.refused", subject: `service:${service}`, result: "refused", message } as const;
        if (error.status === 401 || error.status === 403) await audit.record(entry);
        sendRefusal(response, error, `${home}${OIDC_PATH.slice(1)}/start`);
      }
    };

  /** @throws AppError `FORBIDDEN` where no group is worth anything here, or the user is disabled. */
  const userOf = async (claims: Claims): Promise<Principal> => {
    const subject = `${claims.iss} ${claims.sub}`;
    const grants = grantsOfClaim(settings.grants, claims[settings.grantsClaim]);
    if (grants === undefined) {
      // Whoever was let in before, and lost their groups since, goes out with this.
      const id = await access.users.idOfSubject(subject);
      if (id !== undefined) await access.sessions.endAllOf(`user:${id}`);
      access.rightsChanged();
      throw new AppError("FORBIDDEN", "None of your groups at the OpenID provider has a role here; ask an admin.");
    }
    const found = await access.users.signInFromProvider({ subject, grants, ...namesOf(claims) });
    if (found === undefined) throw new AppError("FORBIDDEN", "You are disabled here; ask an admin.");
    const { principal, isNew } = found;
    if (isNew)
      await withCaller({ ...currentCaller(), actor: principal.id, name: principal.name }, () =>
        audit.record({ type: "user.created", subject: principal.id, message: "A user was made.", data: { grants } }),
      );
    // Open sockets of theirs go on with the rights of now.
    else access.rightsChanged();
    return principal;
  };

  // For pages that offer it; there is none without a provider.
  routes.get("/", open, (_request, response) => {
    response.json({ start: `${home}${OIDC_PATH.slice(1)}/start` });
  });

  routes.get(
    "/start",
    open,
    forPeople(async (request, response) => {
      slowDown(request);
      const { secret, proofs } = await signIns.begin();
      const url = await provider.authorizationUrl(proofs);
      response.append("Set-Cookie", signInCookie(secret, service, isSecure(request)));
      response.redirect(302, url.href);
    }),
  );

  routes.get(
    "/callback",
    open,
    forPeople(async (request, response) => {
      slowDown(request);
      const secure = isSecure(request);
      const { state } = parseQuery(callbackQuery, request.query);
      const { search } = new URL(request.originalUrl, settings.redirectUrl);
      const secret = readSignInCookie(request.headers.cookie, service, secure) ?? "";
      const proofs = await signIns.finish(secret, state);
      if (proofs === undefined)
        throw new AppError(
          "UNAUTHENTICATED",
          "This sign-in was not begun in this browser, is over already, or took longer than ten minutes.",
        );
      response.append("Set-Cookie", signInCookie("", service, secure));
      const principal = await userOf(await provider.claimsOf(search, proofs));
      await openSession(access, principal, request, response);
      sendOnwards(response, home);
    }),
  );

  return routes;
}

/** Name and login out of the claims that providers fill, cut to what users have here. */
function namesOf(claims: Claims): { login: string; name: string } {
  const text = (name: string): string | undefined => {
    const value = claims[name];
    return typeof value === "string" ? value.replace(/\p{C}/gu, "").trim().slice(0, 200) || undefined : undefined;
  };
  const login = (text("preferred_username") ?? text("email") ?? claims.sub.slice(0, 200)).replace(/\s+/g, ".");
  return { login: login.toLowerCase(), name: text("name") ?? login };
}
