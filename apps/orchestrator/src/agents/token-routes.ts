import { createAgentTokenSchema, DEFAULT_ROOM, idSchema } from "@stream-control/protocol";
import { type Access, GuardedRoutes, inRoom, requireRoom } from "@stream-control/service-kit/access";
import type { AuditRecorder } from "@stream-control/service-kit/audit";
import { parseBody } from "@stream-control/service-kit/http";
import type { Request, RequestHandler } from "express";
import type { AgentTokens } from "./agent-tokens.js";
import type { AgentRegistry } from "./registry.js";

export interface TokenRoutesDeps {
  access: Access;
  readBody: RequestHandler;
  audit: AuditRecorder;
  registry: AgentRegistry;
  tokens: AgentTokens;
}

/** `/v1/agents/:id/tokens`: tokens of single agents, also of one that has not said hello yet. */
export function agentTokenRoutes({ access, readBody, audit, registry, tokens }: TokenRoutesDeps): GuardedRoutes {
  const routes = new GuardedRoutes(access, readBody);
  /** Where the agent is now, or was issued a token for; whoever is new belongs nowhere yet. */
  const roomNow = (id: string) => tokens.roomOf(id) ?? registry.get(id)?.room;
  const room = (request: Request) => roomNow(String(request.params.id)) ?? DEFAULT_ROOM;

  routes.get("/:id/tokens", inRoom("admin", room), (request, response) => {
    response.json(tokens.list(request.params.id));
  });
  // The room that is named decides for an agent that is new, both where one moves from one to another.
  const wantedRoom = (request: Request) => {
    const id = String(request.params.id);
    return roomNow(id) ?? createAgentTokenSchema.safeParse(request.body ?? {}).data?.room ?? DEFAULT_ROOM;
  };
  routes.post("/:id/tokens", inRoom("admin", wantedRoom), async (request, response) => {
    const wanted = parseBody(createAgentTokenSchema, request.body);
    const agentId = parseBody(idSchema, request.params.id);
    requireRoom(access, "admin", wanted.room, request);
    const by = access.requireCaller(request).principal.id;
    const kept = { ...wanted, room: wanted.room ?? roomNow(agentId) };
    const issued = await tokens.issue(agentId, kept, by);
    const data = { tokenId: issued.id, room: issued.room, graceMs: wanted.graceMs };
    await audit.record({
      type: "agent.token_issued",
      subject: `agent:${agentId}`,
      message: "A token was issued.",
      data,
    });
    response.status(201).json(issued);
  });
  routes.delete("/:id/tokens/:tokenId", inRoom("admin", room), async (request, response) => {
    const { id, tokenId } = request.params;
    const revoked = await tokens.revoke(id, tokenId);
    const message = "A token was revoked.";
    await audit.record({ type: "agent.token_revoked", subject: `agent:${id}`, message, data: { tokenId } });
    response.json(revoked);
  });
  return routes;
}
