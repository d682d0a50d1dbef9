import { AppError, type Logger, toError } from "@stream-control/service-kit";
import { type Access, authenticate, type GuardedRoutes, gate, somewhere } from "@stream-control/service-kit/access";
import {
  type Caller,
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
import express, { type Express, type Request, type RequestHandler } from "express";

export interface AppOptions {
  logger: Logger;
  access: Access;
  addresses: ClientAddresses;
  origins: Origins;
  rates: RequestRates;
  routes: readonly (readonly [path: string, routes: GuardedRoutes])[];
  /** What the service says of itself, and whether it can do its work. */
  health: () => Promise<{ ok: boolean } & Record<string, unknown>>;
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
  const who = runAs((request) => actorOf(request, access, addresses));
  guardApp(app, {
    ...{ addresses, origins, rates, uncounted: ["/health", "/healthz"] },
    authenticate: (request, response, next) => {
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
      response.status(ok ? 200 : 503).json({ ok, status: ok ? "ok" : "unavailable", ...more });
    } catch (thrown) {
      logger.error({ err: toError(thrown) }, "the health check failed");
      response.status(503).json({ ok: false, status: "unavailable" });
    }
  });
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

const storeErrors: express.ErrorRequestHandler = (thrown, _request, _response, next) => {
  next(thrown instanceof StoreError ? new AppError("STORE_UNAVAILABLE", thrown.message, { cause: thrown }) : thrown);
};

/** Whoever sent a request, as the event log names them. */
function actorOf(request: Request, access: Access, addresses: ClientAddresses): Caller {
  const principal = access.callerOf(request)?.principal;
  const from = { address: addresses.of(request), userAgent: request.headers["user-agent"] };
  if (principal === undefined) return { actor: "anonymous", ...from };
  return { actor: principal.id, ...(principal.kind === "local" ? {} : { name: principal.name }), ...from };
}
