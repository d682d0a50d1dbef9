import { type Access, everywhere, GuardedRoutes, open } from "@stream-control/service-kit/access";
import { parseQuery } from "@stream-control/service-kit/http";
import express, { type RequestHandler } from "express";
import { eventBody } from "../events/event.js";
import type { EventLog } from "../events/event-log.js";
import type { Webhooks } from "../livekit/webhooks.js";
import type { Streams } from "../streams/streams.js";
import { limitQuery } from "./bodies.js";

const MAX_WEBHOOK_BYTES = 1024 * 1024;

/** `/webhooks`: what LiveKit tells. Whose it is, its signature says. */
export function webhookRoutes(access: Access, webhooks: Webhooks): GuardedRoutes {
  // The signature is over the very bytes, so nothing may parse them first; old senders call them application/json.
  const text = express.text({ type: () => true, limit: MAX_WEBHOOK_BYTES });
  const routes = new GuardedRoutes(access, text);
  routes.post("/livekit", open, async (request, response) => {
    await webhooks.take(typeof request.body === "string" ? request.body : "", request.get("Authorization"));
    response.json({ received: true });
  });
  return routes;
}

/** `/events`: the newest events. */
export function eventRoutes({
  access,
  readBody,
  events,
  streams,
}: {
  access: Access;
  readBody: RequestHandler;
  events: EventLog;
  streams: Streams;
}): GuardedRoutes {
  const routes = new GuardedRoutes(access, readBody);
  const viewer = everywhere("viewer");
  routes.get("/", viewer, async (request, response) => {
    const { limit } = parseQuery(limitQuery, request.query);
    response.json((await events.recent(limit)).map(eventBody));
  });
  routes.get("/:streamId", viewer, async (request, response) => {
    const { limit } = parseQuery(limitQuery, request.query);
    const { stream } = await streams.get(request.params.streamId);
    response.json((await events.recent(limit, stream.id)).map(eventBody));
  });
  return routes;
}
