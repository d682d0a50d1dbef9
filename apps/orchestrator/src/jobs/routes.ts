import {
  addDestinationSchema,
  type CreateJob,
  createJobSchema,
  type JobRecord,
  jobStatusSchema,
  metadataUpdateSchema,
  type StreamMetadata,
  switchInputSchema,
} from "@stream-control/protocol";
import {
  decodeCursor,
  encodeCursor,
  listOf,
  pageQuery,
  parseBody,
  parseQuery,
  writeAll,
} from "@stream-control/service-kit/http";
import { Router } from "express";
import { z } from "zod";
import { type JobControl, jobNotFound, SWITCH_COMMANDS } from "./control.js";
import type { JobReader } from "./job-reader.js";
import { fromJson } from "./job-record.js";
import type { Ledger } from "./ledger.js";
import type { LiveChanges } from "./live-changes.js";
import type { ProgressBoard } from "./progress-board.js";
import { type SubmissionDeps, toNewJob } from "./submission.js";
import type { JobViews } from "./views.js";

const jobsQuery = z.object({
  ...pageQuery,
  status: listOf(jobStatusSchema).optional(),
  agentId: z.string().max(128).optional(),
  order: z.enum(["asc", "desc"]).default("asc"),
});
const eventsQuery = z.object(pageQuery);

export interface JobRoutesDeps {
  ledger: Ledger;
  reader: JobReader;
  control: JobControl;
  changes: LiveChanges;
  views: JobViews;
  board: ProgressBoard;
  submission: SubmissionDeps;
}

/** `/v1/jobs`: submit, read and steer. */
export function jobRoutes({ ledger, reader, control, changes, views, board, submission }: JobRoutesDeps): Router {
  const router = Router();
  const find = async (id: string) => {
    const row = await reader.byId(id);
    if (row === undefined) throw jobNotFound(id);
    return row;
  };

  const submit = async (body: CreateJob) => {
    try {
      return await ledger.submit(await toNewJob(body, submission));
    } catch (error) {
      // A request that is repeated is answered with its job, even if its template has gone since.
      const known = body.idempotencyKey == null ? undefined : await reader.byIdempotencyKey(body.idempotencyKey);
      if (known === undefined) throw error;
      return { job: known, created: false };
    }
  };

  router.get("/", async (request, response) => {
    if (Object.keys(request.query).length === 0) {
      await writeAll(response.type("json"), allAsArray(reader, views));
      return;
    }
    const page = await reader.page(parseQuery(jobsQuery, request.query));
    response.json({ items: page.items.map((row) => views.record(row)), nextCursor: page.nextCursor });
  });

  router.post("/", async (request, response) => {
    const { job, created } = await submit(parseBody(createJobSchema, request.body));
    response.status(created ? 201 : 200).json(views.record(job));
  });

  router.get("/:id", async (request, response) => {
    response.json(views.detail(await find(request.params.id)));
  });

  router.get("/:id/events", async (request, response) => {
    const { limit, cursor } = parseQuery(eventsQuery, request.query);
    const { id } = await find(request.params.id);
    const afterSeq = cursor === undefined ? 0 : decodeCursor(cursor);
    const found = await reader.events({ jobId: id, afterSeq, limit: limit + 1 });
    const items = found.slice(0, limit);
    const last = items.at(-1);
    const more = found.length > limit && last !== undefined;
    response.json({ items, nextCursor: more ? encodeCursor(last.seq) : null });
  });

  router.get("/:id/logs", async (request, response) => {
    const { id } = await find(request.params.id);
    response.json(board.lines(id));
  });

  router.post("/:id/stop", async (request, response) => {
    response.status(202).json({ ok: true, job: views.record(await control.stop(request.params.id)) });
  });

  for (const command of SWITCH_COMMANDS)
    router.post(`/:id/${command}`, async (request, response) => {
      const job = await control.switch(String(request.params.id), command);
      response.status(202).json({ ok: true, job: views.record(job) });
    });

  router.post("/:id/destinations", async (request, response) => {
    const { destination } = parseBody(addDestinationSchema, request.body);
    const destinationId = await changes.addDestination(request.params.id, destination);
    response.status(201).json({ ok: true, destinationId, job: views.record(await find(request.params.id)) });
  });

  router.delete("/:id/destinations/:destinationId", async (request, response) => {
    const { id, destinationId } = request.params;
    await changes.removeDestination(id, destinationId);
    response.json({ ok: true, job: views.record(await find(id)) });
  });

  router.post("/:id/input", async (request, response) => {
    const { source } = parseBody(switchInputSchema, request.body);
    await changes.switchInput(request.params.id, source);
    response.json({ ok: true, job: views.record(await find(request.params.id)) });
  });

  router.get("/:id/metadata", async (request, response) => {
    const row = await find(request.params.id);
    response.json({ metadata: fromJson<StreamMetadata>(row.stream_metadata) ?? {} });
  });

  router.put("/:id/metadata", async (request, response) => {
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

  return router;
}

/** All jobs as one JSON array, page by page so that a long history costs little memory. */
async function* allAsArray(reader: JobReader, views: JobViews): AsyncGenerator<string> {
  let separator = "[";
  for await (const rows of reader.all()) {
    for (const row of rows) {
      const record: JobRecord = views.record(row);
      yield separator + JSON.stringify(record);
      separator = ",";
    }
  }
  yield separator === "[" ? "[]" : "]";
}
