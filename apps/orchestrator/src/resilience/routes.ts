import { resetBreakerSchema } from "@stream-control/protocol";
import { AppError } from "@stream-control/service-kit";
import { type Access, everywhere, GuardedRoutes } from "@stream-control/service-kit/access";
import type { AuditRecorder } from "@stream-control/service-kit/audit";
import { parseBody } from "@stream-control/service-kit/http";
import type { RequestHandler } from "express";
import type { Guards } from "./guards.js";

export interface ResilienceRoutesDeps {
  access: Access;
  readBody: RequestHandler;
  audit: AuditRecorder;
  guards: Guards;
}

/** `/api/v1/circuit-breaker`: lets calls through again that were refused because those before them failed. */
export function resilienceRoutes({ access, readBody, audit, guards }: ResilienceRoutesDeps): GuardedRoutes {
  const routes = new GuardedRoutes(access, readBody);
  routes.post("/circuit-breaker/reset", everywhere("operator"), async (request, response) => {
    const { name } = parseBody(resetBreakerSchema, request.body);
    if (name !== undefined && !guards.has(name))
      throw new AppError("NOT_FOUND", `There is no circuit breaker "${name}"; GET /api/v1/health names them.`);
    const reset = guards.reset(name);
    await audit.record({
      ...{ type: "breaker.reset", subject: "service:orchestrator", message: "Circuit breakers were reset." },
      data: { breakers: reset.slice(0, 20), count: reset.length },
    });
    response.json({ ok: true, reset, circuitBreakers: guards.states });
  });
  return routes;
}
