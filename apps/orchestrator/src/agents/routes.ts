import { type AgentRecord, agentStateSchema, drainRequestSchema, type Page } from "@stream-control/protocol";
import { AppError } from "@stream-control/service-kit";
import { decodeCursor, encodeCursor, listOf, pageQuery, parseBody, parseQuery } from "@stream-control/service-kit/http";
import { Router } from "express";
import { z } from "zod";
import type { Drains } from "./drains.js";
import type { AgentRegistry } from "./registry.js";

const agentsQuery = z.object({ ...pageQuery, state: listOf(agentStateSchema).optional() });

/** `/v1/agents`: who there is, and drain. */
export function agentRoutes(registry: AgentRegistry, drains: Drains): Router {
  const router = Router();
  router.get("/", (request, response) => {
    const all = [...registry.all()].map((agent) => agent.record()).sort((a, b) => (a.id < b.id ? -1 : 1));
    if (Object.keys(request.query).length === 0) response.json(all);
    else response.json(pageOf(all, parseQuery(agentsQuery, request.query)));
  });
  router.get("/:id", (request, response) => {
    response.json(find(registry, request.params.id).record());
  });
  router.post("/:id/drain", async (request, response) => {
    const wanted = parseBody(drainRequestSchema, request.body);
    const agent = find(registry, request.params.id);
    await drains.set(agent, wanted);
    response.json({ ok: true, agent: agent.record() });
  });
  return router;
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
