import type { Request, Response } from "express";
import { currentCaller, withCaller } from "../http/caller.js";
import type { Access } from "./access.js";
import type { Principal } from "./principal.js";
import { sessionCookie } from "./session-cookie.js";
import type { Session } from "./sessions.js";

/** Opens a session for somebody who has just shown who they are, enters it in the audit and sets its cookie. */
export async function openSession(
  access: Access,
  principal: Principal,
  request: Request,
  response: Response,
): Promise<Session> {
  const { service, isSecure, audit } = access.options;
  // Always a new one: an id that somebody planted in the browser before is worth nothing.
  const earlier = access.callerOf(request)?.session;
  if (earlier != null) await access.sessions.end(earlier.hash);
  const { id, session } = await access.sessions.open(principal.id, principal.expiresAtMs);
  await withCaller({ ...currentCaller(), actor: principal.id, name: principal.name }, () =>
    audit.record({ type: "session.opened", subject: principal.id, message: "Somebody signed in." }),
  );
  const maxAgeSeconds = Math.floor((session.expiresAtMs - Date.now()) / 1000);
  response.append("Set-Cookie", sessionCookie(id, service, isSecure(request), maxAgeSeconds));
  return session;
}
