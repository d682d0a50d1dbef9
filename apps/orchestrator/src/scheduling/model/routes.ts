import type { ModelsReply } from "@stream-control/protocol";
import { type Access, GuardedRoutes, roomsWith, somewhere } from "@stream-control/service-kit/access";
import type { RequestHandler } from "express";
import type { AgentRegistry } from "../../agents/registry.js";
import { RENDER_FEATURES } from "./render-features.js";
import type { RenderTimeModel } from "./render-time-model.js";

export interface ModelRoutesDeps {
  access: Access;
  readBody: RequestHandler;
  registry: Pick<AgentRegistry, "get">;
  model: RenderTimeModel;
}

/** `/api/v1/models`: what was learned from the fleet's history, and how wrong it is. */
export function modelRoutes({ access, readBody, registry, model }: ModelRoutesDeps): GuardedRoutes {
  const routes = new GuardedRoutes(access, readBody);
  routes.get("/models", somewhere("viewer"), (request, response) => {
    const rooms = roomsWith(access.requireCaller(request).principal.grants, "viewer");
    const { state, coefficients, agents } = model;
    const seen = [...agents].filter(([id]) => {
      const room = registry.get(id)?.room;
      return rooms === null || (room !== undefined && rooms.includes(room));
    });
    const reply: ModelsReply = {
      models: [
        {
          name: "render_time",
          ready: state.ready,
          reason: state.ready ? null : state.reason,
          based_on: state.basedOn,
          error_percent: state.errorPercent,
          features: coefficients.map((coefficient, index) => ({ name: RENDER_FEATURES[index] ?? "", coefficient })),
          agents: seen
            .map(([id, { timesAsLong, basedOn }]) => ({ agent_id: id, times_as_long: timesAsLong, based_on: basedOn }))
            .sort((a, b) => a.times_as_long - b.times_as_long),
        },
      ],
    };
    response.json(reply);
  });
  return routes;
}
