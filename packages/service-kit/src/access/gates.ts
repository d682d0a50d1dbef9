import { EVERY_ROOM, type Role } from "@stream-control/protocol";
import type { Request, RequestHandler } from "express";
import { AppError } from "../errors.js";
import { type Access, type Caller, unauthenticated } from "./access.js";
import { holdsSomewhere, includes, roleIn } from "./principal.js";
import type { ClosedRule, Rule } from "./rules.js";

/**
 * The first part of a rule: what can be said before the body is read, so that nobody makes the service read one who may
 * not send any.
 *
 * @throws AppError `UNAUTHENTICATED`, `FORBIDDEN`, `CSRF_FAILED`.
 */
export function requireRole(access: Access, rule: Rule, request: Request): void {
  if (rule.kind === "open") return;
  access.requireIntent(request, requireCallerFor(rule, access.callerOf(request)));
}

/**
 * The same for whoever opens a socket.
 *
 * @throws AppError `UNAUTHENTICATED`, `FORBIDDEN`.
 */
export function requireCallerFor(rule: ClosedRule, caller: Caller | undefined): Caller {
  if (caller === undefined) throw unauthenticated();
  const { grants } = caller.principal;
  if (rule.kind === "everywhere" && !includes(grants[EVERY_ROOM], rule.role)) throw forbidden(rule.role, "every room");
  if ((rule.kind === "somewhere" || rule.kind === "room") && !holdsSomewhere(grants, rule.role))
    throw forbidden(rule.role, "any room");
  return caller;
}

/**
 * The second part: the room.
 *
 * @throws AppError `FORBIDDEN`; `NOT_FOUND` for a room in which the caller is nobody, since what is there is none of
 * their business.
 */
export function requireRoom(access: Access, role: Role, room: string | undefined, request: Request): void {
  if (room === undefined) return;
  const own = roleIn(access.requireCaller(request).principal.grants, room);
  if (includes(own, role)) return;
  if (own === undefined) throw new AppError("NOT_FOUND", "There is no such thing in your rooms.");
  throw forbidden(role, `room "${room}"`);
}

/** A rule as middleware, for what is no route of its own, such as a folder of files. */
export function gate(access: Access, rule: Rule): RequestHandler {
  return async (request, _response, next) => {
    requireRole(access, rule, request);
    if (rule.kind === "room") requireRoom(access, rule.role, await rule.roomOf(request), request);
    next();
  };
}

const forbidden = (role: Role, where: string): AppError =>
  new AppError("FORBIDDEN", `This takes the role ${role} in ${where}; ask an admin for it.`);
