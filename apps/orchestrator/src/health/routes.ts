import { type Access, GuardedRoutes, open, roomsWith, somewhere } from "@stream-control/service-kit/access";
import type { Request, RequestHandler, Response } from "express";
import type { AgentRegistry } from "../agents/registry.js";
import type { Health } from "./health.js";
import { type ServiceFacts, servicesReply } from "./services.js";

export interface HealthRoutesDeps {
  access: Access;
  readBody: RequestHandler;
  registry: AgentRegistry;
  health: Health;
  facts: ServiceFacts;
  now: () => Date;
}

/** `/health` and `/ready`: what platforms ask, who have no key. Figures and names are for those who are signed in. */
export function healthRoutes({ access, readBody, health }: HealthRoutesDeps): GuardedRoutes {
  const routes = new GuardedRoutes(access, readBody);
  routes.get("/health", open, answerHealth(access, health));
  routes.get("/ready", open, (_request, response) => {
    const reply = health.ready();
    response.set("Cache-Control", "no-store");
    response.status(reply.ready ? 200 : 503).json(reply);
  });
  return routes;
}

/** The same below `/api/v1`, and who there is. */
export function serviceRoutes({ access, readBody, health, registry, facts, now }: HealthRoutesDeps): GuardedRoutes {
  const routes = new GuardedRoutes(access, readBody);
  routes.get("/health", open, answerHealth(access, health));
  routes.get("/services", somewhere("viewer"), (request, response) => {
    const rooms = roomsWith(access.requireCaller(request).principal.grants, "viewer");
    const agents = [...registry.all()].filter(({ room }) => rooms === null || rooms.includes(room));
    response.json(servicesReply(health, agents, facts, now()));
  });
  return routes;
}

const answerHealth = (access: Access, health: Health) => (request: Request, response: Response) => {
  const reply = health.reply(access.callerOf(request) !== undefined);
  response.set("Cache-Control", "no-store");
  response.status(reply.status === "unhealthy" ? 503 : 200).json(reply);
};
