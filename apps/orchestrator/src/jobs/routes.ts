import {
  type CreateJob,
  createJobSchema,
  type Destination,
  describeIssues,
  type JobRecord,
  jobScheduleInputSchema,
  jsonObjectSchema,
  metadataUpdateSchema,
  parseDestination,
  type StreamMetadata,
  setOverlaySchema,
  switchInputSchema,
} from "@stream-control/protocol";
import { AppError } from "@stream-control/service-kit";
import {
  type Access,
  GuardedRoutes,
  inRoom,
  requireRoom,
  roomByDefault,
  roomsWith,
  somewhere,
} from "@stream-control/service-kit/access";
import {
  decodeCursor,
  encodeCursor,
  listOf,
  pageQuery,
  parseBody,
  parseQuery,
  writeAll,
} from "@stream-control/service-kit/http";
import type { Request, RequestHandler } from "express";
import { z } from "zod";
import { noteWarnings, warningsOf } from "../destinations/warnings.js";
import type { JobRow } from "../store/tables.js";
import { type JobControl, jobNotFound, SWITCH_COMMANDS } from "./control.js";
import type { NewJobRow } from "./job-queries.js";
import type { JobReader } from "./job-reader.js";
import { fromJson } from "./job-record.js";
import type { Ledger } from "./ledger.js";
import type { LiveChanges } from "./live-changes.js";
import type { JobMeasurements } from "./measurements/measurements.js";
import type { ProgressBoard } from "./progress-board.js";
import type { JobSchedules } from "./schedules.js";
import { jobsQuery } from "./search/job-filter.js";
import type { SnapshotBoard } from "./snapshot-board.js";
import { type SubmissionDeps, type Submitter, toNewJob } from "./submission.js";
import type { JobViews } from "./views.js";
import { maskEvent, maskJob, seesSecrets } from "./visible.js";

const eventsQuery = z.object({
  ...pageQuery,
  /** Types; `stream.*` stands for all that begin with `stream.`. */
  type: listOf(z.string().min(1).max(64)).optional(),
  order: z.enum(["asc", "desc"]).default("asc"),
});
/** Read in two steps, so that each mistake is told of the one form that was meant; see `addDestinationSchema` for both. */
const destinationBody = z.object({ destination: jsonObjectSchema });

export interface JobRoutesDeps {
  access: Access;
  readBody: RequestHandler;
  ledger: Ledger;
  reader: JobReader;
  control: JobControl;
  schedules: JobSchedules;
  changes: LiveChanges;
  views: JobViews;
  board: ProgressBoard;
  snapshots: SnapshotBoard;
  measurements: JobMeasurements;
  submission: SubmissionDeps;
  /** Stores a new job, or finds the one with its idempotency key, with whatever goes with it. */
  submit: (row: NewJobRow, body: CreateJob) => Promise<{ job: JobRow; created: boolean }>;
}

/** `/v1/jobs`: submit, read and steer. */
export function jobRoutes(deps: JobRoutesDeps): GuardedRoutes {
  const { access, readBody, ledger, reader, control, schedules, changes, views, board, snapshots, submission } = deps;
  const { measurements } = deps;
  const routes = new GuardedRoutes(access, readBody);
  const room = (request: Request) => reader.roomOf(String(request.params.id));
  const grantsOf = (request: Request) => access.requireCaller(request).principal.grants;
  /** A job as whoever asks may see it. */
  const shown = <R extends JobRecord>(request: Request, record: R): R =>
    seesSecrets(grantsOf(request), record.room) ? record : maskJob(record);

  const find = async (id: string) => {
    const row = await reader.byId(id);
    if (row === undefined) throw jobNotFound(id);
    return row;
  };

  const submit = async (body: CreateJob, by: Submitter) => {
    try {
      return await deps.submit(await toNewJob(body, by, submission), body);
    } catch (error) {
      // A request that is repeated is answered with its job, even if its template has gone since.
      const known = body.idempotencyKey == null ? undefined : await reader.byIdempotencyKey(body.idempotencyKey);
      if (known === undefined) throw error;
      return { job: known, created: false };
    }
  };

  routes.get("/", somewhere("viewer"), async (request, response) => {
    const rooms = roomsWith(grantsOf(request), "viewer");
    const show = (row: JobRow) => shown(request, views.record(row));
    if (Object.keys(request.query).length === 0) {
      await writeAll(response.type("json"), asArray(reader.all(rooms), show));
      return;
    }
    const { room: wanted, ...filter } = parseQuery(jobsQuery, request.query);
    // Nobody has anything in a room that they do not see.
    const seen = wanted === undefined ? rooms : [wanted].filter((room) => rooms?.includes(room) !== false);
    const page = await reader.page({ ...filter, rooms: seen });
    response.json({ items: page.items.map(show), nextCursor: page.nextCursor });
  });

  routes.post("/", somewhere("operator"), async (request, response) => {
    const body = parseBody(createJobSchema, request.body);
    const { principal } = access.requireCaller(request);
    const inRoomOf = body.room ?? roomByDefault(principal.grants, "operator");
    requireRoom(access, "operator", inRoomOf, request);
    const name = principal.kind === "local" ? null : principal.name;
    const { job, created } = await submit(body, { name, room: inRoomOf });
    // The key was used in a room before that is none of the caller's business.
    if (job.room !== inRoomOf)
      throw new AppError(
        "IDEMPOTENCY_KEY_IN_USE",
        "This idempotency key belongs to a job of another room; make a new one.",
      );
    const warnings = warningsOf(job);
    if (created) await noteWarnings(ledger, job.id, warnings);
    response.status(created ? 201 : 200).json({ ...views.record(job), ...(warnings.length > 0 && { warnings }) });
  });

  routes.get("/:id", inRoom("viewer", room), async (request, response) => {
    response.json(shown(request, views.detail(await find(request.params.id))));
  });

  routes.get("/:id/events", inRoom("viewer", room), async (request, response) => {
    const { limit, cursor, type: types, order } = parseQuery(eventsQuery, request.query);
    const { id, room: jobsRoom } = await find(request.params.id);
    const open = seesSecrets(grantsOf(request), jobsRoom);
    const fromSeq = cursor === undefined ? undefined : decodeCursor(cursor);
    const found = await reader.events({ jobId: id, types, order, fromSeq, limit: limit + 1 });
    const items = found.slice(0, limit);
    const last = items.at(-1);
    const more = found.length > limit && last !== undefined;
    response.json({ items: open ? items : items.map(maskEvent), nextCursor: more ? encodeCursor(last.seq) : null });
  });

  routes.get("/:id/logs", inRoom("viewer", room), async (request, response) => {
    const { id } = await find(request.params.id);
    response.json(board.lines(id));
  });

  routes.get("/:id/measurements", inRoom("viewer", room), async (request, response) => {
    const { id } = await find(request.params.id);
    response.json(await measurements.of(id));
  });

  routes.get("/:id/snapshot", inRoom("viewer", room), async (request, response) => {
    const { id } = await find(request.params.id);
    const snapshot = snapshots.get(id);
    if (snapshot === undefined)
      throw new AppError("NOT_FOUND", "There is no picture of this job: it does not run, or its agent sends none.");
    response.set({
      ...{ "Content-Type": "image/jpeg", "Cache-Control": "private, no-cache", ETag: snapshot.etag },
      "Last-Modified": new Date(snapshot.takenAt).toUTCString(),
    });
    response.send(snapshot.jpeg);
  });

  routes.post("/:id/stop", inRoom("operator", room), async (request, response) => {
    response.status(202).json({ ok: true, job: views.record(await control.stop(request.params.id)) });
  });

  routes.post("/:id/dismiss", inRoom("operator", room), async (request, response) => {
    response.json({ ok: true, job: views.record(await control.dismiss(request.params.id)) });
  });

  routes.put("/:id/schedule", inRoom("operator", room), async (request, response) => {
    const job = await schedules.set(request.params.id, parseBody(jobScheduleInputSchema, request.body));
    response.json({ ok: true, job: views.record(job) });
  });

  for (const command of SWITCH_COMMANDS)
    routes.post(`/:id/${command}`, inRoom("operator", room), async (request, response) => {
      const job = await control.switch(String(request.params.id), command);
      response.status(202).json({ ok: true, job: views.record(job) });
    });

  routes.post("/:id/destinations", inRoom("operator", room), async (request, response) => {
    const destinationId = await changes.addDestination(request.params.id, destinationIn(request.body));
    const job = await find(request.params.id);
    const warnings = warningsOf(job).filter(({ destination }) => destination === destinationId);
    await noteWarnings(ledger, job.id, warnings);
    const told = warnings.length > 0 && { warnings };
    response.status(201).json({ ok: true, destinationId, job: views.record(job), ...told });
  });

  routes.delete("/:id/destinations/:destinationId", inRoom("operator", room), async (request, response) => {
    const { id, destinationId } = request.params;
    await changes.removeDestination(id, destinationId);
    response.json({ ok: true, job: views.record(await find(id)) });
  });

  routes.post("/:id/input", inRoom("operator", room), async (request, response) => {
    const { source } = parseBody(switchInputSchema, request.body);
    await changes.switchInput(request.params.id, source);
    response.json({ ok: true, job: views.record(await find(request.params.id)) });
  });

  routes.put("/:id/overlay", inRoom("operator", room), async (request, response) => {
    const { texts } = parseBody(setOverlaySchema, request.body);
    await changes.setOverlay(request.params.id, texts);
    response.json({ ok: true, job: views.record(await find(request.params.id)) });
  });

  routes.get("/:id/metadata", inRoom("viewer", room), async (request, response) => {
    const row = await find(request.params.id);
    response.json({ metadata: shown(request, views.record(row)).streamMetadata ?? {} });
  });

  routes.put("/:id/metadata", inRoom("operator", room), async (request, response) => {
    const patch: Record<string, unknown> = parseBody(metadataUpdateSchema, request.body);
    // What is muted or paused is what the agent says it is, not what a page last saw.
    delete patch.isMuted;
    delete patch.isPaused;
    const entry = {
      type: "job.metadata",
      message: "The stream's metadata was changed.",
      data: { fields: Object.keys(patch) },
    };
    const { job } = await ledger.mergeMetadata(request.params.id, patch, entry);
    if (job === undefined) throw jobNotFound(request.params.id);
    response.json({ ok: true, metadata: fromJson<StreamMetadata>(job.stream_metadata) ?? {} });
  });

  return routes;
}

/** @throws AppError `VALIDATION_FAILED` that names every mistake of the destination in a body. */
function destinationIn(body: unknown): Destination {
  const { destination } = parseBody(destinationBody, body);
  const read = parseDestination(destination);
  if (read.ok) return read.value;
  const issues = read.issues.map(({ path, message }) => ({ path: `destination.${path}`, message }));
  throw new AppError("VALIDATION_FAILED", `The body is wrong: ${describeIssues(issues)}.`, { details: issues });
}

/** Jobs as one JSON array, page by page so that a long history costs little memory. */
async function* asArray(pages: AsyncIterable<JobRow[]>, show: (row: JobRow) => JobRecord): AsyncGenerator<string> {
  let separator = "[";
  for await (const rows of pages) {
    for (const row of rows) {
      yield separator + JSON.stringify(show(row));
      separator = ",";
    }
  }
  yield separator === "[" ? "[]" : "]";
}
