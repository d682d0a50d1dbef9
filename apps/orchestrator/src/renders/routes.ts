import { parseRenderRequest, roomSchema } from "@stream-control/protocol";
import type { Logger } from "@stream-control/service-kit";
import {
  type Access,
  GuardedRoutes,
  inRoom,
  requireRoom,
  roomByDefault,
  somewhere,
} from "@stream-control/service-kit/access";
import type { AuditRecorder } from "@stream-control/service-kit/audit";
import { type ClientAddresses, parseQuery } from "@stream-control/service-kit/http";
import type { Request, RequestHandler } from "express";
import { z } from "zod";
import type { Probes } from "../agents/probes.js";
import type { WorkflowRun } from "../workflows/run.js";
import { dryRun } from "./dry-run.js";
import { baseOf, correlate, waitOf } from "./http.js";
import { type Renders, requesterOf } from "./renders.js";
import { failed, goneSignal, wrongRequest } from "./replies.js";
import { orchestrateReply, renderStatus, renderStatusOf } from "./status.js";

export interface RenderRoutesDeps {
  access: Access;
  readBody: RequestHandler;
  addresses: ClientAddresses;
  audit: AuditRecorder;
  probes: Probes;
  renders: Renders;
  /** How long a request waits for its result. */
  immediateMs: number;
  logger: Logger;
}

const query = z.object({ dryRun: z.enum(["true", "false"]).optional(), room: roomSchema.optional() });

/** `/api/v1`: render, watch, cancel. */
export function renderRoutes(deps: RenderRoutesDeps): GuardedRoutes {
  const { access, readBody, audit, renders, logger, addresses } = deps;
  const routes = new GuardedRoutes(access, readBody);
  routes.router.use(correlate);

  const roomOf = async (request: Request) => (await renders.byId(String(request.params.id)))?.room;
  const view = (request: Request, run: WorkflowRun) => renders.view(run, baseOf(request, addresses));

  routes.post("/orchestrate", somewhere("operator"), async (request, response) => {
    const { dryRun: isDry, room: named } = parseQuery(query, request.query);
    const { principal } = access.requireCaller(request);
    const room = named ?? roomByDefault(principal.grants, "operator");
    const parsed = parseRenderRequest(request.body ?? {});
    if (!parsed.ok) throw wrongRequest(parsed.issues);
    requireRoom(access, "operator", room, request);
    if (isDry === "true") {
      response.json(await dryRun(parsed.value, room, deps));
      return;
    }
    const begun = await renders.start(parsed.value, {
      ...{ room, base: baseOf(request, addresses), requestedBy: requesterOf(principal) },
    });
    logger.info({ workflowId: begun.id, correlationId: response.get("X-Correlation-ID") }, "a render was asked for");
    const ms = waitOf(request, renders.isAwaited(begun) ? deps.immediateMs : 0, deps.immediateMs);
    const run = await renders.settled(begun, ms, goneSignal(response));
    const status = renderStatusOf(run);
    if (status === "failed") throw failed(run);
    const render = await view(request, run);
    if (status === "cancelled") response.json(renderStatus(render));
    else {
      const reply = orchestrateReply(render);
      response.status(reply.status === "immediate" ? 200 : 202).json(reply);
    }
  });

  routes.get("/jobs/:id/status", inRoom("viewer", roomOf), async (request, response) => {
    response.json(renderStatus(await view(request, await renders.find(request.params.id))));
  });

  routes.post("/jobs/:id/cancel", inRoom("operator", roomOf), async (request, response) => {
    const run = await renders.cancel(await renders.find(request.params.id));
    response.status(202).json(renderStatus(await view(request, run)));
  });

  routes.delete("/jobs/:id", inRoom("operator", roomOf), async (request, response) => {
    const run = await renders.find(request.params.id);
    await renders.removeFiles(run);
    await audit.record({
      type: "render.deleted",
      subject: `workflow:${run.id}`,
      message: "The file of the render was deleted.",
    });
    response.status(204).end();
  });
  return routes;
}
