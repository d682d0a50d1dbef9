import { parseRenderRequest, roomSchema } from "@stream-control/protocol";
import { AppError, type Logger } from "@stream-control/service-kit";
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
import type { Request, RequestHandler, Response } from "express";
import { z } from "zod";
import type { Probes } from "../agents/probes.js";
import type { WorkflowRun } from "../workflows/run.js";
import { dryRun } from "./dry-run.js";
import { correlate, waitOf } from "./http.js";
import { type Renders, renderIdOf, requesterOf } from "./renders.js";
import { isRetryable, orchestrateReply, renderStatus, renderStatusOf, workflowId } from "./status.js";

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
    const begun = await renders.start(parsed.value, room, requesterOf(principal));
    logger.info({ workflowId: begun.id, correlationId: response.get("X-Correlation-ID") }, "a render was asked for");
    const ms = waitOf(request, begun.definition.name === "quick_sync" ? deps.immediateMs : 0, deps.immediateMs);
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

/** The service's own address as its caller knows it. */
const baseOf = (request: Request, addresses: ClientAddresses): string =>
  `${addresses.isSecure(request) ? "https" : "http"}://${request.get("host") ?? "localhost"}`;

/** Nobody waits any longer once the connection is closed. */
function goneSignal(response: Response): AbortSignal {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  return gone.signal;
}

const wrongRequest = (issues: { path: string; message: string }[]): AppError => {
  const words = issues.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`)).join("; ");
  return new AppError("VALIDATION_FAILED", `The request is wrong: ${words}.`, { details: issues });
};

/** What a failed render is answered with: whether the same request can help is the status's and the body's to say. */
function failed(run: WorkflowRun): AppError {
  const error = run.state.error ?? { code: "INTERNAL_ERROR", message: "The render failed." };
  const details = {
    ...{ jobId: renderIdOf(run), workflow_id: workflowId(run), code: error.code },
    ...(error.detail?.issues === undefined ? {} : { issues: error.detail.issues }),
  };
  return new AppError(isRetryable(error) ? "RENDER_INTERRUPTED" : "RENDER_FAILED", error.message, { details });
}
