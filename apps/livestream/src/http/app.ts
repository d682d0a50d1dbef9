import { AppError, type Logger, toError } from "@stream-control/service-kit";
import { type Access, authenticate, type GuardedRoutes, gate, somewhere } from "@stream-control/service-kit/access";
import {
  type ClientAddresses,
  errorHandler,
  guardApp,
  jsonBody,
  noStore,
  type Origins,
  type RequestRates,
  routeNotFound,
  runAs,
} from "@stream-control/service-kit/http";
import { StoreError } from "@stream-control/store";
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from "express";
import { livestreamErrorBody } from "./bodies.js";

export interface AppOptions {
  logger: Logger;
  access: Access;
  addresses: ClientAddresses;
  origins: Origins;
  rates: RequestRates;
  routes: readonly (readonly [path: string, routes: GuardedRoutes])[];
  /** What the service says of itself, and whether it can do its work. */
  health: () => Promise<{ ok: boolean } & Record<string, unknown>>;
  metrics: { contentType: string; text: () => Promise<string> };
}

export const readBody: RequestHandler = jsonBody();

/** The HTTP side of the service. */
export function createApp(options: AppOptions): Express {
  const { logger, access, addresses, origins, rates, routes, health, metrics } = options;
  const app = express();
  app.set("etag", false);
  const who = runAs((request) => ({
    actor: access.callerOf(request)?.principal.id ?? "anonymous",
    address: addresses.of(request),
  }));
  guardApp(app, {
    // LiveKit tells of every room from one address, and what it tells is signed.
    ...{ addresses, origins, rates, uncounted: ["/health", "/healthz", "/webhooks/livekit"] },
    authenticate: (request, response, next) => {
      // There the header is LiveKit's own token, which the webhook's route checks.
      if (request.path === "/webhooks/livekit") next();
      else
        authenticate(access)(request, response, (thrown?: unknown) => {
          if (thrown === undefined) who(request, response, next);
          else next(thrown);
        });
    },
    keyOf: (request) => {
      const principal = access.callerOf(request)?.principal;
      return principal?.kind === "local" ? undefined : principal?.id;
    },
  });
  app.use(noStore);
  app.get(["/health", "/healthz"], async (_request, response) => {
    try {
      const { ok, ...more } = await health();
      response.status(ok ? 200 : 503).json({ status: ok ? "ok" : "unavailable", ok, ...more });
    } catch (thrown) {
      logger.error({ err: toError(thrown) }, "the health check failed");
      response.status(503).json({ status: "unavailable", ok: false });
    }
  });
  app.get("/metrics", gate(access, somewhere("viewer")), async (_request, response) => {
    response.type(metrics.contentType).send(await metrics.text());
  });
  for (const [path, { router }] of routes) app.use(path, router);
  app.use(routeNotFound);
  app.use(storeErrors);
  app.use(errorHandler(logger, livestreamErrorBody));
  return app;
}

const storeErrors: ErrorRequestHandler = (thrown, _request, _response, next) => {
  next(thrown instanceof StoreError ? new AppError("STORE_UNAVAILABLE", thrown.message, { cause: thrown }) : thrown);
};
