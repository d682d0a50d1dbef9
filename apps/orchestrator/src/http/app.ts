import { fileURLToPath } from "node:url";
import { AppError, type Logger, toError } from "@stream-control/service-kit";
import { type Caller, errorHandler, routeNotFound, runAs } from "@stream-control/service-kit/http";
import { StoreError } from "@stream-control/store";
import cors from "cors";
import express, { type Express, type Request, type Router } from "express";

export interface AppOptions {
  logger: Logger;
  /** Origins that pages may come from; `undefined` allows all. */
  allowedOrigins: readonly string[] | undefined;
  /** Folder of recordings and previews that is served under `/media/`. */
  mediaDir: string | undefined;
  /** Folder with the pages of the orchestrator itself. */
  publicDir: string;
  /** Resolves while the service can do its work. */
  checkHealth: () => Promise<Record<string, unknown>>;
  /** On whose behalf a request is answered. */
  callerOf: (request: Request) => Caller;
  routes: Record<string, Router>;
}

/** Largest body that is read, and what a client gets for a larger one: 413. */
const MAX_BODY = "1mb";

/** The HTTP side of the orchestrator. */
export function createApp(options: AppOptions): Express {
  const { logger, allowedOrigins, mediaDir, publicDir, checkHealth, callerOf, routes } = options;
  const app = express();
  app.disable("x-powered-by");
  // Answers are states of now; hashing each of them for a comparison that nobody makes costs more than making it.
  app.set("etag", false);
  app.use(cors({ origin: allowedOrigins === undefined ? "*" : [...allowedOrigins] }));
  app.get("/healthz", async (_request, response) => {
    try {
      response.json({ ok: true, status: "ok", ...(await checkHealth()) });
    } catch (thrown) {
      logger.error({ err: toError(thrown) }, "the health check failed");
      response.status(503).json({ ok: false, status: "unavailable" });
    }
  });
  app.use("/v1", runAs(callerOf));
  app.use("/v1", express.json({ limit: MAX_BODY }));
  for (const [path, router] of Object.entries(routes)) app.use(path, router);
  app.use("/assets/hls.mjs", express.static(hlsLibrary(), { maxAge: "1d" }));
  if (mediaDir !== undefined) app.use("/media", media(mediaDir));
  app.use(express.static(publicDir));
  app.use(routeNotFound);
  app.use(storeErrors);
  app.use(errorHandler(logger));
  return app;
}

/** A database that cannot be written is no mistake of the caller's: nothing was accepted, and trying again may help. */
const storeErrors: express.ErrorRequestHandler = (thrown, _request, _response, next) => {
  next(thrown instanceof StoreError ? new AppError("STORE_UNAVAILABLE", thrown.message, { cause: thrown }) : thrown);
};

/** Playlists change all the time, segments never; nothing but media is handed out. */
function media(folder: string): express.RequestHandler {
  const files = express.static(folder, {
    dotfiles: "deny",
    index: false,
    setHeaders: (response, path) => {
      response.setHeader("Cache-Control", path.endsWith(".m3u8") ? "no-cache" : "public, max-age=3600");
      response.setHeader("X-Content-Type-Options", "nosniff");
    },
  });
  return (request, response, next) => {
    if (/\.(m3u8|ts|m4s|mp4|mov|mkv|flv|jpg)$/i.test(request.path)) files(request, response, next);
    else next();
  };
}

/** The player for browsers that cannot play HLS by themselves, without subtitles and encryption. */
const hlsLibrary = (): string => fileURLToPath(import.meta.resolve("hls.js/dist/hls.light.min.mjs"));
