import {
  type BroadcastRecord,
  broadcastMetadataSchema,
  createBroadcastSchema,
  maskSecrets,
  updateBroadcastSchema,
} from "@stream-control/protocol";
import {
  type Access,
  GuardedRoutes,
  inRoom,
  requireRoom,
  roleIn,
  roomByDefault,
  somewhere,
} from "@stream-control/service-kit/access";
import type { AuditRecorder } from "@stream-control/service-kit/audit";
import { parseBody } from "@stream-control/service-kit/http";
import type { Request, RequestHandler } from "express";
import type { Ledger } from "../../jobs/ledger.js";
import { seesSecrets } from "../../jobs/visible.js";
import type { Book } from "../broadcasts/book.js";
import type { Broadcast } from "../broadcasts/broadcast.js";
import { notConfigured } from "../oauth/refusals.js";
import type { BroadcastDesk } from "./desk.js";
import { toBroadcastRecord } from "./record.js";

export interface BroadcastRoutesDeps {
  access: Access;
  readBody: RequestHandler;
  audit: AuditRecorder;
  ledger: Ledger;
  /** Undefined where YouTube is not configured. */
  broadcasts: { desk: BroadcastDesk; book: Book } | undefined;
}

/** `/v1/broadcasts`: broadcasts that are announced, or on air. */
export function broadcastRoutes({ access, readBody, audit, ledger, broadcasts }: BroadcastRoutesDeps): GuardedRoutes {
  const routes = new GuardedRoutes(access, readBody);
  const desk = (): BroadcastDesk => {
    if (broadcasts === undefined) throw notConfigured();
    return broadcasts.desk;
  };
  const room = (request: Request) => broadcasts?.book.find(String(request.params.id))?.room;
  const grantsOf = (request: Request) => access.requireCaller(request).principal.grants;
  const shown = (request: Request, broadcast: Broadcast): BroadcastRecord => {
    const record = toBroadcastRecord(broadcast, broadcasts?.book.lifeCycleOf(broadcast.id) ?? null);
    return seesSecrets(grantsOf(request), broadcast.room) ? record : maskSecrets(record);
  };
  const seen = (request: Request, role: "viewer" | "operator") =>
    (broadcasts === undefined ? [] : desk().list()).filter(({ room: of }) => {
      const own = roleIn(grantsOf(request), of);
      return own !== undefined && (role === "viewer" || own !== "viewer");
    });
  const note = (type: string, { id, title, scheduledStart }: Broadcast, message: string) =>
    audit.record({ type, subject: `broadcast:${id}`, message, data: { title, scheduledStartTime: scheduledStart } });

  routes.get("/", somewhere("viewer"), (request, response) => {
    response.json(seen(request, "viewer").map((broadcast) => shown(request, broadcast)));
  });

  routes.post("/", somewhere("operator"), async (request, response) => {
    const body = parseBody(createBroadcastSchema, request.body);
    const inRoomOf = body.room ?? roomByDefault(grantsOf(request), "operator");
    requireRoom(access, "operator", inRoomOf, request);
    const broadcast = await desk().create(body, inRoomOf);
    await note("broadcast.created", broadcast, "A broadcast was announced.");
    // What YouTube has not made yet is made by and by.
    response.status(broadcast.state === "preparing" ? 202 : 201).json(shown(request, broadcast));
  });

  routes.post("/refresh-all", somewhere("operator"), async (request, response) => {
    const own = seen(request, "operator");
    await desk().refresh(own.map(({ id }) => id));
    await audit.record({
      type: "broadcast.refreshed",
      subject: "broadcasts:all",
      message: "YouTube was asked how broadcasts stand.",
    });
    response.json(seen(request, "operator").map((broadcast) => shown(request, broadcast)));
  });

  routes.get("/:id", inRoom("viewer", room), (request, response) => {
    response.json(shown(request, desk().get(request.params.id)));
  });

  routes.get("/:id/refresh", inRoom("operator", room), async (request, response) => {
    const broadcast = desk().get(request.params.id);
    await desk().refresh([broadcast.id]);
    response.json(shown(request, broadcast));
  });

  routes.put("/:id", inRoom("operator", room), async (request, response) => {
    const broadcast = await desk().update(request.params.id, parseBody(updateBroadcastSchema, request.body));
    await note("broadcast.changed", broadcast, "A broadcast was changed.");
    response.json(shown(request, broadcast));
  });

  routes.put("/:id/metadata", inRoom("operator", room), async (request, response) => {
    const texts = parseBody(broadcastMetadataSchema, request.body);
    const broadcast = desk().get(request.params.id);
    const data = { fields: Object.keys(texts) };
    // A job's own texts are its broadcast's.
    if (broadcast.jobId !== null)
      await ledger.mergeMetadata(broadcast.jobId, texts, {
        type: "job.metadata",
        message: "The stream's metadata was changed.",
        data,
      });
    await desk().update(broadcast.id, texts);
    await note("broadcast.changed", broadcast, "Title or description of a broadcast was changed.");
    response.json(shown(request, broadcast));
  });

  routes.delete("/:id", inRoom("operator", room), async (request, response) => {
    const broadcast = desk().get(request.params.id);
    await desk().remove(broadcast.id);
    await note("broadcast.removed", broadcast, "A broadcast was taken away.");
    response.status(204).end();
  });

  return routes;
}
