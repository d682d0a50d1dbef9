import { createWebhookSchema, deliveryStatusSchema, EVERY_ROOM, updateWebhookSchema } from "@stream-control/protocol";
import {
  type Access,
  GuardedRoutes,
  inRoom,
  requireRoom,
  roomByDefault,
  roomsWith,
  somewhere,
} from "@stream-control/service-kit/access";
import { listOf, pageQuery, parseBody, parseQuery } from "@stream-control/service-kit/http";
import type { Request, RequestHandler } from "express";
import { z } from "zod";
import type { Deliveries } from "./deliveries.js";
import type { Webhooks } from "./webhooks.js";

export interface WebhookRoutesDeps {
  access: Access;
  readBody: RequestHandler;
  webhooks: Webhooks;
  deliveries: Deliveries;
}

const deliveriesQuery = z.object({ ...pageQuery, status: listOf(deliveryStatusSchema).optional() });

/** `/v1/webhooks`: where job events are sent to other systems. One for every room is a matter of admins of every room. */
export function webhookRoutes({ access, readBody, webhooks, deliveries }: WebhookRoutesDeps): GuardedRoutes {
  const routes = new GuardedRoutes(access, readBody);
  const admin = inRoom("admin", (request) => webhooks.roomOf(String(request.params.id)));
  const grantsOf = (request: Request) => access.requireCaller(request).principal.grants;

  routes.get("/", somewhere("admin"), (request, response) => {
    response.json(webhooks.list(roomsWith(grantsOf(request), "admin")));
  });
  routes.post("/", somewhere("admin"), async (request, response) => {
    const wanted = parseBody(createWebhookSchema, request.body);
    const grants = grantsOf(request);
    const usual = roomsWith(grants, "admin") === null ? EVERY_ROOM : roomByDefault(grants, "admin");
    const room = wanted.room ?? usual;
    requireRoom(access, "admin", room, request);
    response.status(201).json(await webhooks.create({ ...wanted, room }));
  });
  routes.get("/:id", admin, (request, response) => {
    response.json(webhooks.get(request.params.id));
  });
  routes.put("/:id", admin, async (request, response) => {
    response.json(await webhooks.update(request.params.id, parseBody(updateWebhookSchema, request.body)));
  });
  routes.delete("/:id", admin, async (request, response) => {
    await webhooks.remove(request.params.id);
    response.status(204).end();
  });
  routes.get("/:id/deliveries", admin, async (request, response) => {
    const query = parseQuery(deliveriesQuery, request.query);
    response.json(await deliveries.page({ webhookId: request.params.id, ...query }));
  });
  routes.post("/:id/deliveries/:deliveryId/replay", admin, async (request, response) => {
    const { id, deliveryId } = request.params;
    response.status(202).json(await deliveries.replay(id, deliveryId));
  });
  routes.post("/:id/test", admin, async (request, response) => {
    response.json(await deliveries.test(request.params.id));
  });
  return routes;
}
