import type { AgentCapabilities, JsonObject } from "@stream-control/protocol";
import { silentLogger } from "@stream-control/service-kit";
import { machineClock } from "./clock.js";
import { Connection, type ConnectionEvents, MAX_BUFFERED_BYTES } from "./connection.js";
import { inBackground } from "./context.js";
import { credentialsOf } from "./credentials.js";
import { Dispatcher } from "./dispatcher.js";
import { EventOutbox } from "./event-outbox.js";
import { Hello } from "./hello.js";
import { JobTable, type LiveJob } from "./job-table.js";
import { LeaseBook } from "./leases.js";
import { PreviewSockets } from "./preview.js";
import { Reports } from "./reports.js";
import type {
  AgentLogger,
  AgentOptions,
  FinalStatus,
  JobRef,
  LogLevel,
  ReportDetails,
  ReportedStatus,
  Timings,
} from "./types.js";
import { accept } from "./types.js";

/**
 * An agent's side of the protocol: connects, says hello, keeps the connection alive and comes back after a loss, brings
 * assignments and commands to the handlers, and sends reports.
 *
 * A job's end is kept and sent again after each reconnect until the orchestrator has settled it, and its events until they
 * have arrived. Of everything else that is reported while there is no connection, the latest status of each job is sent at
 * the next hello.
 */
export class AgentClient {
  private readonly jobs = new JobTable();
  private readonly outbox = new EventOutbox();
  private readonly logger: AgentLogger;
  private readonly reports: Reports;
  private readonly connection: Connection;
  private readonly hello: Hello;
  private latestTimings: Timings | undefined;

  /** @throws TypeError where the address or what the hello would say is wrong, naming the field. */
  constructor(private readonly options: AgentOptions) {
    const { url, handlers, agentId, now = machineClock() } = options;
    if (!URL.canParse(url) || !/^wss?:$/.test(new URL(url).protocol))
      throw new TypeError("url must be a WebSocket address such as ws://localhost:8080/agent");
    this.hello = new Hello(options, this.jobs);
    this.logger = options.logger ?? silentLogger();
    const leases = new LeaseBook(now);
    const previews = new PreviewSockets(url, () => credentialsOf(options));
    const client = this;
    this.reports = new Reports({
      agentId,
      jobs: this.jobs,
      outbox: this.outbox,
      channel: {
        get online() {
          return client.connection.online;
        },
        get congested() {
          return client.connection.bufferedBytes > (options.maxBufferedBytes ?? MAX_BUFFERED_BYTES);
        },
        get nextPing() {
          return client.connection.nextPing;
        },
        send: (text) => this.connection.send(text),
      },
      logger: this.logger,
      settles: () => this.latestTimings?.protocolVersion !== undefined,
      takes: (feature) => this.latestTimings?.features?.includes(feature) === true,
      onForgotten: ({ jobId, epoch, status }) =>
        this.notify("settlement", () => handlers.onSettled?.({ jobId, epoch, status })),
    });
    const dispatcher = new Dispatcher({
      handlers,
      jobs: this.jobs,
      leases,
      slots: this.hello.slots,
      isDraining: () => this.hello.draining,
      assignTimeoutMs: options.assignTimeoutMs ?? 20_000,
      commandTimeoutMs: options.commandTimeoutMs ?? 10_000,
      logger: this.logger,
      openPreview: (ticket) => previews.openWith(ticket),
      send: (type, payload, correlationId) => this.reports.send(type, payload, correlationId),
      onAccepted: (job) => this.accepted(job),
      forget: (job) => {
        this.jobs.drop(job);
        this.outbox.forget(job);
      },
      settle: (job) => {
        for (const ended of this.jobs.settle(job)) this.outbox.forget(ended);
      },
      resendEnds: (jobId) => this.reports.resendEnds(jobId),
    });
    const events: ConnectionEvents = {
      onOpening: () => {
        this.jobs.forgetSent();
        this.outbox.forgetSent();
        leases.opened();
      },
      onOnline: (timings) => this.onOnline(timings),
      onOffline: () => {
        previews.closeAll();
        this.notify("offline", () => handlers.onOffline?.());
      },
      onMessage: (message, notBefore) => dispatcher.dispatch(message, notBefore),
      onHeartbeat: (msgId, at) => {
        leases.heartbeat(msgId, at);
        this.reports.flushWaiting();
      },
      onAnswered: (ping) => this.outbox.arrived(ping),
      onBadPayload: (message, msgId) => this.reports.send("agent.error", { code: "BAD_MESSAGE", message }, msgId),
    };
    this.connection = new Connection(
      options,
      (credentials) => this.hello.payload(credentials),
      events,
      this.logger,
      now,
    );
  }

  /** Whether the orchestrator has taken the hello of the present connection. */
  get online(): boolean {
    return this.connection.online;
  }

  /** What the orchestrator last said about grace times; undefined before the first hello was taken. */
  get timings(): Timings | undefined {
    return this.latestTimings;
  }

  /** Jobs that are running, the oldest first. */
  get activeJobs(): JobRef[] {
    return this.jobs.accepted().map(({ jobId, epoch }) => ({ jobId, epoch }));
  }

  /** Connects, and stays connected until `stop`. */
  start(): void {
    this.connection.start();
  }

  /** Closes the connection and does not come back. Jobs are the caller's to end before. */
  stop(): Promise<void> {
    return this.connection.stop();
  }

  /** From now on new jobs are declined; the orchestrator learns it with the next hello. */
  setDrain(drain: boolean): void {
    this.hello.draining = drain;
  }

  /** What the agent can do from now on, its slots left out; the orchestrator learns it with the next hello. */
  setCapabilities(capabilities: Omit<Partial<AgentCapabilities>, "slots">): void {
    this.hello.setCapabilities(capabilities);
  }

  /**
   * Takes a job over that was running before this client was made, so that it is in the hello, and renewed where it is
   * fenced. Before `start`.
   */
  adopt(job: JobRef, status: ReportedStatus): void {
    this.jobs.add({ ...job, accepted: true, status, decision: Promise.resolve(accept()) });
  }

  /**
   * Reports a job's status; repeat it with fresh `progress` about once a second while the job runs. Where the
   * connection is slow, a report that brings nothing but progress is dropped.
   */
  update(jobId: string, status: ReportedStatus, details: ReportDetails = {}): void {
    this.reports.update(jobId, status, details);
  }

  /** Sends a line of a job's log; dropped while there is no connection or it is slow. */
  log(jobId: string, level: LogLevel, message: string): void {
    this.reports.log(jobId, level, message);
  }

  /**
   * Shows the operator what goes out: a JPEG of at most 512 KiB, in Base64, taken at a moment (ISO 8601). Every few seconds
   * is enough. Dropped while there is no connection, it is slow, or the orchestrator takes no pictures.
   */
  snapshot(jobId: string, jpegBase64: string, takenAt: string): void {
    this.reports.snapshot(jobId, jpegBase64, takenAt);
  }

  /**
   * Reports something worth keeping that happened to a job, such as `stream.source_lost`: lower-case words joined by dots
   * and underscores. Events of a job arrive in their order and before its end, at least once, a repeated one with the same
   * `msgId`. While there is no connection the last 200 of each job are kept.
   */
  event(jobId: string, type: string, message: string, data?: JsonObject): void {
    this.reports.event(jobId, type, message, data);
  }

  /** Reports a job's end and frees its slot; kept until the orchestrator has settled it. */
  stopped(jobId: string, status: FinalStatus, details: ReportDetails = {}): void {
    this.reports.stopped(jobId, status, details);
  }

  private onOnline(timings: Timings): void {
    this.latestTimings = timings;
    const { host } = new URL(this.options.url);
    this.logger.info({ host, agentId: this.options.agentId }, "connected to the orchestrator");
    this.reports.resume();
    // Leases that ran on during the loss are renewed now, not an interval later.
    if (this.jobs.accepted().length > 0 && this.options.handlers.onLease !== undefined) this.connection.heartbeat();
    this.notify("online", () => this.options.handlers.onOnline?.(timings));
  }

  private accepted(job: LiveJob): void {
    this.reports.accepted(job);
    // The lease of an assignment is short by the age of the last answered ping; the answer to this makes it whole.
    if (job.lease !== undefined) this.connection.heartbeat();
  }

  private notify(what: string, handler: () => Promise<void> | void): void {
    inBackground(this.logger, what, async () => handler());
  }
}
