import { type AgentRecord, agentStateSchema, drainRequestSchema, type Page } from "@stream-control/protocol";
import { AppError } from "@stream-control/service-kit";
import { type Access, GuardedRoutes, inRoom, roomsWith, somewhere } from "@stream-control/service-kit/access";
import { decodeCursor, encodeCursor, listOf, pageQuery, parseBody, parseQuery } from "@stream-control/service-kit/http";
import type { Request, RequestHandler } from "express";
import { z } from "zod";
import type { Drains } from "./drains.js";
import type { AgentRegistry } from "./registry.js";

const agentsQuery = z.object({ ...pageQuery, state: listOf(agentStateSchema).optional() });

export interface AgentRoutesDeps {
  access: Access;
  readBody: RequestHandler;
  registry: AgentRegistry;
  drains: Drains;
}

/** `/v1/agents`: who there is, and drain. */
export function agentRoutes({ access, readBody, registry, drains }: AgentRoutesDeps): GuardedRoutes {
  const routes = new GuardedRoutes(access, readBody);
  const room = (request: Request) => registry.get(String(request.params.id))?.room;

  routes.get("/", somewhere("viewer"), (request, response) => {
    const rooms = roomsWith(access.requireCaller(request).principal.grants, "viewer");
    const all = [...registry.all()]
      .filter((agent) => rooms === null || rooms.includes(agent.room))
      .map((agent) => agent.record())
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    if (Object.keys(request.query).length === 0) response.json(all);
    else response.json(pageOf(all, parseQuery(agentsQuery, request.query)));
  });
  routes.get("/:id", inRoom("viewer", room), (request, response) => {
    response.json(find(registry, request.params.id).record());
  });
  routes.post("/:id/drain", inRoom("operator", room), async (request, response) => {
    const wanted = parseBody(drainRequestSchema, request.body);
    const agent = find(registry, request.params.id);
    await drains.set(agent, wanted);
    response.json({ ok: true, agent: agent.record() });
  });
  return routes;
}

function find(registry: AgentRegistry, id: string) {
  const agent = registry.get(id);
  if (agent === undefined) throw new AppError("AGENT_NOT_FOUND", `There is no agent "${id}".`);
  return agent;
}

/** Agents are few and in memory: the cursor is a place in their order. */
function pageOf(all: AgentRecord[], { state, limit, cursor }: z.infer<typeof agentsQuery>): Page<AgentRecord> {
  const matching = state === undefined ? all : all.filter((agent) => state.includes(agent.state));
  const from = cursor === undefined ? 0 : decodeCursor(cursor);
  const items = matching.slice(from, from + limit);
  return { items, nextCursor: from + limit < matching.length ? encodeCursor(from + limit) : null };
}
