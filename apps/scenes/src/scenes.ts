import { join } from "node:path";

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
import { AuditRecorder, auditRoutes, EventLog, LocalDesk } from "@stream-control/service-kit/audit";
import { ClientAddresses, DEFAULT_RATES, Door, GuessLimiter, Origins } from "@stream-control/service-kit/http";
import { openStore, sql } from "@stream-control/store";
import { v7 as uuidv7 } from "uuid";
import { streamRoutes } from "./gateway/routes.js";
import { Sockets } from "./gateway/sockets.js";
import { createApp, readBody } from "./http/app.js";
import { socketRoutes } from "./http/sockets.js";
import { openJournal } from "./journal/open.js";
import { DATABASE_FILE, migrations, type Tables } from "./journal/tables.js";
import { ScenesMetrics } from "./metrics.js";
import { DEFAULTS, type ScenesOptions } from "./options.js";
import { TimelineHost } from "./service/host.js";
import { Ticker } from "./service/ticker.js";

/**
 * The service of scene timelines: their owner, and the gateway for those who steer and follow them.
 *
 * ```ts
 * const scenes = new Scenes({ port: 3100 });
 * await scenes.start();
 * ```
 */
export class Scenes {
  private readonly releases = new ReleaseStack();
  private readonly logger: Logger;
  private listeningOn: number | undefined;
  private door: Door | undefined;
  private answered: readonly RouteRule[] = [];

  constructor(private readonly options: ScenesOptions = {}) {
    this.logger = options.logger ?? silentLogger();
  }

  /** The port it listens on; the one that was asked for until it does. */
  get port(): number {
    return this.listeningOn ?? this.options.port ?? DEFAULTS.port;
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

  /** Tells the sockets, finishes what was begun, hands its timelines on, closes. */
  stop(): Promise<void> {
    return this.releases.release();
  }

  /** Takes over a renewed certificate at once, which otherwise takes some seconds. */
  async reload(): Promise<void> {
    await this.door?.reload();
  }

  private async build(): Promise<void> {
    const { logger, releases } = this;
    const settings = { ...DEFAULTS, ...this.options, service: { ...DEFAULTS.service, ...this.options.service } };
    // Each life has a name of its own: what was written in the one before is another's.
    const instance = `${settings.instance ?? "scenes"}-${uuidv7()}`;
    const [now, monotonic, clock] = [() => Date.now(), () => performance.now(), () => new Date()];
    const metrics = new ScenesMetrics();

    const store = await openStore<Tables>({ file: join(settings.dataDir, DATABASE_FILE), migrations });
    releases.add("the store", () => store.close());
    const log = new EventLog({ store, now: clock });
    const audit = new AuditRecorder({ store, log, logger });
    releases.add("the audit", () => audit.stop());

    const { bus, journal } = await openJournal({
      ...settings,
      store: store.part(),
      instance,
      metrics,
      logger,
      now,
      monotonic,
    });
    if (settings.bus === undefined) releases.add("the bus", () => bus.close());

    const addresses = new ClientAddresses(settings.door?.trustedProxies);
    const origins = new Origins(settings.allowedOrigins);
    const access = new Access({
      store: store.part<AccessTables>(),
      ...{ logger, now: clock, mode: settings.accessControl, service: "scenes", guesses: new GuessLimiter(), audit },
      addressOf: (request) => addresses.of(request),
      isSecure: (request) => addresses.isSecure(request),
      allowedOrigins: settings.allowedOrigins,
    });

    const ticker = new Ticker({ now, onLate: (lateMs) => metrics.jitter.observe(lateMs / 1000) });
    releases.add("the ticker", () => ticker.stop());
    const parts = { journal, bus, ticker, settings: settings.service, metrics, logger, now, monotonic };
    const host = new TimelineHost({ ...parts, instance });
    await host.start();
    releases.add("the timelines", () => host.stop());
    const roomOf = (streamId: string) => journal.find(streamId)?.room;
    const sockets = new Sockets({ host, bus, access, settings: settings.service, metrics, logger, roomOf });
    sockets.start();

    const startedAt = clock();
    const routes: Routes = [
      ["/v1/session", sessionRoutes(access, readBody)],
      ["/v1/tickets", ticketRoutes(access, readBody)],
      ["/v1/keys", keyRoutes(access, readBody)],
      ["/v1/users", userRoutes(access, readBody)],
      ["/v1/audit", auditRoutes({ access, readBody, desk: new LocalDesk({ store, log }) })],
      ["/streams", streamRoutes({ access, readBody, host, journal, audit, now })],
    ];
    this.answered = rulesOf(routes);
    const app = createApp({
      ...{ logger, access, addresses, origins, routes },
      // The same from src/, where tests run, and from dist/.
      pagesDir: join(import.meta.dirname, "..", "public"),
      metrics: {
        contentType: metrics.registry.contentType,
        text: () => metrics.text({ ...host.counts, mayAct: journal.mayAct }),
      },
      rates: settings.door?.rates ?? DEFAULT_RATES,
      health: async () => {
        await sql`select 1`.execute(store.db);
        const { timelines, subscribers } = host.counts;
        return {
          ok: bus.state === "connected" && journal.mayAct,
          ...{ timestamp: clock().toISOString(), uptime: (Date.now() - startedAt.getTime()) / 1000 },
          ...{ instance, bus: bus.state, timelines, subscribers, sockets: sockets.size },
        };
      },
    });
    const door = await Door.build({
      ...{ app, origins, addresses, logger, tls: settings.door?.tls, limits: settings.door?.limits },
      handshakesPerMinute: settings.door?.handshakesPerMinute,
      sockets: socketRoutes({ access, journal, sockets }),
    });
    this.listeningOn = await door.listen(settings.port, settings.host);
    this.door = door;
    releases.add("the HTTP server", async () => {
      await Promise.all([sockets.stop(), door.close()]);
    });
    logger.info({ port: this.port, instance }, "listening");
    const { onFirstKey } = this.options;
    const key = onFirstKey && (await access.firstKey());
    if (key !== undefined) onFirstKey?.(key);
  }
}
