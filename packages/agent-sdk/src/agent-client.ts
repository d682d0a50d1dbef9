import {
  type AgentMessageType,
  agentMessagePayloads,
  buildMessage,
  describeIssues,
  PROTOCOL_VERSION,
  parseWith,
} from "@stream-control/protocol";
import { silentLogger, toError } from "@stream-control/service-kit";
import { Connection, type ConnectionEvents } from "./connection.js";
import { Dispatcher } from "./dispatcher.js";
import { type EndedJob, JobTable, type LiveJob } from "./job-table.js";
import { soundDetails } from "./sound-details.js";
import type {
  AgentLogger,
  AgentOptions,
  FinalStatus,
  JobRef,
  LogLevel,
  PayloadOut,
  ReportDetails,
  ReportedStatus,
  Timings,
} from "./types.js";
import { accept } from "./types.js";

/**
 * An agent's side of the protocol: connects, says hello, keeps the connection alive and comes back after a loss, brings
 * assignments and commands to the handlers, and sends reports.
 *
 * A job's end is kept and sent again after each reconnect until the orchestrator has settled it. Of everything else
 * that is reported while there is no connection, the latest status of each job is sent at the next hello.
 */
export class AgentClient {
  private readonly jobs = new JobTable();
  private readonly logger: AgentLogger;
  private readonly dispatcher: Dispatcher;
  private readonly connection: Connection;
  private draining: boolean;
  private latestTimings: Timings | undefined;

  /** @throws TypeError where the address or what the hello would say is wrong, naming the field. */
  constructor(private readonly options: AgentOptions) {
    const { url, token, agentId, name, version, capabilities, meta, drain = false } = options;
    if (!URL.canParse(url) || !/^wss?:$/.test(new URL(url).protocol))
      throw new TypeError("url must be a WebSocket address such as ws://localhost:8080/agent");
    this.draining = drain;
    const identity = { agentId, name, version, auth: { token }, protocolVersion: PROTOCOL_VERSION };
    const hello = {
      ...identity,
      capabilities: { slots: 1, ...capabilities },
      ...(meta === undefined ? {} : { meta }),
    };
    const parsed = parseWith(agentMessagePayloads["agent.hello"], hello);
    if (!parsed.ok) throw new TypeError(`The agent's options are wrong: ${describeIssues(parsed.issues)}.`);
    this.logger = options.logger ?? silentLogger();
    this.dispatcher = new Dispatcher({
      handlers: options.handlers,
      jobs: this.jobs,
      slots: parsed.value.capabilities.slots,
      isDraining: () => this.draining,
      commandTimeoutMs: options.commandTimeoutMs ?? 10_000,
      logger: this.logger,
      send: (type, payload, correlationId) => this.send(type, payload, correlationId),
      onAccepted: (job) => this.flush(job),
      resendEnds: (jobId) => this.resendEnds(jobId),
    });
    const events: ConnectionEvents = {
      onOpening: () => this.jobs.forgetSent(),
      onOnline: (timings) => this.onOnline(timings),
      onOffline: () => this.notify(() => options.handlers.onOffline?.()),
      onMessage: (message) => this.dispatcher.dispatch(message),
      onBadPayload: (message, msgId) => this.send("agent.error", { code: "BAD_MESSAGE", message }, msgId),
    };
    const helloNow = () => {
      const activeJobs = this.jobs.activeJobs();
      return { ...hello, drain: this.draining, activeJob: activeJobs[0] ?? null, activeJobs };
    };
    this.connection = new Connection(options, helloNow, events, this.logger);
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
    this.draining = drain;
  }

  /** Takes a job over that was running before this client was made, so that it is in the hello. Before `start`. */
  adopt(job: JobRef, status: ReportedStatus): void {
    this.jobs.add({ ...job, accepted: true, status, decision: Promise.resolve(accept()) });
  }

  /**
   * Reports a job's status; repeat it with fresh `progress` about once a second while the job runs. Where the
   * connection is slow, a report that brings nothing but progress is dropped.
   */
  update(jobId: string, status: ReportedStatus, details: ReportDetails = {}): void {
    const job = this.jobs.get(jobId);
    if (job === undefined) {
      this.logger.warn({ jobId, status }, "a report about a job that is not running was dropped");
      return;
    }
    const { error, progress = job.progress } = soundDetails(details);
    Object.assign(job, { status, error, progress });
    const onlyProgress = job.sentStatus === status && error === undefined;
    if (job.accepted && !(onlyProgress && this.congested)) this.sendStatus(job);
  }

  /** Sends a line of a job's log; dropped while there is no connection or it is slow. */
  log(jobId: string, level: LogLevel, message: string): void {
    if (this.congested) return;
    const epoch = this.jobs.get(jobId)?.epoch;
    this.send("agent.job.log", {
      jobId,
      level,
      epoch,
      message: message.slice(0, 16_384),
      ts: new Date().toISOString(),
    });
  }

  /** Reports a job's end and frees its slot; kept until the orchestrator has settled it. */
  stopped(jobId: string, status: FinalStatus, details: ReportDetails = {}): void {
    const job = this.jobs.get(jobId);
    if (job === undefined) {
      this.logger.warn({ jobId, status }, "the end of a job that is not running was dropped");
      return;
    }
    if (job.accepted) this.sendEnd(this.jobs.end(job, status, soundDetails(details)));
    else job.end = { status, details: soundDetails(details) };
  }

  private get congested(): boolean {
    return this.connection.bufferedBytes > (this.options.maxBufferedBytes ?? 1_048_576);
  }

  private onOnline(timings: Timings): void {
    this.latestTimings = timings;
    const { host } = new URL(this.options.url);
    this.logger.info({ host, agentId: this.options.agentId }, "connected to the orchestrator");
    this.resendEnds();
    for (const job of this.jobs.accepted()) this.sendStatus(job);
    this.notify(() => this.options.handlers.onOnline?.(timings));
  }

  private notify(handler: () => Promise<void> | void): void {
    (async () => handler())().catch((thrown: unknown) =>
      this.logger.error({ err: toError(thrown) }, "a handler failed"),
    );
  }

  private flush(job: LiveJob): void {
    if (job.status !== "ACCEPTED") this.sendStatus(job);
    if (job.end !== undefined) this.sendEnd(this.jobs.end(job, job.end.status, job.end.details));
  }

  private resendEnds(jobId?: string): void {
    for (const ended of this.jobs.unsettled(jobId)) this.sendEnd(ended);
  }

  private sendStatus(job: LiveJob): void {
    const { jobId, epoch, status, error, progress } = job;
    if (this.send("agent.job.update", { jobId, status, epoch, error, progress })) job.sentStatus = status;
  }

  private sendEnd({ jobId, epoch, status, details }: EndedJob): void {
    this.send("agent.job.stopped", { jobId, status, epoch, ...details });
    if (!this.online || this.latestTimings?.protocolVersion !== undefined) return;
    // An orchestrator without a protocol version settles nothing: having sent it the end is all that can be done.
    this.jobs.settle({ jobId, epoch });
    this.notify(() => this.options.handlers.onSettled?.({ jobId, epoch, status }));
  }

  private send<T extends AgentMessageType>(type: T, payload: PayloadOut<T>, correlationId?: string): boolean {
    if (!this.online) return false;
    const extra = { agentId: this.options.agentId, ...(correlationId === undefined ? {} : { correlationId }) };
    return this.connection.send(JSON.stringify(buildMessage(type, payload, extra)));
  }
}
