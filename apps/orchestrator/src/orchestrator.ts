import { join } from "node:path";
import { type Logger, ReleaseStack, silentLogger } from "@stream-control/service-kit";
import { Access, type AccessTables } from "@stream-control/service-kit/access";
import { type RouteRule, type Routes, rulesOf } from "@stream-control/service-kit/app";
import { AuditRecorder, EventLog, LocalDesk, LogRetention } from "@stream-control/service-kit/audit";
import { ClientAddresses, DEFAULT_RATES, Door, GuessLimiter, Origins } from "@stream-control/service-kit/http";
import { ownKeyRing } from "@stream-control/service-kit/secrets";
import { sql } from "@stream-control/store";
import { v7 as uuidv7 } from "uuid";
import { accessRoutes } from "./access/routes.js";
import { AgentAdmission } from "./agents/admission.js";
import { AgentRows } from "./agents/agent-rows.js";
import { AgentTokens } from "./agents/agent-tokens.js";
import { CommandReplies } from "./agents/command-replies.js";
import { Drains } from "./agents/drains.js";
import { EventBudget } from "./agents/event-budget.js";
import { AgentGateway } from "./agents/gateway.js";
import { Homecoming } from "./agents/homecoming.js";
import { Leases } from "./agents/leases.js";
import { agentProbeRoutes, probeRoutes } from "./agents/probe-routes.js";
import { Probes } from "./agents/probes.js";
import { AgentRegistry } from "./agents/registry.js";
import { AgentReports } from "./agents/reports.js";
import { agentRoutes } from "./agents/routes.js";
import { agentTokenRoutes } from "./agents/token-routes.js";
import { Housekeeping } from "./audit/housekeeping.js";
import { eraseRequesters } from "./audit/requesters.js";
import { assembleConfiguration, type ConfigurationParts } from "./configuration/assemble.js";
import { presetRoutes } from "./destinations/routes.js";
import { createApp, readBody } from "./http/app.js";
import { socketRoutes } from "./http/sockets.js";
import { JobControl } from "./jobs/control.js";
import { JobReader } from "./jobs/job-reader.js";
import { Ledger } from "./jobs/ledger.js";
import { LiveChanges } from "./jobs/live-changes.js";
import { JobMeasurements } from "./jobs/measurements/measurements.js";
import { OpenJobs } from "./jobs/open-jobs.js";
import { ProgressBoard } from "./jobs/progress-board.js";
import { jobRoutes } from "./jobs/routes.js";
import { JobSchedules } from "./jobs/schedules.js";
import { SnapshotBoard } from "./jobs/snapshot-board.js";
import { TitleMaker } from "./jobs/titles.js";
import { JobViews } from "./jobs/views.js";
import { Watchdog } from "./jobs/watchdog.js";
import { assembleOperations } from "./operations/assemble.js";
import { DEFAULTS, type OrchestratorOptions } from "./options.js";
import { DEFAULT_PREVIEWS, Previews } from "./preview/previews.js";
import { assemblePublic } from "./public/assemble.js";
import { Insiders } from "./public/insiders.js";
import { assembleRenders } from "./renders/assemble.js";
import { withDefaultTimeout } from "./renders/default-timeout.js";
import { assembleResults } from "./renders/files/assemble.js";
import { Guards } from "./resilience/guards.js";
import { assembleScheduling } from "./scheduling/assemble.js";
import { JobSecrets } from "./secrets/job-secrets.js";
import { openDatabase } from "./store/open.js";
import { TemplateCatalogue } from "./templates/catalogue.js";
import { templateRoutes } from "./templates/routes.js";
import { UiHub } from "./ui/hub.js";
import { assembleWebhooks } from "./webhooks/assemble.js";
import { assembleYouTube, submitWith } from "./youtube/assemble.js";
import { configRoutes } from "./youtube/broadcasts/config-routes.js";
import { PrivacySetting } from "./youtube/broadcasts/privacy-setting.js";
import { oauthRoutes } from "./youtube/oauth/routes.js";
import { broadcastRoutes } from "./youtube/schedule/routes.js";
import { OAUTH_PATH } from "./youtube/settings.js";
import { buildYouTube } from "./youtube/youtube.js";

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
  private listeningOn: number | undefined;
  private door: Door | undefined;
  private configuration: ConfigurationParts | undefined;
  private answered: readonly RouteRule[] = [];

  constructor(private readonly options: OrchestratorOptions = {}) {
    this.logger = options.logger ?? silentLogger();
  }

  /** The port it listens on; the one that was asked for until it does. */
  get port(): number {
    return this.listeningOn ?? this.options.port ?? DEFAULTS.port;
  }

  /** Every route below a path of its own, and who may call it; none until it has started. */
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

  /** Tells the sockets, finishes what was begun, writes what is to be written, closes. */
  stop(): Promise<void> {
    return this.releases.release();
  }

  /** Takes over a changed file of settings, and a renewed certificate at once, which otherwise takes some seconds. */
  async reload(): Promise<void> {
    await Promise.all([this.door?.reload(), this.configuration?.reload()]);
  }

  private async build(): Promise<void> {
    const { logger, releases } = this;
    const settings = { ...DEFAULTS, ...this.options };
    const { stopGraceMs, heartbeatIntervalMs, heartbeatTimeoutMs } = settings;
    const now = () => new Date();

    const ring = settings.keys ?? ownKeyRing(settings.dataDir);
    const { store, sealed } = await openDatabase({ dataDir: settings.dataDir, ring, logger });
    releases.add("the store", () => store.close());

    const checkStore = async () => void (await sql`select 1`.execute(store.db));
    const log = new EventLog({ store, now });
    const audit = new AuditRecorder({ store, log, logger });
    releases.add("the audit", () => audit.stop());

    const doorSettings = settings.door ?? {};
    const addresses = new ClientAddresses(doorSettings.trustedProxies);
    const origins = new Origins(settings.allowedOrigins);
    const access = new Access({
      store: store.part<AccessTables>(),
      ...{ logger, now, mode: settings.accessControl, service: "orchestrator" },
      ...{ guesses: new GuessLimiter(), audit },
      addressOf: (request) => addresses.of(request),
      isSecure: (request) => addresses.isSecure(request),
      allowedOrigins: settings.allowedOrigins,
    });
    const configuration = await assembleConfiguration({
      ...{ access, readBody, store, log, logger, now },
      options: settings.configuration,
    });
    this.configuration = configuration;
    const guards = new Guards({ settings: configuration.settings, logger, now });
    const tokens = new AgentTokens(store, logger, now);
    await tokens.load();
    const admission = new AgentAdmission({ mode: settings.agentAuth, sharedToken: settings.agentToken, tokens });

    const youtube = settings.youtube && buildYouTube({ settings: settings.youtube, store, sealed, logger, now });

    const reader = new JobReader(store.db, sealed);
    const secrets = new JobSecrets();
    const ledger = new Ledger({ store, sealed, secrets, log, logger, restart: settings.restart, now });
    const registry = new AgentRegistry(new AgentRows(store, log), logger);
    const measurements = new JobMeasurements({ store, logger, now, everyMs: settings.measurementsEveryMs });
    const board = new ProgressBoard();
    board.onProgress((...measured) => measurements.take(...measured));
    board.onProgress((jobId, progress) => operations.measured(jobId, progress));
    const snapshots = new SnapshotBoard(() => performance.now());
    const templates = new TemplateCatalogue(store, sealed, log, now);
    const monotonic = () => performance.now();
    const leases = new Leases({ registry, leaseMs: settings.leaseMs, monotonic });
    const replies = new CommandReplies();
    const budget = new EventBudget(monotonic);
    const ackTimeoutMs = () =>
      Math.min(settings.ackTimeoutMs, configuration.settings.current.resources.resourceReservationTimeout);
    const scheduling = assembleScheduling({
      ...{ access, readBody, reader, settings: configuration.settings },
      ...{ ledger, registry, leases, logger, ackTimeoutMs, now, monotonic },
      needsOf: (config) => operations.needsOf(config),
      longestPauseMs: settings.restart.maxMs,
      configFor: (job) =>
        withDefaultTimeout(anybody.burntIn.configFor(job), configuration.settings.current.orchestration.defaultTimeout),
    });
    const { scheduler } = scheduling;
    const views = new JobViews(board, scheduler);
    const hub = new UiHub({ access, ledger, registry, reader, views, logger });
    const control = new JobControl({ ledger, reader, registry, audit, stopGraceMs });
    const watchdog = new Watchdog({ ...settings, ackTimeoutMs, ledger, registry, leases, scheduler, logger });
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
    const changes = new LiveChanges({
      ...{ ledger, reader, registry, replies, secrets, audit },
      deadlineMs: settings.liveChangeMs,
    });
    const schedules = new JobSchedules({ ledger, control, scheduler, logger, now });
    const probes = new Probes({ registry, replies, audit, guards });
    const results = assembleResults({
      ...{ settings: settings.results, mediaDir: settings.mediaDir, ring, store, guards, logger, now },
    });
    releases.add("the results", () => results.stop());
    const privacy = new PrivacySetting(store, settings.youtube?.privacy ?? "unlisted");
    const submission = { templates, titles: new TitleMaker(settings.titles), newId: uuidv7, now };
    const broadcasts =
      youtube &&
      assembleYouTube({
        ...{ youtube, store, sealed, ledger, reader, changes, scheduler, control, registry, audit },
        ...{ privacy, submission, logger, now },
        onViewers: (jobId, viewers) => {
          if (board.setViewers(jobId, viewers)) hub.progressed(jobId);
        },
      });
    const reports = new AgentReports({
      ledger,
      registry,
      scheduler,
      leases,
      replies,
      budget,
      board,
      snapshots,
      news: hub,
      secrets,
      logger,
    });
    const previews = new Previews({
      ...{ access, reader, registry, replies, secrets, logger, monotonic },
      limits: { ...DEFAULT_PREVIEWS, ...settings.previews },
    });
    const gateway = new AgentGateway({ ...settings, admission, registry, reports, homecoming, leases, audit, logger });

    const publicDir = join(import.meta.dirname, "..", "public");
    const insiders = new Insiders(settings.public, addresses);
    const anybody = assemblePublic({
      ...{ access, readBody, store, log, ledger, registry, changes, publicDir, logger, now },
      ...{ settings: settings.public, limits: doorSettings.limits, broadcasts: broadcasts?.youtube.book },
    });

    const webhooks = assembleWebhooks({
      ...{ access, readBody, store, sealed, log, ledger, reader, logger, now },
      settings: settings.webhooks,
    });

    const renders = assembleRenders({
      ...{ access, readBody, addresses, audit, store, sealed, log, ledger, reader, control, views, board, probes },
      ...{ registry, submission, results, model: scheduling.model, immediateMs: settings.renderWaitMs },
      ...{ webhooks: settings.webhooks, guards, logger, now },
    });

    const operations = await assembleOperations({
      ...{ access, readBody, audit, store, reader, ledger, registry, scheduler, guards, checkStore, logger, now },
      ...{ settings: configuration.settings, announce: webhooks.announce, results: results.files },
      ...{ dataDir: settings.dataDir, mediaDir: settings.mediaDir },
    });

    const desk = new LocalDesk({
      store,
      log,
      elsewhere: eraseRequesters(store.db, (job) => hub.erased(sealed.openJob(job))),
    });
    const housekeeping = new Housekeeping({
      ...{ retention: settings.retention, ledger, workflows: renders.engine, logger, now },
      log: new LogRetention({ store, log }),
    });

    await registry.load();
    const open = new OpenJobs();
    await open.read(reader, ledger);
    for (const job of open.now()) secrets.learn(job);
    await measurements.start(open.now().map(({ id }) => id));
    await broadcasts?.start(open.now());
    schedules.start(open.now());
    await anybody.start(open.now());
    await scheduling.learn(open.now());
    await operations.start(open.now(), await reader.readableEnded(200));
    scheduler.start(open.now());
    watchdog.start(open.now());
    homecoming.start();
    drains.start();
    const { seq: head } = await desk.head();
    hub.start(open.now(), head);
    open.stop();
    await webhooks.start(head);
    await renders.start();
    ledger.onCommit(({ job, before }) => {
      if (job.running_since !== null && before?.running_since === null) control.switchAgain(job);
      if (job.ended_at === null) return;
      board.forget(job.id);
      measurements.ended(job.id);
      snapshots.forget(job.id);
      budget.forget(job.id);
      leases.keep(job.id);
    });
    previews.start(ledger);
    gateway.start();
    tokens.onRevoked(() => gateway.closeRevoked());
    housekeeping.start();
    await results.start();
    releases.add("the timers", async () => {
      await housekeeping.stop();
      await Promise.all([broadcasts?.stop(), operations.stop()]);
      await webhooks.stop();
      for (const part of [schedules, scheduler, watchdog, homecoming, drains]) part.stop();
      await Promise.all([gateway.stop(), hub.stop(), anybody.stop(), previews.stop()]);
      await measurements.stop();
    });

    const startedAt = now().toISOString();
    const routes: Routes = [
      ...accessRoutes({ access, readBody, desk, oidc: settings.oidc }),
      ["/v1/agents", agentRoutes({ access, readBody, registry, drains })],
      ["/v1/agents", agentTokenRoutes({ access, readBody, audit, registry, tokens })],
      ["/v1/agents", agentProbeRoutes({ access, readBody, registry, probes })],
      ["/v1/probe", probeRoutes({ access, readBody, registry, probes })],
      [
        "/v1/jobs",
        jobRoutes({
          ...{ access, readBody, ledger, reader, control, schedules, changes, views },
          ...{ board, snapshots, measurements },
          ...{ submission, submit: submitWith(broadcasts, ledger) },
        }),
      ],
      ...renders.routes,
      ...scheduling.routes,
      ["/v1/destination-presets", presetRoutes({ access, readBody })],
      ["/v1/templates", templateRoutes({ access, readBody, templates })],
      [
        "/v1/broadcasts",
        broadcastRoutes({
          ...{ access, readBody, audit, ledger },
          broadcasts: broadcasts && { desk: broadcasts.desk, book: broadcasts.youtube.book },
        }),
      ],
      ["/v1/config", configRoutes({ access, readBody, audit, privacy })],
      [OAUTH_PATH, oauthRoutes({ access, readBody, audit, youtube })],
      ...configuration.routes,
      ...operations.routes,
      ...webhooks.routes,
      ...anybody.routes,
    ];
    this.answered = rulesOf(routes);
    const app = createApp({
      logger,
      guard: { addresses, origins, rates: doorSettings.rates ?? DEFAULT_RATES },
      mediaDir: settings.mediaDir,
      links: results.links,
      // The same from src/, where tests run, and from dist/.
      consoleDir: join(import.meta.dirname, "..", "dist", "console"),
      publicDir,
      checkHealth: async () => {
        await checkStore();
        return { startedAt };
      },
      ...{ access, audit, routes, insiders, roomOfJob: (jobId) => reader.roomOf(jobId) },
    });
    const door = await Door.build({
      ...{ app, origins, addresses, logger },
      ...{ tls: doorSettings.tls, limits: doorSettings.limits, handshakesPerMinute: doorSettings.handshakesPerMinute },
      sockets: socketRoutes({ access, admission, gateway, hub, previews, reader, insiders, feeds: anybody }),
    });
    this.listeningOn = await door.listen(settings.port, settings.host);
    this.door = door;
    releases.add("the HTTP server", async () => {
      // Requests that wait for an agent's answer are answered now, since none can come any more.
      replies.stop();
      const ended = [renders, gateway, hub, anybody, previews, webhooks].map((part) => part.stop());
      await Promise.all([...ended, door.close()]);
    });
    logger.info({ port: this.port }, "listening");
    await this.showFirstKey(access);
  }

  private async showFirstKey(access: Access): Promise<void> {
    const { onFirstKey } = this.options;
    const key = onFirstKey && (await access.firstKey());
    if (key !== undefined) onFirstKey?.(key);
  }
}
