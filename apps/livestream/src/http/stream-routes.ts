import { createHash } from "node:crypto";
import { AppError } from "@stream-control/service-kit";
import { type Access, everywhere, GuardedRoutes } from "@stream-control/service-kit/access";
import { currentCaller, parseQuery } from "@stream-control/service-kit/http";
import type { Request, RequestHandler, Response } from "express";
import { v7 as uuidv7 } from "uuid";
import { z } from "zod";
import type { Answer, Requests } from "../idempotency/requests.js";
import type { ServerSentEvents } from "../realtime/server-sent-events.js";
import type { Ledger } from "../streams/ledger.js";
import { STATUSES, streamBody } from "../streams/stream.js";
import type { Streams } from "../streams/streams.js";
import { createBody, joinBody, leaveBody, parsed, patchBody } from "./bodies.js";

export interface StreamRoutesOptions {
  access: Access;
  readBody: RequestHandler;
  streams: Streams;
  ledger: Ledger;
  requests: Requests;
  sse: ServerSentEvents;
}

const listQuery = z.object({
  limit: z.coerce.number().int().min(1).max(500).default(500),
  cursor: z.string().max(200).optional(),
  status: z.enum(STATUSES).optional(),
});
const cursorSchema = z.tuple([z.number(), z.string()]);
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/** `/streams`: what clients do with streams. */
export function streamRoutes({ access, readBody, streams, ledger, requests, sse }: StreamRoutesOptions): GuardedRoutes {
  const routes = new GuardedRoutes(access, readBody);
  const [viewer, operator] = [everywhere("viewer"), everywhere("operator")];

  /** Answers; where the request has an `Idempotency-Key`, once for all tries. */
  const answer = async (request: Request, response: Response, work: (key: string | undefined) => Promise<Answer>) => {
    const given = request.get("Idempotency-Key");
    if (given === undefined) {
      const { status, body } = await work(undefined);
      response.status(status).json(body);
      return;
    }
    if (!IDEMPOTENCY_KEY.test(given))
      throw new AppError("INVALID_REQUEST", "Idempotency-Key has 1 to 255 visible ASCII characters.");
    // Keys of different callers never meet.
    const key = createHash("sha256").update(`${currentCaller().actor} ${given}`).digest("hex");
    const what = [request.method, request.originalUrl, request.body ?? null];
    const { status, body, replayed } = await requests.once(key, what, () => work(key));
    if (replayed) response.set("Idempotency-Replayed", "true");
    response.status(status).json(body);
  };

  routes.post("/", operator, (request, response) =>
    answer(request, response, async (key) => {
      const body = parsed(createBody, request.body);
      // The same key makes the same id, so that a try that was cut off goes on where it was.
      const state = await streams.create(key === undefined ? uuidv7() : idOf(key), body);
      return { status: 201, body: streamBody(state) };
    }),
  );
  routes.get("/", viewer, async (request, response) => {
    const { limit, cursor, status } = parseQuery(listQuery, request.query);
    const page = await ledger.list({
      limit: limit + 1,
      status,
      before: cursor === undefined ? undefined : fromCursor(cursor),
    });
    const last = page.length > limit ? page[limit - 1]?.stream : undefined;
    if (last !== undefined) response.set("X-Next-Cursor", toCursor(last));
    response.json(page.slice(0, limit).map(streamBody));
  });
  routes.get("/:id", viewer, async (request, response) => {
    response.json(streamBody(await streams.get(request.params.id)));
  });
  routes.get("/:id/state", viewer, async (request, response) => {
    const { id, createdAt, ...rest } = streamBody(await streams.get(request.params.id));
    const { status, participants, updatedAt } = rest;
    const more = { stoppedAt: rest.stoppedAt ?? null, metadata: rest.metadata ?? null, version: rest.version };
    response.json({ streamId: id, status, participants, startedAt: createdAt, updatedAt, ...more });
  });
  routes.get("/:id/events", viewer, sse.handler);
  routes.patch("/:id", operator, (request, response) =>
    answer(request, response, async () => {
      const state = await streams.edit(request.params.id, parsed(patchBody, request.body));
      return { status: 200, body: streamBody(state) };
    }),
  );
  routes.delete("/:id", operator, (request, response) =>
    answer(request, response, async () => {
      const state = await streams.stop(request.params.id);
      return { status: 200, body: { message: "Stream stopped", stream: streamBody(state) } };
    }),
  );
  routes.post("/:id/join", operator, (request, response) =>
    answer(request, response, async () => {
      const { participantName, metadata } = parsed(joinBody, request.body);
      const { id } = request.params;
      const { token, wsUrl } = await streams.join(id, participantName, metadata ?? null);
      return { status: 200, body: { token, streamId: id, participantName, wsUrl } };
    }),
  );
  routes.post("/:id/leave", operator, (request, response) =>
    answer(request, response, async () => {
      const { participantName } = parsed(leaveBody, request.body);
      const { id } = request.params;
      await streams.leave(id, participantName);
      return { status: 200, body: { message: "Left stream", streamId: id, participantName } };
    }),
  );
  return routes;
}

/** A UUID (version 8: of a hash) out of a key. */
function idOf(key: string): string {
  const hex = `${key.slice(0, 12)}8${key.slice(13, 16)}8${key.slice(17, 32)}`;
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join("-");
}

const toCursor = ({ createdAt, id }: { createdAt: number; id: string }): string =>
  Buffer.from(JSON.stringify([createdAt, id])).toString("base64url");

function fromCursor(cursor: string): { createdAt: number; id: string } {
  try {
    const [createdAt, id] = cursorSchema.parse(JSON.parse(Buffer.from(cursor, "base64url").toString()));
    return { createdAt, id };
  } catch {
    throw new AppError("INVALID_REQUEST", "The cursor is none of ours; take it from X-Next-Cursor.");
  }
}
