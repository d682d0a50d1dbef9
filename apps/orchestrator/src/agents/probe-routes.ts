import { agentProbeSchema, probeRequestSchema } from "@stream-control/protocol";
import { AppError } from "@stream-control/service-kit";
import {
  type Access,
  GuardedRoutes,
  inRoom,
  requireRoom,
  roomByDefault,
  somewhere,
} from "@stream-control/service-kit/access";
import { parseBody } from "@stream-control/service-kit/http";
import type { RequestHandler } from "express";
import type { Agent } from "./agent.js";
import type { Look, Probes } from "./probes.js";
import type { AgentRegistry } from "./registry.js";

export interface ProbeRoutesDeps {
  access: Access;
  readBody: RequestHandler;
  registry: AgentRegistry;
  probes: Probes;
}

/** `/v1/agents/:id/probe`: what that agent sees in a source. */
export function agentProbeRoutes(deps: ProbeRoutesDeps): GuardedRoutes {
  const routes = new GuardedRoutes(deps.access, deps.readBody);
  const ofAgent = inRoom("operator", (request) => deps.registry.get(String(request.params.id))?.room);
  routes.post("/:id/probe", ofAgent, async (request, response) => {
    const look = parseBody(agentProbeSchema, request.body);
    response.json(await answer(deps, find(deps, request.params.id), look));
  });
  return routes;
}

/** `/v1/probe`: what an agent sees in a source, which one it is being no matter. */
export function probeRoutes(deps: ProbeRoutesDeps): GuardedRoutes {
  const { access, readBody, probes } = deps;
  const routes = new GuardedRoutes(access, readBody);
  routes.post("/", somewhere("operator"), async (request, response) => {
    const { agentId, room, ...look } = parseBody(probeRequestSchema, request.body);
    const named = agentId == null ? undefined : deps.registry.get(agentId);
    const inRoomOf = named?.room ?? room ?? roomByDefault(access.requireCaller(request).principal.grants, "operator");
    requireRoom(access, "operator", inRoomOf, request);
    const agent = agentId == null ? probes.choose(inRoomOf, look.source) : find(deps, agentId);
    response.json(await answer(deps, agent, look));
  });
  return routes;
}

function find({ registry }: ProbeRoutesDeps, id: string): Agent {
  const agent = registry.get(id);
  if (agent === undefined) throw new AppError("AGENT_NOT_FOUND", `There is no agent "${id}".`);
  return agent;
}

const answer = async ({ probes }: ProbeRoutesDeps, agent: Agent, look: Look) => ({
  ok: true,
  agentId: agent.id,
  probe: await probes.look(agent, look),
});
