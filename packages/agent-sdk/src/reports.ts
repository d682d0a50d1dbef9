import {
  type AgentMessageType,
  agentMessagePayloads,
  buildMessage,
  describeIssues,
  type JsonObject,
  parseWith,
} from "@stream-control/protocol";
import type { EventOutbox } from "./event-outbox.js";
import type { EndedJob, JobTable, LiveJob } from "./job-table.js";
import { soundDetails } from "./sound-details.js";
import type { AgentLogger, FinalStatus, JobRef, LogLevel, PayloadOut, ReportDetails, ReportedStatus } from "./types.js";

/** What of a connection the reports need. */
export interface ReportsChannel {
  readonly online: boolean;
  readonly congested: boolean;
  readonly nextPing: number;
  send(text: string): boolean;
}

export interface ReportsOptions {
  agentId: string;
  jobs: JobTable;
  outbox: EventOutbox;
  channel: ReportsChannel;
  logger: AgentLogger;
  /** Whether the orchestrator answers ends, so that they are kept until then. */
  settles(): boolean;
  /** Whether the orchestrator takes an optional message. */
  takes(feature: string): boolean;
  /** Nothing more will come of that end: it may be forgotten. */
  onForgotten(job: EndedJob): void;
}

/** Longest event data, as JSON; larger data is left out of its event. */
const MAX_DATA_LENGTH = 16_384;

/** Sends what the agent says of its jobs, and keeps what must not be lost while it cannot be sent. */
export class Reports {
  constructor(private readonly options: ReportsOptions) {}

  update(jobId: string, status: ReportedStatus, details: ReportDetails): void {
    const job = this.live(jobId, "a report about a job that is not running was dropped");
    if (job === undefined) return;
    const { error, progress = job.progress } = soundDetails(details);
    Object.assign(job, { status, error, progress });
    const onlyProgress = job.sentStatus === status && error === undefined;
    if (job.accepted && !(onlyProgress && this.options.channel.congested)) this.sendStatus(job);
  }

  log(jobId: string, level: LogLevel, message: string): void {
    if (this.options.channel.congested) return;
    const epoch = this.options.jobs.get(jobId)?.epoch;
    const ts = new Date().toISOString();
    this.send("agent.job.log", { jobId, level, epoch, message: message.slice(0, 16_384), ts });
  }

  snapshot(jobId: string, jpegBase64: string, takenAt: string): void {
    const { channel, takes, jobs } = this.options;
    const job = jobs.get(jobId);
    if (job?.accepted !== true || !takes("snapshots") || channel.congested) return;
    const payload = { jobId, epoch: job.epoch, takenAt, contentType: "image/jpeg", data: jpegBase64 } as const;
    this.send("agent.job.snapshot", payload);
  }

  event(jobId: string, type: string, message: string, data: JsonObject | undefined): void {
    const job = this.live(jobId, "an event of a job that is not running was dropped");
    if (job === undefined) return;
    const { epoch } = job;
    const keepsData = data !== undefined && JSON.stringify(data).length <= MAX_DATA_LENGTH;
    const payload = { jobId, epoch, type, message: message.slice(0, 4096), ...(keepsData ? { data } : {}) };
    const parsed = parseWith(agentMessagePayloads["agent.job.event"], payload);
    if (!parsed.ok) {
      this.options.logger.error({ jobId, problem: describeIssues(parsed.issues) }, "a wrong event was dropped");
      return;
    }
    // Built now, for the time that it carries is when it happened.
    this.options.outbox.add(job, this.text("agent.job.event", parsed.value));
    if (job.accepted && !this.options.channel.congested) this.flushEvents(job);
  }

  stopped(jobId: string, status: FinalStatus, details: ReportDetails): void {
    const job = this.live(jobId, "the end of a job that is not running was dropped");
    if (job === undefined) return;
    if (job.accepted) this.sendEnd(this.options.jobs.end(job, status, soundDetails(details)));
    else job.end = { status, details: soundDetails(details) };
  }

  /** The acknowledgement of that job is out: what was reported meanwhile follows. */
  accepted(job: LiveJob): void {
    if (job.status !== "ACCEPTED") this.sendStatus(job);
    this.flushEvents(job);
    if (job.end !== undefined) this.sendEnd(this.options.jobs.end(job, job.end.status, job.end.details));
  }

  /** A hello was taken: everything that the orchestrator may have missed. */
  resume(): void {
    this.resendEnds();
    for (const job of this.options.jobs.accepted()) {
      this.sendStatus(job);
      this.flushEvents(job);
    }
  }

  /** The connection is well: events that waited go out. */
  flushWaiting(): void {
    if (this.options.channel.congested) return;
    for (const job of this.options.jobs.accepted()) if (this.options.outbox.hasUnsent(job)) this.flushEvents(job);
  }

  resendEnds(jobId?: string): void {
    for (const ended of this.options.jobs.unsettled(jobId)) this.sendEnd(ended);
  }

  send<T extends AgentMessageType>(type: T, payload: PayloadOut<T>, correlationId?: string): boolean {
    return this.options.channel.online && this.options.channel.send(this.text(type, payload, correlationId));
  }

  private live(jobId: string, otherwise: string): LiveJob | undefined {
    const job = this.options.jobs.get(jobId);
    if (job === undefined) this.options.logger.warn({ jobId }, otherwise);
    return job;
  }

  private sendStatus(job: LiveJob): void {
    const { jobId, epoch, status, error, progress } = job;
    if (this.send("agent.job.update", { jobId, status, epoch, error, progress })) job.sentStatus = status;
  }

  private sendEnd(ended: EndedJob): void {
    const { jobId, epoch, status, details, disowned = false } = ended;
    this.flushEvents(ended);
    if (!this.send("agent.job.stopped", { jobId, status, epoch, ...details })) return;
    // Where nobody will settle it, having sent it is all that can be done.
    if (this.options.settles() && !disowned) return;
    this.options.jobs.settle({ jobId, epoch });
    this.options.outbox.forget(ended);
    this.options.onForgotten(ended);
  }

  private flushEvents(job: JobRef): void {
    const { outbox, channel } = this.options;
    if (!channel.online) return;
    const dropped = (count: number) =>
      this.text("agent.job.event", {
        jobId: job.jobId,
        epoch: job.epoch,
        type: "agent.events_dropped",
        message: `${count} older events of this job were dropped while the agent could not send them.`,
        data: { count },
      });
    outbox.flush(job, channel.nextPing, (text) => channel.send(text), dropped);
  }

  private text<T extends AgentMessageType>(type: T, payload: PayloadOut<T>, correlationId?: string): string {
    const extra = { agentId: this.options.agentId, ...(correlationId === undefined ? {} : { correlationId }) };
    return JSON.stringify(buildMessage(type, payload, extra));
  }
}
