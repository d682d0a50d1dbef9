import { type ChainReport, eraseRequestSchema, logHeadTextSchema } from "@stream-control/protocol";
import type { RequestHandler, Response } from "express";
import { z } from "zod";
import type { Access } from "../access/access.js";
import { GuardedRoutes } from "../access/guarded-routes.js";
import { everywhere } from "../access/rules.js";
import { pageQuery } from "../http/page-query.js";
import { parseBody, parseQuery } from "../http/parse.js";
import { writeAll } from "../http/stream.js";
import type { LocalDesk } from "./desk.js";
import { auditFilterSchema } from "./reader.js";

const listQuery = auditFilterSchema.extend({ ...pageQuery, order: z.enum(["asc", "desc"]).default("desc") });
const verifyQuery = z.object({ expect: logHeadTextSchema.optional() });

const NDJSON = "application/x-ndjson";
/** Milliseconds between two lines of progress. */
const PROGRESS_EVERY_MS = 500;

export interface AuditRoutesDeps {
  access: Access;
  readBody: RequestHandler;
  desk: LocalDesk;
}

/** `/v1/audit`: the event log, for admins. */
export function auditRoutes({ access, readBody, desk }: AuditRoutesDeps): GuardedRoutes {
  const router = new GuardedRoutes(access, readBody);
  const admin = everywhere("admin");

  router.get("/", admin, async (request, response) => {
    const { limit, cursor, order, ...filter } = parseQuery(listQuery, request.query);
    response.json(await desk.reader.page(filter, { limit, cursor, order }));
  });

  router.get("/head", admin, async (_request, response) => {
    response.json(await desk.head());
  });

  router.get("/verify", admin, async (request, response) => {
    const { expect } = parseQuery(verifyQuery, request.query);
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    const report = await desk.verify({ expect, signal: gone.signal, onProgress: progressTo(response) });
    response.type(NDJSON).end(line({ report }));
  });

  router.get("/export", admin, async (request, response) => {
    const filter = parseQuery(auditFilterSchema, request.query);
    await writeAll(response.type(NDJSON), desk.export(filter));
  });

  router.post("/erase", admin, async (request, response) => {
    response.json(await desk.erase(parseBody(eraseRequestSchema, request.body)));
  });

  return router;
}

function progressTo(response: Response): (checked: number, of: number) => void {
  let toldAt = performance.now();
  return (checked, of) => {
    if (performance.now() - toldAt < PROGRESS_EVERY_MS) return;
    toldAt = performance.now();
    if (!response.headersSent) response.type(NDJSON);
    response.write(line({ checked, of }));
  };
}

const line = (value: { report: ChainReport } | { checked: number; of: number }): string => `${JSON.stringify(value)}\n`;
