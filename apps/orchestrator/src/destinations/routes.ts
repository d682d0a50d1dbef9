import { DESTINATION_PRESETS } from "@stream-control/protocol";
import { type Access, GuardedRoutes, somewhere } from "@stream-control/service-kit/access";
import type { RequestHandler } from "express";

/** `/v1/destination-presets`: platforms that a destination can be named by. */
export function presetRoutes({ access, readBody }: { access: Access; readBody: RequestHandler }): GuardedRoutes {
  const routes = new GuardedRoutes(access, readBody);
  routes.get("/", somewhere("viewer"), (_request, response) => {
    response.json(DESTINATION_PRESETS);
  });
  return routes;
}
