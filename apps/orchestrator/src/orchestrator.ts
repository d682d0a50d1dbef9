import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type Logger, ReleaseStack, silentLogger } from "@stream-control/service-kit";
import { type KeyRing, ownKeyRing } from "@stream-control/service-kit/secrets";
import { sql } from "@stream-control/store";
import { v7 as uuidv7 } from "uuid";
import { AgentRows } from "./agents/agent-rows.js";
import { CommandReplies } from "./agents/command-replies.js";
import { Drains } from "./agents/drains.js";
import { EventBudget } from "./agents/event-budget.js";
import { AgentGateway } from "./agents/gateway.js";
import { Homecoming } from "./agents/homecoming.js";
import { Leases } from "./agents/leases.js";
import { AgentRegistry } from "./agents/registry.js";
import { AgentReports } from "./agents/reports.js";
import { agentRoutes } from "./agents/routes.js";
import { createApp } from "./http/app.js";
import { routeUpgrades } from "./http/upgrade.js";
import { JobControl } from "./jobs/control.js";
import { JobReader } from "./jobs/job-reader.js";
import { Ledger } from "./jobs/ledger.js";
import { LiveChanges } from "./jobs/live-changes.js";
import { ProgressBoard } from "./jobs/progress-board.js";
import { DEFAULT_RESTART, type RestartOptions } from "./jobs/restart-policy.js";
import { jobRoutes } from "./jobs/routes.js";
import { type TitleFormat, TitleMaker } from "./jobs/titles.js";
import { JobViews } from "./jobs/views.js";
import { Watchdog } from "./jobs/watchdog.js";
import { Scheduler } from "./scheduling/scheduler.js";
import { JobSecrets } from "./secrets/job-secrets.js";
import { openDatabase } from "./store/open.js";
import { TemplateCatalogue } from "./templates/catalogue.js";
import { templateRoutes } from "./templates/routes.js";
import { UiHub } from "./ui/hub.js";

export interface OrchestratorOptions {
  /** 0 takes any free port; see {@link Orchestrator.port}. */
  port?: number;
  /** What agents must give in their hello. */
  agentToken?: string;
  /** Address to listen on; all of them unless given. */
  host?: string;
  heartbeatIntervalMs?: number;
  /** Silence after which an agent is disconnected. */
  heartbeatTimeoutMs?: number;
  /** From a stop to a kill. */
  stopGraceMs?: number;
  /** From a kill to giving the job up. */
  killAfterMs?: number;
  /** Origins that pages may come from; all unless given. */
  allowedOrigins?: readonly string[];
  /** Folder of the database. */
  dataDir?: string;
  /** What encrypts the secrets in the database; unless given, a key file that is made in its folder. */
  keys?: KeyRing;
  /** Folder that is served under `/media/`. */
  mediaDir?: string;
  ackTimeoutMs?: number;
  unknownTimeoutMs?: number;
  /** How long a fenced job may go on after its agent was last heard. */
  leaseMs?: number;
  /** How long an agent may take to change a stream that is on air; opening a source can mean connecting to a camera. */
  liveChangeMs?: number;
  restart?: RestartOptions;
  titles?: TitleFormat;
  logger?: Logger;
}

const DEFAULTS = {
  port: 8080,
  agentToken: "dev-shared-token",
  heartbeatIntervalMs: 3000,
  heartbeatTimeoutMs: 10_000,
  stopGraceMs: 10_000,
  killAfterMs: 5000,
  dataDir: "./data/orchestrator",
  ackTimeoutMs: 10_000,
  unknownTimeoutMs: 900_000,
  leaseMs: 12_000,
  liveChangeMs: 20_000,
  restart: DEFAULT_RESTART,
  titles: { locale: "en-US" },
} as const satisfies OrchestratorOptions;

/** How long a stop waits for requests under way. */
const REQUESTS_MAY_TAKE_MS = 5000;

/**
 * The coordination service: agents, jobs, scheduling, REST and sockets.
 *
 * ```ts
 * const orchestrator = new Orchestrator({ port: 8080, agentToken: "your-secret-token" });
 * await orchestrator.start();
 * ```
 */
export class Orchestrator {
  private readonly releases = new ReleaseStack();
  private readonly logger: Logger;
  private listening: AddressInfo | undefined;

  constructor(private readonly options: OrchestratorOptions = {}) {
    this.logger = options.logger ?? silentLogger();
  }

  /** The port it listens on; the one that was asked for until it does. */
  get port(): number {
    return this.listening?.port ?? this.options.port ?? DEFAULTS.port;
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

  /** Tells the sockets, finishes what was begun, writes what is to be written, closes. */
  stop(): Promise<void> {
    return this.releases.release();
  }

  private async build(): Promise<void> {
    const { logger, releases } = this;
    const settings = { ...DEFAULTS, ...this.options };
    const { stopGraceMs, heartbeatIntervalMs, heartbeatTimeoutMs, ackTimeoutMs } = settings;
    const now = () => new Date();

    const ring = settings.keys ?? ownKeyRing(settings.dataDir);
    const { store, sealed } = await openDatabase({ dataDir: settings.dataDir, ring, logger });
    releases.add("the store", () => store.close());

    const reader = new JobReader(store.db, sealed);
    const secrets = new JobSecrets();
    const ledger = new Ledger({ store, sealed, secrets, logger, restart: settings.restart, now });
    const registry = new AgentRegistry(new AgentRows(store), logger);
    const board = new ProgressBoard();
    const templates = new TemplateCatalogue(store, sealed, now);
    const monotonic = () => performance.now();
    const leases = new Leases({ registry, leaseMs: settings.leaseMs, monotonic });
    const replies = new CommandReplies();
    const budget = new EventBudget(monotonic);
    const scheduler = new Scheduler({
      ...{ ledger, registry, leases, logger, ackTimeoutMs, now, monotonic },
      longestPauseMs: settings.restart.maxMs,
    });
    const views = new JobViews(board, scheduler);
    const hub = new UiHub({ ledger, registry, reader, views, logger });
    const control = new JobControl({ ledger, reader, registry, stopGraceMs });
    const watchdog = new Watchdog({ ...settings, ledger, registry, leases, scheduler, logger });
    const homecoming = new Homecoming({
      ledger,
      registry,
      control,
      leases,
      logger,
      settleMs: heartbeatIntervalMs,
      awayMs: heartbeatTimeoutMs,
    });
    const drains = new Drains({ ledger, registry, reader, control, logger, now });
    const changes = new LiveChanges({ ledger, reader, registry, replies, secrets, deadlineMs: settings.liveChangeMs });
    const reports = new AgentReports({
      ledger,
      registry,
      scheduler,
      leases,
      replies,
      budget,
      board,
      news: hub,
      secrets,
      logger,
    });
    const gateway = new AgentGateway({ ...settings, registry, reports, homecoming, leases, logger });

    await registry.load();
    const open = await reader.open();
    for (const job of open) secrets.learn(job);
    scheduler.start(open);
    watchdog.start(open);
    homecoming.start();
    drains.start();
    hub.start(open, await reader.lastSeq());
    ledger.onCommit(({ job, before }) => {
      if (job.running_since !== null && before?.running_since === null) control.switchAgain(job);
      if (job.ended_at === null) return;
      board.forget(job.id);
      budget.forget(job.id);
      leases.keep(job.id);
    });
    gateway.start();
    releases.add("the timers", async () => {
      for (const part of [scheduler, watchdog, homecoming, drains]) part.stop();
      await Promise.all([gateway.stop(), hub.stop()]);
    });

    const startedAt = now().toISOString();
    const app = createApp({
      logger,
      allowedOrigins: settings.allowedOrigins,
      mediaDir: settings.mediaDir,
      publicDir: join(import.meta.dirname, "..", "public"),
      checkHealth: async () => {
        await sql`select 1`.execute(store.db);
        return { startedAt };
      },
      routes: {
        "/v1/agents": agentRoutes(registry, drains),
        "/v1/jobs": jobRoutes({
          ledger,
          reader,
          control,
          changes,
          views,
          board,
          submission: { templates, titles: new TitleMaker(settings.titles), newId: uuidv7, now },
        }),
        "/v1/templates": templateRoutes(templates),
      },
    });
    const server = createServer(app);
    routeUpgrades(server, {
      onAgent: (socket) => gateway.accept(socket),
      onUi: (socket, since) => hub.accept(socket, since),
      allowedOrigins: settings.allowedOrigins,
    });
    server.listen(settings.port, settings.host);
    await once(server, "listening");
    releases.add("the HTTP server", async () => {
      const closed = once(server, "close");
      // Requests that wait for an agent's answer are answered now, since none can come any more.
      replies.stop();
      server.close();
      server.closeIdleConnections();
      // Requests under way may finish, but one that never ends does not keep the service up.
      const cut = setTimeout(() => server.closeAllConnections(), REQUESTS_MAY_TAKE_MS);
      await Promise.all([gateway.stop(), hub.stop(), closed]);
      clearTimeout(cut);
    });
    this.listening = server.address() as AddressInfo;
    logger.info({ port: this.port }, "listening");
  }
}
