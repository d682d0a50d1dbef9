import { parseRenderRequest, type VideoResult } from "@stream-control/protocol";
import type { Access } from "@stream-control/service-kit/access";
import { GuardedRoutes, inRoom, roomByDefault, somewhere } from "@stream-control/service-kit/access";
import type { ClientAddresses } from "@stream-control/service-kit/http";
import type { Request, RequestHandler } from "express";
import { baseOf, correlate, waitOf } from "./http.js";
import { type Renders, requesterOf } from "./renders.js";
import { failed, goneSignal, wrongRequest } from "./replies.js";
import { type Render, renderStatus } from "./status.js";

/** The names under which older clients call renders. */
export const VIDEO_PATHS = { create: "/videocreate", result: "/videoresult" } as const;

export interface VideoRoutesDeps {
  access: Access;
  readBody: RequestHandler;
  addresses: ClientAddresses;
  renders: Renders;
  /** How long a request waits for its result. */
  immediateMs: number;
}

/** `POST /videocreate`: the request of `POST /api/v1/orchestrate`, answered as {@link videoResultRoutes} do. */
export function videoCreateRoutes({
  access,
  readBody,
  addresses,
  renders,
  immediateMs,
}: VideoRoutesDeps): GuardedRoutes {
  const routes = new GuardedRoutes(access, readBody);
  routes.router.use(correlate);
  routes.post("/", somewhere("operator"), async (request, response) => {
    const { principal } = access.requireCaller(request);
    const parsed = parseRenderRequest(request.body ?? {});
    if (!parsed.ok) throw wrongRequest(parsed.issues);
    const base = baseOf(request, addresses);
    const room = roomByDefault(principal.grants, "operator");
    const begun = await renders.start(parsed.value, { room, base, requestedBy: requesterOf(principal) });
    const ms = waitOf(request, renders.isAwaited(begun) ? immediateMs : 0, immediateMs);
    const run = await renders.settled(begun, ms, goneSignal(response));
    if (run.state.outcome === "failed") throw failed(run);
    const result = videoResult(await renders.view(run, base));
    response.status(result.status === "processing" ? 202 : 200).json(result);
  });
  return routes;
}

/** `GET /videoresult/:job_id`. */
export function videoResultRoutes({ access, readBody, addresses, renders }: VideoRoutesDeps): GuardedRoutes {
  const routes = new GuardedRoutes(access, readBody);
  routes.router.use(correlate);
  const roomOf = async (request: Request) => (await renders.byId(String(request.params.job_id)))?.room;
  routes.get("/:job_id", inRoom("viewer", roomOf), async (request, response) => {
    const run = await renders.find(String(request.params.job_id));
    response.json(videoResult(await renders.view(run, baseOf(request, addresses))));
  });
  return routes;
}

function videoResult(render: Render): VideoResult {
  const { status, error, job_id, message, ...rest } = renderStatus(render);
  const { result_url, processing_time, file_size, progress, current_step } = rest;
  if (status === "completed")
    return {
      ...{ status, job_id, message, progress },
      ...(result_url === undefined ? {} : { result_url }),
      ...(processing_time === undefined ? {} : { processing_time }),
      ...(file_size === undefined ? {} : { file_size }),
    };
  if (status === "failed" || status === "cancelled")
    return { status: "failed", job_id, message, error: error?.code ?? "CANCELLED", retryable: rest.retryable ?? true };
  const endpoint = `${VIDEO_PATHS.result}/${encodeURIComponent(job_id)}`;
  return { status: "processing", job_id, message, progress, current_step, status_check_endpoint: endpoint };
}
