import { type PublicStatus, sheetLabelSchema } from "@stream-control/protocol";
import { type Access, GuardedRoutes, open } from "@stream-control/service-kit/access";
import { parseQuery } from "@stream-control/service-kit/http";
import type { RequestHandler, Response } from "express";
import { z } from "zod";
import { allowEveryPage, embeddablePage } from "./pages.js";
import type { StatusBoard } from "./status-board.js";

const overlayParams = z.object({ sheet: sheetLabelSchema });

export interface PublicRoutesDeps {
  access: Access;
  readBody: RequestHandler;
  board: StatusBoard;
  /** Folder with the pages of the orchestrator itself. */
  publicDir: string;
}

/** What anybody may see: the streams as JSON, and pages that show streams and overlays. */
export function publicRoutes({ access, readBody, board, publicDir }: PublicRoutesDeps): GuardedRoutes {
  const routes = new GuardedRoutes(access, readBody);
  routes.get("/status", open, (request, response: Response<PublicStatus>) => {
    allowEveryPage(response);
    response.set("Cache-Control", "no-store");
    response.json({ streams: board.streams(access.callerOf(request)) });
  });
  routes.get("/embed", open, embeddablePage(publicDir, "embed.html"));
  const overlay = embeddablePage(publicDir, "overlay.html");
  routes.get("/overlay/:sheet", open, (request, response) => {
    parseQuery(overlayParams, request.params);
    overlay(request, response);
  });
  return routes;
}
