import {
  type Page,
  rerunWorkflowSchema,
  roomSchema,
  WORKFLOW_STATUSES,
  type WorkflowBody,
} from "@stream-control/protocol";
import { type Access, GuardedRoutes, inRoom, roomsWith, somewhere } from "@stream-control/service-kit/access";
import { decodeCursor, encodeCursor, listOf, pageQuery, parseBody, parseQuery } from "@stream-control/service-kit/http";
import type { Request, RequestHandler } from "express";
import { z } from "zod";
import { type WorkflowEngine, workflowNotFound } from "./engine.js";
import type { WorkflowRun } from "./run.js";
import { runIdOf, toWorkflow, toWorkflowDetail } from "./views.js";

export interface WorkflowRoutesDeps {
  access: Access;
  readBody: RequestHandler;
  engine: WorkflowEngine;
  /** Steps whose output is for everybody who sees the run. */
  shownOutputs: readonly string[];
}

const query = z.object({
  ...pageQuery,
  status: listOf(z.enum(WORKFLOW_STATUSES)).optional(),
  room: roomSchema.optional(),
});

/** What is under way, unless somebody asks for others. */
const ACTIVE = ["initialized", "running", "paused"] as const;

/** `/api/v1/workflows`: how things that take several steps are getting on, and what operators do about it. */
export function workflowRoutes({ access, readBody, engine, shownOutputs }: WorkflowRoutesDeps): GuardedRoutes {
  const routes = new GuardedRoutes(access, readBody);
  const idIn = (request: Request): string => runIdOf(String(request.params.id));
  const roomOf = async (request: Request) => (await engine.byId(idIn(request)))?.room;
  const find = async (request: Request): Promise<WorkflowRun> => {
    const run = await engine.byId(idIn(request));
    if (run === undefined) throw workflowNotFound(String(request.params.id));
    return run;
  };
  const detail = async (run: WorkflowRun) => toWorkflowDetail(run, await engine.history(run), shownOutputs);

  routes.get("/workflows", somewhere("viewer"), async (request, response) => {
    const { status = ACTIVE, room, limit, cursor } = parseQuery(query, request.query);
    const seen = roomsWith(access.requireCaller(request).principal.grants, "viewer");
    const rooms = room === undefined ? seen : [room].filter((wanted) => seen?.includes(wanted) !== false);
    const beforeSeq = cursor === undefined ? undefined : decodeCursor(cursor);
    const runs = await engine.page({ rooms, statuses: status, beforeSeq, limit: limit + 1 });
    const items = runs.slice(0, limit);
    const last = items.at(-1);
    const nextCursor = runs.length > limit && last !== undefined ? encodeCursor(last.seq) : null;
    const page: Page<WorkflowBody> = { items: items.map(toWorkflow), nextCursor };
    response.json(page);
  });

  routes.get("/workflows/:id", inRoom("viewer", roomOf), async (request, response) => {
    response.json(await detail(await find(request)));
  });

  for (const command of ["pause", "resume", "cancel"] as const)
    routes.post(`/workflows/:id/${command}`, inRoom("operator", roomOf), async (request, response) => {
      response.status(202).json(await detail(await engine.command(idIn(request), command)));
    });

  routes.post("/workflows/:id/rerun", inRoom("operator", roomOf), async (request, response) => {
    const { fromStep } = parseBody(rerunWorkflowSchema, request.body);
    response.status(202).json(await detail(await engine.rerun(idIn(request), fromStep)));
  });
  return routes;
}
