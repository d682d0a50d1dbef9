import { roomSchema } from "@stream-control/protocol";
import { type Access, GuardedRoutes, requireRoom, roomByDefault, somewhere } from "@stream-control/service-kit/access";
import { parseQuery } from "@stream-control/service-kit/http";
import type { Request, RequestHandler } from "express";
import { z } from "zod";
import type { CallbackSecrets } from "./secrets.js";

const query = z.object({ room: roomSchema.optional() });

/** `/api/v1/callback-secret`: what callbacks of a room are signed with, for its admins. */
export function callbackRoutes(deps: {
  access: Access;
  readBody: RequestHandler;
  secrets: CallbackSecrets;
}): GuardedRoutes {
  const { access, readBody, secrets } = deps;
  const routes = new GuardedRoutes(access, readBody);
  const roomOf = (request: Request): string => {
    const { room } = parseQuery(query, request.query);
    const wanted = room ?? roomByDefault(access.requireCaller(request).principal.grants, "admin");
    requireRoom(access, "admin", wanted, request);
    return wanted;
  };
  routes.get("/callback-secret", somewhere("admin"), async (request, response) => {
    response.set("Cache-Control", "no-store").json(await secrets.show(roomOf(request)));
  });
  routes.post("/callback-secret/rotate", somewhere("admin"), async (request, response) => {
    response.set("Cache-Control", "no-store").json(await secrets.rotate(roomOf(request)));
  });
  return routes;
}
