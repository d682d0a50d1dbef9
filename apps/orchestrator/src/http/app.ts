import { DEFAULT_ROOM } from "@stream-control/protocol";
import { AppError, type Logger } from "@stream-control/service-kit";
import { type Access, gate, inRoom } from "@stream-control/service-kit/access";
import {
  callerOf,
  healthRoute,
  identify,
  inTurn,
  type Routes,
  rateKey,
  storeErrors,
} from "@stream-control/service-kit/app";
import type { AuditRecorder } from "@stream-control/service-kit/audit";
import {
  type Caller,
  errorHandler,
  type GuardAppOptions,
  guardApp,
  jsonBody,
  noStore,
  routeNotFound,
  withCaller,
} from "@stream-control/service-kit/http";
import express, { type Express, type Request, type RequestHandler } from "express";
import type { Insiders } from "../public/insiders.js";
import { embeddedFiles } from "../public/pages.js";
import type { MediaLinks } from "../renders/files/media-links.js";
import { signedMedia } from "../renders/files/signed-media.js";
import { RENDERS_PATH, renderErrorBody } from "../renders/http.js";
import { VIDEO_PATHS } from "../renders/video-routes.js";
import { consolePages } from "./console-pages.js";
import { media } from "./media.js";

export interface AppOptions {
  logger: Logger;
  /** Who may call from where, and how often. */
  guard: Pick<GuardAppOptions, "addresses" | "origins" | "rates">;
  /** Folder of recordings and previews that is served under `/media/`. */
  mediaDir: string | undefined;
  /** What opens a file of it to whoever has a link. */
  links: MediaLinks;
  /** Folder with the build of the console. */
  consoleDir: string;
  /** Folder with the scripts and styles of the public pages. */
  publicDir: string;
  /** Resolves while the service can do its work. */
  checkHealth: () => Promise<Record<string, unknown>>;
  access: Access;
  audit: AuditRecorder;
  routes: Routes;
  roomOfJob: (jobId: string) => Promise<string | undefined>;
  insiders: Insiders;
}

/** Reads the bodies of every route. */
export const readBody: RequestHandler = jsonBody();

/** Media in a folder named after a job belong to its room, all others to the room of what names none. */
const mediaRoom =
  (roomOfJob: AppOptions["roomOfJob"]) =>
  async ({ path }: Request): Promise<string> => {
    const [, folder = ""] = path.split("/");
    return (await roomOfJob(decodeURIComponent(folder))) ?? DEFAULT_ROOM;
  };

/** The HTTP side of the orchestrator. */
export function createApp(options: AppOptions): Express {
  const { logger, guard, mediaDir, consoleDir, publicDir, checkHealth, access, audit, routes, insiders } = options;
  const app = express();
  // Answers are states of now; hashing each of them for a comparison that nobody makes costs more than making it.
  app.set("etag", false);
  guardApp(app, {
    ...guard,
    authenticate: inTurn(insiders.gate, identify(access, guard.addresses)),
    keyOf: rateKey(access),
    uncounted: ["/healthz", "/health", "/ready"],
  });
  app.use(["/v1", ...RENDER_PATHS, "/oauth", "/healthz"], noStore);
  app.get(
    "/healthz",
    healthRoute(logger, async () => ({ ok: true, ...(await checkHealth()) })),
  );
  for (const [path, { router }] of routes) app.use(path, router);
  if (mediaDir !== undefined) {
    const forAllPages = guard.origins.areOpen;
    app.use("/media", signedMedia(options.links, media(mediaDir, { forAllPages, cache: "private, max-age=3600" })));
    app.use("/media", gate(access, inRoom("viewer", mediaRoom(options.roomOfJob))), media(mediaDir, { forAllPages }));
  }
  app.use(consolePages(consoleDir));
  app.use(embeddedFiles, express.static(publicDir, { index: false }));
  app.use(routeNotFound);
  app.use(storeErrors);
  app.use(refusals(audit, (request) => callerOf(request, access, guard.addresses)));
  app.use(RENDER_PATHS, errorHandler(logger, renderErrorBody));
  app.use(errorHandler(logger));
  return app;
}

/** Where answers have the shapes of renders. */
const RENDER_PATHS = [RENDERS_PATH, VIDEO_PATHS.create, VIDEO_PATHS.result];

/** Who was refused what is worth an entry; the recorder sums up a flood of them. */
const refusals =
  (audit: AuditRecorder, actor: (request: Request) => Caller): express.ErrorRequestHandler =>
  (thrown, request, _response, next) => {
    if (thrown instanceof AppError && isWorthAnEntry(thrown)) {
      const message = `${request.method} ${request.baseUrl}${request.path} was refused: ${thrown.code}.`;
      const entry = { type: "request.refused", subject: "service:orchestrator", result: "refused", message } as const;
      void withCaller(actor(request), () => audit.record(entry));
    }
    next(thrown);
  };

/** What the whole internet tries at a door that is shut from outside says nothing about anybody. */
const isWorthAnEntry = ({ status, code }: AppError): boolean =>
  status === 401 || (status === 403 && code !== "OUTSIDE_NOT_ALLOWED");
