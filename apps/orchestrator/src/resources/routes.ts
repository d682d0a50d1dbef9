import { roomSchema } from "@stream-control/protocol";
import { type Access, GuardedRoutes, requireRoom, roomsWith, somewhere } from "@stream-control/service-kit/access";
import { parseQuery } from "@stream-control/service-kit/http";
import type { Request, RequestHandler } from "express";
import { z } from "zod";
import type { AgentRegistry } from "../agents/registry.js";
import type { WaitingJob } from "../scheduling/waiting-jobs.js";
import { NOTHING } from "./amounts.js";
import { resourcesReply } from "./report.js";
import type { Scaler } from "./scaler.js";

export interface ResourceRoutesDeps {
  access: Access;
  readBody: RequestHandler;
  registry: AgentRegistry;
  /** Jobs that would start if there were an agent for them. */
  lackAgents: () => Iterable<WaitingJob>;
  scaler: Scaler;
  now: () => Date;
}

const query = z.object({ room: roomSchema.optional() });

/** `/api/v1/resources` and `/api/v1/scaling`: what the fleet has, what it uses, how large it ought to be. */
export function resourceRoutes({ access, readBody, ...deps }: ResourceRoutesDeps): GuardedRoutes {
  const routes = new GuardedRoutes(access, readBody);
  /** The room that is asked for, or all in which the caller may look; null for every room. */
  const roomsOf = (request: Request): readonly string[] | null => {
    const { room } = parseQuery(query, request.query);
    if (room === undefined) return roomsWith(access.requireCaller(request).principal.grants, "viewer");
    requireRoom(access, "viewer", room, request);
    return [room];
  };
  routes.get("/resources", somewhere("viewer"), (request, response) => {
    const rooms = roomsOf(request);
    const isAsked = (room: string) => rooms === null || rooms.includes(room);
    const agents = [...deps.registry.all()].filter(({ room }) => isAsked(room)).sort((a, b) => (a.id < b.id ? -1 : 1));
    const waiting = [...deps.lackAgents()].filter(({ requirement }) => isAsked(requirement.room));
    const needs = waiting.map(({ requirement }) => requirement.needs ?? NOTHING);
    response.json(resourcesReply(agents, needs, deps.scaler.byRoom(rooms), deps.now()));
  });
  routes.get("/scaling", somewhere("viewer"), (request, response) => {
    response.json(deps.scaler.inAll(roomsOf(request)));
  });
  return routes;
}
