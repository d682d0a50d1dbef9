import { createHash } from "node:crypto";
import {
  create,
  type MessageInitShape,
  OrchestratorCommandSchema,
  SubscriptionCommandSchema,
} from "@stream-control/proto/scenes";
import { AppError } from "@stream-control/service-kit";
import { type Access, GuardedRoutes, inRoom, requireRoom, roleIn, somewhere } from "@stream-control/service-kit/access";
import type { AuditRecorder } from "@stream-control/service-kit/audit";
import { parseBody, parseQuery } from "@stream-control/service-kit/http";
import type { Request, RequestHandler, Response } from "express";
import { z } from "zod";
import type { Journal, TimelineRecord } from "../journal/journal.js";
import { notFound, type TimelineHost } from "../service/host.js";
import { asRun, observe } from "../timeline/index.js";
import { configMessage } from "../wire/config-message.js";
import { errorOf } from "../wire/problem.js";
import { momentOf, rundownJson, rundownSchema, startSchema } from "../wire/rundown-schema.js";
import { UpdateKind, updateOf } from "../wire/update.js";
import { updateJson } from "../wire/update-json.js";
import { adjustSchema, batchSchema, newStreamSchema, type Order, orderSchema, statusSchema } from "./bodies.js";

export interface RoutesOptions {
  access: Access;
  readBody: RequestHandler;
  host: TimelineHost;
  journal: Journal;
  audit: AuditRecorder;
  now: () => number;
}

type Command = NonNullable<MessageInitShape<typeof OrchestratorCommandSchema>["command"]>;

const listQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  after: z.string().max(128).optional(),
});
const asRunQuery = z.object({ limit: z.coerce.number().int().min(1).max(10_000).default(1000) });

/** `/streams`: every timeline by REST. */
export function streamRoutes(options: RoutesOptions): GuardedRoutes {
  const { access, readBody, host, journal, audit, now } = options;
  const routes = new GuardedRoutes(access, readBody);
  const roomOf = ({ params }: Request) => journal.find(String(params.id))?.room;
  const viewer = inRoom("viewer", roomOf);
  const operator = inRoom("operator", roomOf);

  /** @throws AppError where the command does not count. */
  const perform = async (request: Request, streamId: string, order: Order, command: Command) => {
    const commandId = order.command_id ?? idempotentId(request, access);
    const reply = await host.command(
      create(OrchestratorCommandSchema, {
        ...{ streamId, command, traceparent: request.headers.traceparent?.toString().slice(0, 64) ?? "" },
        ...(commandId === undefined ? {} : { commandId }),
        ...(order.at_ms === undefined ? {} : { atMs: BigInt(order.at_ms) }),
        ...conditionOf(order),
      }),
    );
    if (reply.problem !== undefined) throw errorOf(reply.problem);
    if (!reply.repeated)
      await audit.record({
        ...{ type: `timeline.${command.case}`, subject: `timeline:${reply.streamId}` },
        message: `A timeline was told: ${command.case}.`,
      });
    return reply;
  };

  /** A command whose body has nothing but what every command may say. */
  const simple = (path: `/:id/${string}`, message: string, commandOf: (request: Request) => Command) =>
    routes.post(path, operator, async (request, response) => {
      await answer(request, response, parseBody(orderSchema, request.body), message, commandOf(request as Request));
    });

  const answer = async (request: Request, response: Response, order: Order, message: string, command: Command) => {
    const { streamId, atMs, repeated, state } = await perform(request, String(request.params.id), order, command);
    response.json({
      ...{ stream_id: streamId, message, at_ms: Number(atMs), repeated },
      state: state === undefined ? null : updateJson(state),
    });
  };

  routes.get("/", somewhere("viewer"), (request, response) => {
    const { limit, after } = parseQuery(listQuery, request.query);
    const { grants } = access.requireCaller(request).principal;
    const all = journal.list().filter(({ room }) => roleIn(grants, room) !== undefined);
    const from = after === undefined ? 0 : all.findIndex(({ streamId }) => streamId === after) + 1;
    const page = all.slice(from, from + limit);
    const more = from + limit < all.length;
    response.json({
      streams: page.map((record) => summaryOf(record, now())),
      total: all.length,
      next: more ? (page.at(-1)?.streamId ?? null) : null,
    });
  });

  routes.post("/", somewhere("operator"), async (request, response) => {
    const { stream_id: streamId = "", room, ...rundown } = parseBody(newStreamSchema(now()), request.body);
    requireRoom(access, "operator", room, request);
    const order = parseBody(orderSchema.pick({ command_id: true }), request.body);
    const command: Command = { case: "start", value: { config: configMessage(rundown), room } };
    const reply = await perform(request, streamId, order, command);
    response.status(reply.repeated ? 200 : 201).json({
      ...{ stream_id: reply.streamId, message: "Stream created successfully" },
      state: reply.state === undefined ? null : updateJson(reply.state),
    });
  });

  routes.get("/:id", viewer, async ({ params }, response) => {
    const record = existing(journal, params.id);
    const { state, stats } = await inspect(host, params.id);
    response.json({
      ...{ stream_id: record.streamId, room: record.room, made_at_ms: record.made.atMs },
      config: rundownJson((journal.find(params.id) ?? record).state.rundown),
      state: state === undefined ? null : updateJson(state),
      subscribers: statsJson(stats),
    });
  });

  routes.get("/:id/stats", viewer, async ({ params }, response) => {
    existing(journal, params.id);
    response.json(statsJson((await inspect(host, params.id)).stats));
  });

  const keptRoom = async ({ params }: Request) => (await kept(journal, String(params.id)))?.room;
  routes.get("/:id/as-run", inRoom("viewer", keptRoom), async ({ params, query }, response) => {
    const record = await kept(journal, params.id);
    if (record === undefined) throw notFound(params.id);
    const { limit } = parseQuery(asRunQuery, query);
    const entries = asRun(record.made, await journal.entries(params.id), record.removedAtMs ?? now(), limit);
    response.json({
      stream_id: params.id,
      entries: entries.map((entry) => ({
        ...{ run: entry.run, instance: entry.instance, scene_id: entry.sceneId, name: entry.name },
        ...{ started_at_ms: entry.startedAtMs, ended_at_ms: entry.endedAtMs, planned_ms: entry.plannedMs },
        ended_by: entry.endedBy,
      })),
    });
  });

  routes.put("/:id", operator, async (request, response) => {
    const rundown = parseBody(rundownSchema(now()), request.body);
    const command: Command = { case: "reconfigure", value: { config: configMessage(rundown) } };
    await answer(request, response, parseBody(orderSchema, request.body), "Stream reconfigured", command);
  });

  routes.delete("/:id", operator, async (request, response) => {
    await perform(request, request.params.id, {}, { case: "remove", value: {} });
    response.status(204).end();
  });

  routes.post("/:id/start", operator, async (request, response) => {
    const given = parseBody(startSchema, request.body);
    const startAtMs = given.start_at_ms ?? momentOf(given.start_at, given.time_zone, now());
    const command: Command = { case: "start", value: startAtMs === null ? {} : { startAtMs: BigInt(startAtMs) } };
    await answer(request, response, parseBody(orderSchema, request.body), "Stream started", command);
  });

  simple("/:id/stop", "Stream stopped", () => ({ case: "stop", value: {} }));
  simple("/:id/pause", "Stream paused", () => ({ case: "pause", value: {} }));
  simple("/:id/resume", "Stream resumed", () => ({ case: "resume", value: {} }));
  simple("/:id/skip", "Scene skipped", () => ({ case: "skipScene", value: {} }));
  simple("/:id/reset", "Stream reset", () => ({ case: "reset", value: {} }));
  simple("/:id/take", "Scene taken", () => ({ case: "take", value: {} }));
  simple("/:id/hold", "Scene held", () => ({ case: "hold", value: {} }));
  simple("/:id/release", "Scene released", () => ({ case: "release", value: {} }));
  simple("/:id/scene/:name", "Scene forced", ({ params }) => ({
    case: "forceScene",
    value: { scene: String(params.name) },
  }));
  simple("/:id/cue/:name", "Scene cued", ({ params }) => ({ case: "cue", value: { scene: String(params.name) } }));

  routes.delete("/:id/cue", operator, async (request, response) => {
    await answer(request, response, parseBody(orderSchema, request.body), "Cue taken back", {
      case: "cue",
      value: { scene: "" },
    });
  });

  routes.post("/:id/time", operator, async (request, response) => {
    const { delta_ms: deltaMs } = parseBody(adjustSchema, request.body);
    const command: Command = { case: "adjustTime", value: { deltaMs: BigInt(deltaMs) } };
    await answer(request, response, parseBody(orderSchema, request.body), "Time adjusted", command);
  });

  routes.post("/:id/status", operator, async (request, response) => {
    const value = parseBody(statusSchema, request.body);
    const command: Command = { case: "updateStreamStatus", value };
    await answer(request, response, parseBody(orderSchema, request.body), "Status updated", command);
  });

  routes.post("/:id/commands", operator, async (request, response) => {
    const { actions, ...order } = parseBody(batchSchema(now()), request.body);
    await answer(request, response, order, "Commands counted", { case: "batch", value: { actions } });
  });

  return routes;
}

/** A timeline that is there, or is gone and has left its as-run record. */
const kept = async (journal: Journal, streamId: string): Promise<TimelineRecord | undefined> =>
  journal.find(streamId) ?? (await journal.findRemoved(streamId));

/** @throws AppError `TIMELINE_NOT_FOUND`. */
function existing(journal: Journal, streamId: string): TimelineRecord {
  const record = journal.find(streamId);
  if (record === undefined) throw notFound(streamId);
  return record;
}

async function inspect(host: TimelineHost, streamId: string) {
  const reply = await host.subscription(
    create(SubscriptionCommandSchema, { streamId, command: { case: "inspect", value: {} } }),
  );
  if (reply.problem !== undefined) throw errorOf(reply.problem);
  return reply;
}

const statsJson = (stats: { total: number; active: number; stale: number; uniqueClients: number } | undefined) => ({
  ...{
    total: stats?.total ?? 0,
    active: stats?.active ?? 0,
    stale: stats?.stale ?? 0,
    unique_clients: stats?.uniqueClients ?? 0,
  },
});

/** How it stands, computed from the last command: nobody need be asked. */
function summaryOf({ streamId, room, state, epoch, owner, made }: TimelineRecord, nowMs: number) {
  const seen = observe(state, Math.max(nowMs, state.lastAtMs));
  const update = updateOf({ streamId, epoch, sequence: 0, kind: UpdateKind.SNAPSHOT }, seen);
  const { mode, current_scene, elapsed_ms, remaining_ms, progress } = updateJson(update);
  return {
    stream_id: streamId,
    room,
    owner,
    made_at_ms: made.atMs,
    mode,
    current_scene,
    elapsed_ms,
    remaining_ms,
    progress,
  };
}

function conditionOf({ if_scene: onAir, if_revision: revision }: Order) {
  if (onAir === undefined && revision === undefined) return {};
  return { condition: { onAir: onAir ?? "", ...(revision === undefined ? {} : { revision: BigInt(revision) }) } };
}

/** The same key of the same caller is the same command (draft-ietf-httpapi-idempotency-key-header). */
function idempotentId(request: Request, access: Access): string | undefined {
  const key = request.headers["idempotency-key"];
  if (key === undefined) return undefined;
  if (typeof key !== "string" || key === "" || key.length > 200)
    throw new AppError("INVALID_REQUEST", "Idempotency-Key must have 1 to 200 characters.");
  const { id } = access.requireCaller(request).principal;
  return `key:${createHash("sha256")
    .update(JSON.stringify([id, request.method, request.path, key]))
    .digest("hex")}`;
}
