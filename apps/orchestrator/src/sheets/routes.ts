import {
  DEFAULT_ROOM,
  roomSchema,
  type SheetOverlay,
  sheetLabelSchema,
  type TeamNames,
  updateSheetOverlaySchema,
  updateTeamNamesSchema,
} from "@stream-control/protocol";
import { type Access, GuardedRoutes, inRoom } from "@stream-control/service-kit/access";
import { parseBody, parseQuery } from "@stream-control/service-kit/http";
import type { Request, RequestHandler } from "express";
import { z } from "zod";
import type { Sheets } from "./sheets.js";

export interface SheetRoutesDeps {
  access: Access;
  readBody: RequestHandler;
  sheets: Sheets;
}

const roomQuery = z.object({ room: roomSchema.default(DEFAULT_ROOM) });
const teamNamesQuery = roomQuery.extend({ sheet: sheetLabelSchema.optional() });

/** The room that is asked about, as it stands there: what is no room, nobody has a role in. */
const roomAskedFor = ({ query }: Request): string => String(query.room ?? DEFAULT_ROOM);

/** `/v1/overlays`: what overlays show of each sheet. */
export function overlayRoutes({ access, readBody, sheets }: SheetRoutesDeps): GuardedRoutes {
  const routes = new GuardedRoutes(access, readBody);
  /** A sheet's room and label out of the address. */
  const named = (request: Request<{ sheet: string }>): [room: string, sheet: string] => [
    parseQuery(roomQuery, request.query).room,
    parseQuery(z.object({ sheet: sheetLabelSchema }), request.params).sheet,
  ];
  routes.get("/", inRoom("viewer", roomAskedFor), (request, response) => {
    response.json(sheets.list(parseQuery(roomQuery, request.query).room));
  });
  routes.get("/:sheet", inRoom("viewer", roomAskedFor), (request, response) => {
    response.json(sheets.get(...named(request)));
  });
  routes.put("/:sheet", inRoom("operator", roomAskedFor), async (request, response) => {
    const where = named(request);
    response.json(await sheets.update(...where, parseBody(updateSheetOverlaySchema, request.body)));
  });
  routes.delete("/:sheet", inRoom("operator", roomAskedFor), async (request, response) => {
    await sheets.reset(...named(request));
    response.status(204).end();
  });
  return routes;
}

/** `/v1/teamnames`: the names of the same sheets, in the shape that deployed pages know. */
export function teamNameRoutes({ access, readBody, sheets }: SheetRoutesDeps): GuardedRoutes {
  const routes = new GuardedRoutes(access, readBody);
  routes.get("/", inRoom("viewer", roomAskedFor), (request, response) => {
    const { room, sheet } = parseQuery(teamNamesQuery, request.query);
    response.json(sheet === undefined ? sheets.list(room).map(namesOf) : namesOf(sheets.get(room, sheet)));
  });
  routes.put("/", inRoom("operator", roomAskedFor), async (request, response) => {
    const { room } = parseQuery(roomQuery, request.query);
    const { sheet, red, yellow } = parseBody(updateTeamNamesSchema, request.body);
    const change = {
      ...(red === undefined ? {} : { red: { name: red ?? "" } }),
      ...(yellow === undefined ? {} : { yellow: { name: yellow ?? "" } }),
    };
    response.json(namesOf(await sheets.update(room, sheet, change)));
  });
  return routes;
}

const namesOf = ({ sheet, shownNames: { red, yellow } }: SheetOverlay): TeamNames => ({
  sheet,
  ...(red === "" ? {} : { red }),
  ...(yellow === "" ? {} : { yellow }),
});
