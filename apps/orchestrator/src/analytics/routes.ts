import { type AnalyticsReply, roomSchema } from "@stream-control/protocol";
import { AppError } from "@stream-control/service-kit";
import { type Access, GuardedRoutes, requireRoom, roomsWith, somewhere } from "@stream-control/service-kit/access";
import { parseQuery } from "@stream-control/service-kit/http";
import type { RequestHandler } from "express";
import { z } from "zod";
import { HORIZONS, type Horizon, periodSchema } from "./period.js";
import type { Asked } from "./report.js";

export interface AnalyticsRoutesDeps {
  access: Access;
  readBody: RequestHandler;
  isEnabled: () => boolean;
  report: (asked: Asked) => Promise<AnalyticsReply>;
}

const query = z.object({
  period: periodSchema.default({ ms: 86_400_000, words: "24 hours" }),
  room: roomSchema.optional(),
  horizon: z.enum(Object.keys(HORIZONS) as [Horizon, ...Horizon[]]).default("24h"),
});

/** `/api/v1/analytics`: what became of the jobs, and what is to be expected. */
export function analyticsRoutes({ access, readBody, isEnabled, report }: AnalyticsRoutesDeps): GuardedRoutes {
  const routes = new GuardedRoutes(access, readBody);
  routes.get("/analytics", somewhere("viewer"), async (request, response) => {
    const { room, ...asked } = parseQuery(query, request.query);
    if (room !== undefined) requireRoom(access, "viewer", room, request);
    if (!isEnabled())
      throw new AppError("ANALYTICS_DISABLED", "Analytics are switched off: set analytics.enabled to have them.");
    const rooms = room === undefined ? roomsWith(access.requireCaller(request).principal.grants, "viewer") : [room];
    response.json(await report({ ...asked, rooms }));
  });
  return routes;
}
