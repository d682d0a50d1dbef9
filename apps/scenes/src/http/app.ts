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

export interface AppOptions {
  logger: Logger;
  access: Access;
  addresses: ClientAddresses;
  origins: Origins;
  rates: RequestRates;
  routes: Routes;
  /** What the service says of itself, and whether it can do its work. */
  health: () => Promise<HealthReport>;
  /** Folder of the rundown page. */
  pagesDir: string;
  metrics: { contentType: string; text: () => Promise<string> };
}

export const readBody: RequestHandler = jsonBody();

/** The HTTP side of the service. */
export function createApp(options: AppOptions): Express {
  const { logger, access, addresses, origins, rates, routes, health, metrics, pagesDir } = options;
  const app = express();
  app.set("etag", false);
  guardApp(app, {
    ...{ addresses, origins, rates, uncounted: ["/health", "/healthz"] },
    authenticate: identify(access, addresses),
    keyOf: rateKey(access),
  });
  app.use(noStore);
  app.get(["/health", "/healthz"], healthRoute(logger, health));
  app.get("/metrics", gate(access, somewhere("viewer")), async (_request, response) => {
    response.type(metrics.contentType).send(await metrics.text());
  });
  for (const [path, { router }] of routes) app.use(path, router);
  // The page shows nothing by itself: what it asks for is asked in the name of whoever opens it.
  app.get("/", (_request, response) => response.redirect("/rundown/"));
  app.use("/rundown", express.static(pagesDir, { index: "rundown.html" }));
  app.use(routeNotFound);
  app.use(storeErrors);
  app.use(errorHandler(logger));
  return app;
}
