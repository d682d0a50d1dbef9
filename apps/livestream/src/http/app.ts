import type { Logger } from "@stream-control/service-kit";
import { type Access, gate, somewhere } from "@stream-control/service-kit/access";
import {
  type HealthReport,
  healthRoute,
  identify,
  type Routes,
  rateKey,
  storeErrors,
} from "@stream-control/service-kit/app";
import {
  type ClientAddresses,
  errorHandler,
  guardApp,
  jsonBody,
  noStore,
  type Origins,
  type RequestRates,
  routeNotFound,
} from "@stream-control/service-kit/http";
import express, { type Express, type RequestHandler } from "express";
import { livestreamErrorBody } from "./bodies.js";

export interface AppOptions {
  logger: Logger;
  access: Access;
  addresses: ClientAddresses;
  origins: Origins;
  rates: RequestRates;
  routes: Routes;
  /** What the service says of itself, and whether it can do its work. */
  health: () => Promise<HealthReport>;
  metrics: { contentType: string; text: () => Promise<string> };
}

export const readBody: RequestHandler = jsonBody();

/** The HTTP side of the service. */
export function createApp(options: AppOptions): Express {
  const { logger, access, addresses, origins, rates, routes, health, metrics } = options;
  const app = express();
  app.set("etag", false);
  const known = identify(access, addresses);
  guardApp(app, {
    // LiveKit tells of every room from one address, and what it tells is signed.
    ...{ addresses, origins, rates, uncounted: ["/health", "/healthz", "/webhooks/livekit"] },
    authenticate: (request, response, next) => {
      // There the header is LiveKit's own token, which the webhook's route checks.
      if (request.path === "/webhooks/livekit") next();
      else known(request, response, next);
    },
    keyOf: rateKey(access),
  });
  app.use(noStore);
  app.get(["/health", "/healthz"], healthRoute(logger, health));
  app.get("/metrics", gate(access, somewhere("viewer")), async (_request, response) => {
    response.type(metrics.contentType).send(await metrics.text());
  });
  for (const [path, { router }] of routes) app.use(path, router);
  app.use(routeNotFound);
  app.use(storeErrors);
  app.use(errorHandler(logger, livestreamErrorBody));
  return app;
}
