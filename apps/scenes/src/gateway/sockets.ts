import type { Duplex } from "node:stream";
import type { Bus } from "@stream-control/bus";
import {
  create,
  type Filter,
  FilterSchema,
  type SubscriptionCommand,
  SubscriptionCommandSchema,
} from "@stream-control/proto/scenes";
import { type Logger, toError } from "@stream-control/service-kit";
import type { Access, Caller } from "@stream-control/service-kit/access";
import { roleIn } from "@stream-control/service-kit/access";
import { RateLimiter } from "@stream-control/service-kit/http";
import { v7 as uuidv7 } from "uuid";
import type { WebSocket } from "ws";
import { z } from "zod";
import type { ScenesMetrics } from "../metrics.js";
import type { TimelineHost } from "../service/host.js";
import type { ServiceSettings } from "../service/settings.js";
import { UpdateGate } from "../wire/filter.js";
import { errorOf } from "../wire/problem.js";
import type { Format } from "./encoded.js";
import { Feed } from "./feed.js";
import { Listener } from "./listener.js";

export interface SocketsOptions {
  host: TimelineHost;
  bus: Bus;
  access: Access;
  settings: ServiceSettings;
  metrics: ScenesMetrics;
  logger: Logger;
  roomOf: (streamId: string) => string | undefined;
}

/** Who opened a socket, on what, and what they want to get. */
export interface Opening {
  streamId: string;
  caller: Caller;
  address: string;
  format: Format;
  filter: Filter;
}

/** What a client may say on its socket. */
const wordSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("heartbeat") }),
  z.object({ type: z.literal("filter"), filter: z.unknown() }),
]);

/** A filter as JSON or as query parameters. */
export const filterSchema = z.object({
  scenes: z
    .union([z.string().transform((text) => text.split(",")), z.array(z.string())])
    .pipe(z.array(z.string().min(1).max(200)).max(100))
    .optional(),
  progress_step: z.coerce.number().min(0).max(1).optional(),
  progress_from: z.coerce.number().min(0).max(1).optional(),
  max_updates_per_second: z.coerce.number().int().min(1).max(1000).optional(),
  events_only: z.union([z.boolean(), z.enum(["true", "false"]).transform((text) => text === "true")]).optional(),
});

export const filterOf = (given: z.infer<typeof filterSchema>): Filter =>
  create(FilterSchema, {
    ...{ scenes: given.scenes ?? [], progressStep: given.progress_step ?? 0, progressFrom: given.progress_from ?? 0 },
    ...{ maxUpdatesPerSecond: given.max_updates_per_second ?? 0, eventsOnly: given.events_only ?? false },
  });

const CLOSE = {
  goingAway: 1001,
  policy: 1008,
  tryAgainLater: 1013,
  unauthenticated: 4001,
  gone: 4004,
} as const;
/** Slices of a heartbeat's period, so that thousands of sockets are not asked at once; and the least that one takes. */
const MAX_SLICES = 30;
const SLICE_MS = 10;
const RIGHTS_PERIOD_MS = 5000;

/** The WebSockets of this gateway: each is a subscriber of its timeline, and is kept as long as it answers. */
export class Sockets {
  private readonly feeds = new Map<string, Feed>();
  private readonly callers = new Map<Listener, { caller: Caller; feed: Feed; slice: number; address: string }>();
  private readonly words = new RateLimiter({ perMinute: 120, burst: 30 });
  private readonly slices: number;
  private slice = 0;
  private serial = 0;
  private looking: NodeJS.Timeout | undefined;
  private rights: NodeJS.Timeout | undefined;
  private stopping = false;

  constructor(private readonly options: SocketsOptions) {
    this.slices = Math.max(1, Math.min(MAX_SLICES, Math.floor(options.settings.heartbeatIntervalMs / SLICE_MS)));
  }

  start(): void {
    this.looking = setInterval(() => this.look(), this.options.settings.heartbeatIntervalMs / this.slices);
    this.rights = setInterval(() => void this.checkRights(), RIGHTS_PERIOD_MS);
    this.options.access.onRightsChanged(() => void this.checkRights());
  }

  get size(): number {
    return this.callers.size;
  }

  async stop(): Promise<void> {
    this.stopping = true;
    clearInterval(this.looking);
    clearInterval(this.rights);
    await Promise.all(
      [...this.callers.keys()].map(({ socket }) => {
        const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
        socket.close(CLOSE.goingAway, "the service is stopping");
        setTimeout(() => socket.terminate(), 1000).unref();
        return closed;
      }),
    );
    for (const feed of this.feeds.values()) feed.close();
  }

  /** Takes over a socket that was opened on a timeline. */
  accept(socket: WebSocket, stream: Duplex, opening: Opening): void {
    const { metrics, logger } = this.options;
    if (this.stopping) {
      socket.close(CLOSE.goingAway, "the service is stopping");
      return;
    }
    const listener = new Listener(socket, stream, uuidv7(), opening.format, metrics);
    listener.filterBy(this.gateOf(opening.filter));
    const feed = this.feedOf(opening.streamId);
    feed.users += 1;
    this.serial += 1;
    this.callers.set(listener, {
      caller: opening.caller,
      feed,
      slice: this.serial % this.slices,
      address: opening.address,
    });
    metrics.sockets.set(this.size);
    socket.on("error", (error) => logger.debug({ err: error }, "a socket failed"));
    socket.on("close", () => this.left(listener, feed));
    socket.on("pong", () => {
      listener.alive = true;
    });
    socket.on("message", (data, isBinary) => this.heard(listener, isBinary ? undefined : String(data)));
    this.join(listener, feed, opening.address).catch((thrown: unknown) => {
      logger.warn({ err: toError(thrown), streamId: feed.streamId }, "a socket could not follow its timeline");
      socket.close(CLOSE.tryAgainLater, "the timeline cannot be followed now");
    });
  }

  /** What a client asks for, within what this service gives. */
  private gateOf(filter: Filter): UpdateGate {
    const most = this.options.settings.maxUpdatesPerSecond;
    const asked = filter.maxUpdatesPerSecond;
    const given = most === 0 ? asked : asked === 0 ? most : Math.min(asked, most);
    return new UpdateGate({ ...filter, maxUpdatesPerSecond: given });
  }

  private async join(listener: Listener, feed: Feed, address: string): Promise<void> {
    await feed.open();
    const reply = await this.ask(listener, feed, {
      case: "register",
      value: { $typeName: "stream_control.scenes.v1.Register", sourceAddr: address, ownSubject: false },
    });
    if (reply.problem !== undefined) {
      const { code, message } = errorOf(reply.problem);
      listener.socket.close(code === "TIMELINE_NOT_FOUND" ? CLOSE.gone : CLOSE.tryAgainLater, message.slice(0, 120));
      return;
    }
    // Closed while it was registered: whoever counts subscribers must not keep it.
    if (!this.callers.has(listener)) {
      await this.ask(listener, feed, {
        case: "unregister",
        value: { $typeName: "stream_control.scenes.v1.Unregister" },
      });
      return;
    }
    feed.listeners.add(listener);
    if (reply.state !== undefined) feed.tell(reply.state, [listener]);
  }

  private ask(listener: Listener, { streamId }: Feed, command: SubscriptionCommand["command"]) {
    const clientName = this.callers.get(listener)?.caller.principal.id ?? "";
    // Callers without a name of their own are told apart by where they are.
    const address = this.callers.get(listener)?.address ?? "";
    const name = clientName === "local" || clientName === "" ? address : clientName;
    return this.options.host.subscription(
      create(SubscriptionCommandSchema, { streamId, clientId: listener.clientId, clientName: name, command }),
    );
  }

  private left(listener: Listener, feed: Feed): void {
    const wasIn = feed.listeners.delete(listener);
    if (wasIn)
      this.ask(listener, feed, {
        case: "unregister",
        value: { $typeName: "stream_control.scenes.v1.Unregister" },
      }).catch(() => {});
    this.callers.delete(listener);
    this.words.forget(listener.clientId);
    this.options.metrics.sockets.set(this.size);
    feed.users -= 1;
    if (feed.users > 0) return;
    feed.close();
    if (this.feeds.get(feed.streamId) === feed) this.feeds.delete(feed.streamId);
  }

  private heard(listener: Listener, text: string | undefined): void {
    listener.alive = true;
    const { socket } = listener;
    if (this.words.take(listener.clientId) > 0) {
      socket.close(CLOSE.policy, "too many messages");
      return;
    }
    try {
      const word = wordSchema.parse(JSON.parse(text ?? ""));
      if (word.type === "filter") listener.filterBy(this.gateOf(filterOf(filterSchema.parse(word.filter))));
    } catch {
      const error = 'Send {"type": "heartbeat"}, or {"type": "filter", "filter": {…}}; see docs/scenes.md.';
      socket.send(JSON.stringify({ error, code: "VALIDATION_FAILED" }));
    }
  }

  /** Asks a slice of the sockets whether they are there, and tells their owners of those that were. */
  private look(): void {
    this.slice = (this.slice + 1) % this.slices;
    for (const [listener, { slice, feed }] of this.callers) {
      if (slice !== this.slice) continue;
      if (!listener.alive) {
        listener.socket.terminate();
        continue;
      }
      listener.alive = false;
      listener.socket.ping();
      if (feed.listeners.has(listener)) this.beat(listener, feed);
    }
  }

  private beat(listener: Listener, feed: Feed): void {
    this.ask(listener, feed, { case: "heartbeat", value: { $typeName: "stream_control.scenes.v1.Heartbeat" } })
      .then(async (reply) => {
        // The owner does not know it: it has just taken the timeline over, or dropped the client after a long outage.
        if (reply.problem?.code === "NOT_FOUND")
          await this.join(listener, feed, this.callers.get(listener)?.address ?? "");
        if (reply.problem?.code === "TIMELINE_NOT_FOUND") listener.socket.close(CLOSE.gone, "the timeline is gone");
      })
      .catch(() => {});
  }

  private feedOf(streamId: string): Feed {
    const known = this.feeds.get(streamId);
    if (known !== undefined) return known;
    const feed = new Feed(
      this.options.bus,
      streamId,
      ({ listeners }) => {
        for (const listener of listeners) this.beat(listener, feed);
      },
      ({ listeners }) => {
        for (const { socket } of listeners) socket.close(CLOSE.gone, "the timeline was removed");
      },
    );
    this.feeds.set(streamId, feed);
    return feed;
  }

  /** Whoever has lost the right to see a timeline does not see it any more. */
  private async checkRights(): Promise<void> {
    const { access, roomOf } = this.options;
    for (const [{ socket }, { caller, feed }] of this.callers) {
      const principal = await access.stillIn(caller).catch(() => caller.principal);
      const room = roomOf(feed.streamId);
      if (principal === undefined) socket.close(CLOSE.unauthenticated, "the credentials do not count any more");
      else if (room !== undefined && roleIn(principal.grants, room) === undefined)
        socket.close(CLOSE.tryAgainLater, "the rights have changed");
    }
  }
}
