import { join } from "node:path";
import { openMessages } from "@stream-control/bus/open-messages";
import { type Logger, ReleaseStack, silentLogger } from "@stream-control/service-kit";
import {
  Access,
  type AccessTables,
  keyRoutes,
  sessionRoutes,
  ticketRoutes,
  userRoutes,
} from "@stream-control/service-kit/access";
import { type RouteRule, type Routes, rulesOf } from "@stream-control/service-kit/app";
import { ClientAddresses, DEFAULT_RATES, Door, GuessLimiter, Origins } from "@stream-control/service-kit/http";
import { openStore, sql } from "@stream-control/store";
import { openPostgresStore } from "@stream-control/store/postgres";
import { v7 as uuidv7 } from "uuid";
import { EventLog } from "./events/event-log.js";
import { Feed } from "./events/feed.js";
import { createApp, readBody } from "./http/app.js";
import { eventRoutes, webhookRoutes } from "./http/other-routes.js";
import { streamRoutes } from "./http/stream-routes.js";
import { Requests } from "./idempotency/requests.js";
import { LiveKit } from "./livekit/livekit.js";
import { Reconciler } from "./livekit/reconciler.js";
import { Webhooks } from "./livekit/webhooks.js";
import { LivestreamMetrics } from "./metrics.js";
import { DEFAULTS, type LivestreamOptions } from "./options.js";
import { GrpcServer } from "./realtime/grpc-server.js";
import { ServerSentEvents } from "./realtime/server-sent-events.js";
import { Sockets } from "./realtime/sockets.js";
import { Housekeeping } from "./streams/housekeeping.js";
import { Ledger } from "./streams/ledger.js";
import { Streams } from "./streams/streams.js";
import { migrations, type Tables } from "./streams/tables.js";

/**
 * The service of livestreams on LiveKit.
 *
 * ```ts
 * const livestream = new Livestream({ livekit: { url: "ws://127.0.0.1:7880", apiKey: "devkey", apiSecret: "secret" } });
 * await livestream.start();
 * ```
 */
export class Livestream {
  private readonly releases = new ReleaseStack();
  private readonly logger: Logger;
  private door: Door | undefined;
  private listeningOn: { port: number; grpcPort: number } | undefined;
  private answered: readonly RouteRule[] = [];
  private mending: Reconciler | undefined;

  constructor(private readonly options: LivestreamOptions) {
    this.logger = options.logger ?? silentLogger();
  }

  /** The port it listens on; the one that was asked for until it does. */
  get port(): number {
    return this.listeningOn?.port ?? this.options.port ?? DEFAULTS.port;
  }

  get grpcPort(): number {
    return this.listeningOn?.grpcPort ?? this.options.grpcPort ?? DEFAULTS.grpcPort;
  }

  /** Every route and who may call it; none until it has started. */
  get routes(): readonly RouteRule[] {
    return this.answered;
  }

  /** Resolves once requests are answered. When it rejects, nothing is left behind. */
  async start(): Promise<void> {
    try {
      await this.build();
    } catch (error) {
      await this.releases.release();
      throw error;
    }
  }

  /** Tells the clients, finishes what was begun, closes. Rooms go on. */
  stop(): Promise<void> {
    return this.releases.release();
  }

  /** Takes over a renewed certificate at once, which otherwise takes some seconds. */
  async reload(): Promise<void> {
    await this.door?.reload();
  }

  /** Compares every stream with LiveKit now, which otherwise happens every few seconds. */
  async reconcile(): Promise<void> {
    await this.mending?.compare();
  }

  private async build(): Promise<void> {
    const { logger, releases } = this;
    const settings = { ...DEFAULTS, ...this.options };
    const instance = settings.instance ?? `livestream-${uuidv7()}`;
    const now = () => Date.now();
    const clock = () => new Date();
    const metrics = new LivestreamMetrics();

    const store =
      settings.databaseUrl === undefined
        ? await openStore<Tables>({ file: join(settings.dataDir, "livestream.db"), migrations })
        : await openPostgresStore<Tables>({ url: settings.databaseUrl, migrations, name: instance });
    releases.add("the store", () => store.close());
    const { natsUrl, redisUrl } = settings;
    const bus = await openMessages({ natsUrl, redisUrl, name: instance, prefix: settings.busPrefix, log: logger });
    releases.add("the bus", () => bus.close());
    if (settings.databaseUrl !== undefined && bus.kind === "memory")
      logger.warn("several instances on one database hear of each other's events late without NATS_URL or REDIS_URL");
    const { messages } = bus;

    const events = new EventLog(store);
    const feed = new Feed({ messages, events, logger, lookEveryMs: settings.lookEveryMs });
    await feed.start();
    releases.add("the feed", () => feed.stop());
    const ledger = new Ledger({
      ...{ store, instance },
      announce: (told) => {
        for (const { type } of told) metrics.events.inc({ type });
        feed.announce(told);
      },
    });
    const livekit = new LiveKit(
      { ...settings.livekit, ...settings, timeoutMs: settings.livekitTimeoutMs },
      (method, outcome) => metrics.livekit.inc({ method, outcome }),
    );
    const streams = new Streams({ ledger, livekit, now });
    const requests = new Requests(store, now);
    const webhooks = new Webhooks({
      ...{ ...settings.livekit, store, ledger, logger, now },
      onWebhook: (event, outcome) => metrics.webhooks.inc({ event, outcome }),
    });
    const housekeeping = new Housekeeping({ store, requests, retentionMs: settings.retentionMs, logger, now });
    housekeeping.start();
    releases.add("the housekeeping", () => housekeeping.stop());
    const reconciler = new Reconciler({
      ...{ ledger, streams, livekit, messages, logger, now },
      ...{ everyMs: settings.reconcileEveryMs, joinTimeoutMs: settings.joinTimeoutMs },
    });
    reconciler.start();
    this.mending = reconciler;
    releases.add("the reconciler", () => reconciler.stop());

    const addresses = new ClientAddresses(settings.door?.trustedProxies);
    const origins = new Origins(settings.allowedOrigins);
    const access = new Access({
      store: store.part<AccessTables>(),
      ...{ logger, now: clock, mode: settings.accessControl, service: "livestream", guesses: new GuessLimiter() },
      // Who was let in, and what was done to keys and users, goes to the log.
      audit: { record: async (entry) => logger.info({ entry }, "access") },
      addressOf: (request) => addresses.of(request),
      isSecure: (request) => addresses.isSecure(request),
      allowedOrigins: settings.allowedOrigins,
    });

    const onSlow = () => metrics.slow.inc();
    const sockets = new Sockets({ access, feed, streams, logger, instance, onSlow });
    const sse = new ServerSentEvents({ feed, streams, onSlow });
    const grpc = new GrpcServer({ access, feed, streams, logger, tls: settings.door?.tls, onSlow });
    access.onRightsChanged(() => {
      sockets.dismiss();
      grpc.dismiss();
      sse.stop();
    });
    const routes: Routes = [
      ["/v1/session", sessionRoutes(access, readBody)],
      ["/v1/tickets", ticketRoutes(access, readBody)],
      ["/v1/keys", keyRoutes(access, readBody)],
      ["/v1/users", userRoutes(access, readBody)],
      ["/webhooks", webhookRoutes(access, webhooks)],
      ["/events", eventRoutes({ access, readBody, events, streams })],
      ["/streams", streamRoutes({ access, readBody, streams, ledger, requests, sse })],
    ];
    this.answered = rulesOf(routes);
    const startedAt = now();
    const app = createApp({
      ...{ logger, access, addresses, origins, routes },
      metrics: {
        contentType: metrics.registry.contentType,
        text: () => {
          const clients = { websocket: sockets.size, sse: sse.size, grpc: grpc.size };
          return metrics.text({ ...clients, livekitAway: livekit.isAway });
        },
      },
      rates: settings.door?.rates ?? DEFAULT_RATES,
      health: async () => {
        await store.read((db) => sql`select 1`.execute(db));
        return {
          ...{ ok: true, timestamp: clock().toISOString(), uptime: (now() - startedAt) / 1000, instance },
          ...{ store: store.kind, bus: bus.kind, busState: messages.state },
          ...{ livekit: livekit.isAway ? "away" : "ok", sockets: sockets.size },
        };
      },
    });
    const door = await Door.build({
      ...{ app, origins, addresses, logger, tls: settings.door?.tls, limits: settings.door?.limits },
      handshakesPerMinute: settings.door?.handshakesPerMinute,
      sockets: { "/": sockets.route },
    });
    const grpcPort = await grpc.listen(settings.grpcPort, settings.host);
    releases.add("the gRPC server", () => grpc.stop());
    const port = await door.listen(settings.port, settings.host);
    this.listeningOn = { port, grpcPort };
    this.door = door;
    releases.add("the HTTP server", async () => {
      sse.stop();
      await Promise.all([sockets.stop(), door.close()]);
    });
    logger.info({ port, grpcPort, instance, store: store.kind, bus: bus.kind }, "listening");
    const { onFirstKey } = this.options;
    const key = onFirstKey && (await access.firstKey());
    if (key !== undefined) onFirstKey?.(key);
  }
}
