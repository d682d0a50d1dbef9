import {
  isFinalStatus,
  type JobRecord,
  parseRenderRequest,
  type RenderRequest,
  roomSchema,
} from "@stream-control/protocol";
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
import type { JobControl } from "../jobs/control.js";
import type { JobReader } from "../jobs/job-reader.js";
import { configOf } from "../jobs/job-record.js";
import type { Ledger } from "../jobs/ledger.js";
import { type SubmissionDeps, toNewJob } from "../jobs/submission.js";
import type { JobViews } from "../jobs/views.js";
import { isRenderConfig } from "../scheduling/requirement.js";
import type { JobRow } from "../store/tables.js";
import { dryRun } from "./dry-run.js";
import { placeOf, type ResultFiles } from "./files/result-files.js";
import type { RenderHistory } from "./history.js";
import { correlate, waitOf } from "./http.js";
import type { RenderWaits } from "./render-waits.js";
import { causeOf, isRetryable, orchestrateReply, type RenderFacts, renderStatus, renderStatusOf } from "./status.js";

export interface RenderRoutesDeps {
  access: Access;
  readBody: RequestHandler;
  addresses: ClientAddresses;
  audit: AuditRecorder;
  ledger: Ledger;
  reader: JobReader;
  control: JobControl;
  views: JobViews;
  probes: Probes;
  history: RenderHistory;
  waits: RenderWaits;
  submission: SubmissionDeps;
  /** Where the agents' results are. */
  files: ResultFiles;
  /** How long a request waits for its result. */
  immediateMs: number;
  logger: Logger;
}

const query = z.object({ dryRun: z.enum(["true", "false"]).optional(), room: roomSchema.optional() });

const keyOf = (id: string): string => `render:${id}`;
/** The id that the client gave, which is in the job's key. */
const idOf = ({ idempotencyKey, id }: JobRecord): string => idempotencyKey?.slice(keyOf("").length) ?? id;

/** `/api/v1`: render, watch, cancel. */
export function renderRoutes(deps: RenderRoutesDeps): GuardedRoutes {
  const { access, readBody, audit, ledger, reader, control, views, waits, logger, files } = deps;
  const routes = new GuardedRoutes(access, readBody);
  routes.router.use(correlate);

  const known = async (id: string): Promise<JobRow | undefined> => {
    const row = await reader.byIdempotencyKey(keyOf(id));
    return row !== undefined && isRenderConfig(configOf(row)) ? row : undefined;
  };
  const find = async (id: string): Promise<JobRow> => {
    const row = await known(id);
    if (row === undefined) throw new AppError("JOB_NOT_FOUND", `There is no render "${id}".`);
    return row;
  };
  const roomOf = async (request: Request) => (await known(String(request.params.id)))?.room;

  const factsOf = async (request: Request, job: JobRecord): Promise<RenderFacts> => {
    const place = placeOf(job.progress, [job.id]);
    const scheme = deps.addresses.isSecure(request) ? "https" : "http";
    const resultUrl = place && (await files.urlOf(place, `${scheme}://${request.get("host") ?? "localhost"}`));
    return { id: idOf(job), resultUrl, now: new Date() };
  };
  const show = async (request: Request, row: JobRow) => {
    const job = views.record(row);
    return renderStatus(job, await factsOf(request, job));
  };

  const submit = async (request: Request, render: RenderRequest, room: string): Promise<JobRow> => {
    const { principal } = access.requireCaller(request);
    const id = render.id ?? `job_${deps.submission.newId()}`;
    const config = { kind: "render", request: { ...render, id } };
    const body = {
      ...{ inlineConfig: config, idempotencyKey: keyOf(id), restartPolicy: "onFailure" as const },
      priority: render.priority,
      ...{ streamMetadata: { title: `Render ${id}`, description: "" } },
      ...(render.metadata === undefined ? {} : { metadata: render.metadata }),
    };
    const name = principal.kind === "local" ? null : principal.name;
    const { job, created } = await ledger.submit(await toNewJob(body, { name, room }, deps.submission));
    const isSame = job.room === room && JSON.stringify(configOf(job)) === JSON.stringify(config);
    if (!created && !isSame)
      throw new AppError("IDEMPOTENCY_KEY_IN_USE", `The id "${id}" belongs to another render; take a new one.`);
    return job;
  };

  routes.post("/orchestrate", somewhere("operator"), async (request, response) => {
    const { dryRun: isDry, room: named } = parseQuery(query, request.query);
    const room = named ?? roomByDefault(access.requireCaller(request).principal.grants, "operator");
    const parsed = parseRenderRequest(request.body ?? {});
    if (!parsed.ok) throw wrongRequest(parsed.issues);
    requireRoom(access, "operator", room, request);
    if (isDry === "true") {
      response.json(await dryRun(parsed.value, room, deps));
      return;
    }
    if (!files.areServed)
      throw new AppError(
        "RENDERS_UNAVAILABLE",
        "Results could not be fetched: set MEDIA_DIR to the folder that agents write to.",
      );
    const submitted = await submit(request, parsed.value, room);
    logger.info({ jobId: submitted.id, correlationId: response.get("X-Correlation-ID") }, "a render was asked for");
    const read = () => reader.byId(submitted.id);
    await waits.forEnd(submitted.id, waitOf(request, deps.immediateMs), goneSignal(response), read);
    const job = views.record((await read()) ?? submitted);
    if (job.status === "FAILED" && job.error !== null) throw failed(job);
    const facts = await factsOf(request, job);
    if (renderStatusOf(job) === "cancelled") response.json(renderStatus(job, facts));
    else {
      const reply = orchestrateReply(job, facts);
      response.status(reply.status === "immediate" ? 200 : 202).json(reply);
    }
  });

  routes.get("/jobs/:id/status", inRoom("viewer", roomOf), async (request, response) => {
    response.json(await show(request, await find(request.params.id)));
  });

  routes.post("/jobs/:id/cancel", inRoom("operator", roomOf), async (request, response) => {
    const { id } = await find(request.params.id);
    response.status(202).json(await show(request, await control.stop(id)));
  });

  routes.delete("/jobs/:id", inRoom("operator", roomOf), async (request, response) => {
    const row = await find(request.params.id);
    if (!isFinalStatus(row.status))
      throw new AppError("JOB_NOT_ENDED", "The render has not ended; cancel it first, and wait for its end.");
    await files.removeFolder(row.id);
    await audit.record({
      type: "render.deleted",
      subject: `job:${row.id}`,
      message: "The file of the render was deleted.",
    });
    response.status(204).end();
  });
  return routes;
}

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
function failed(job: JobRecord): AppError {
  const error = causeOf(job.error ?? { code: "INTERNAL_ERROR", message: "The render failed." });
  const details = {
    jobId: idOf(job),
    code: error.code,
    ...(error.detail?.issues === undefined ? {} : { issues: error.detail.issues }),
  };
  return new AppError(isRetryable(error) ? "RENDER_INTERRUPTED" : "RENDER_FAILED", error.message, { details });
}
