import { buildMessage, CLOSE_CODES, isFinalStatus, type JobEvent } from "@stream-control/protocol";
import { type Logger, toError } from "@stream-control/service-kit";
import type { WebSocket } from "ws";
import type { Agent } from "../agents/agent.js";
import type { AgentRegistry } from "../agents/registry.js";
import { closeSocket } from "../agents/session.js";
import type { JobReader } from "../jobs/job-reader.js";
import type { Committed, Ledger } from "../jobs/ledger.js";
import type { JobNews } from "../jobs/news.js";
import type { JobViews } from "../jobs/views.js";
import type { JobRow } from "../store/tables.js";

export interface UiHubOptions {
  ledger: Ledger;
  registry: AgentRegistry;
  reader: JobReader;
  views: JobViews;
  logger: Logger;
}

/** Ended jobs in a snapshot, beside all that are open; older ones are a REST call away. */
const ENDED_IN_SNAPSHOT = 200;
/** Events that are read and sent at once to a page that resumes. */
const REPLAY_PAGE = 1000;
/** Unsent bytes, beside its snapshot, at which a page counts as not reading. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;
/** How often it is looked whether a waiting job waits for another reason, and for how many jobs. */
const REASON_PERIOD_MS = 1000;
const REASON_JOBS = 100;

/**
 * The `/ui` socket: a snapshot of agents and jobs as arrays, then every change as an object. `seq` on a message is the
 * number of the newest event that it includes; a page that gives it back as `?since=` gets the events it missed.
 */
export class UiHub implements JobNews {
  /** Pages that are up to date, each with the unsent bytes that it may have. */
  private readonly live = new Map<WebSocket, number>();
  /** Pages that still wait for their snapshot, with what came meanwhile. */
  private readonly joining = new Map<WebSocket, { texts: string[]; bytes: number }>();
  /** Open jobs as they were last committed. */
  private readonly open = new Map<string, JobRow>();
  private readonly toldReason = new Map<string, string | null>();
  private readonly changedAgents = new Set<Agent>();
  private readonly changedJobs = new Set<string>();
  private seq = 0;
  private stopping = false;
  private flushing: NodeJS.Immediate | undefined;
  private reasons: NodeJS.Timeout | undefined;

  constructor(private readonly options: UiHubOptions) {}

  start(open: readonly JobRow[], seq: number): void {
    this.seq = seq;
    for (const job of open) this.open.set(job.id, job);
    this.options.ledger.onCommit((committed) => this.onCommit(committed));
    this.options.registry.onChange((agent) => {
      if (this.idle) return;
      this.changedAgents.add(agent);
      this.flushSoon();
    });
    this.reasons = setInterval(() => this.tellReasons(), REASON_PERIOD_MS);
  }

  async stop(): Promise<void> {
    this.stopping = true;
    clearInterval(this.reasons);
    clearImmediate(this.flushing);
    await Promise.all(
      [...this.live.keys(), ...this.joining.keys()].map((socket) => {
        const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
        closeSocket(socket, CLOSE_CODES.goingAway, "the orchestrator is stopping");
        return closed;
      }),
    );
  }

  /** Takes over a socket that was opened on `/ui`. `since` is the last event that the page has. */
  accept(socket: WebSocket, since: number | undefined): void {
    // Its connection may have been made a moment before the server stopped listening.
    if (this.stopping) {
      closeSocket(socket, CLOSE_CODES.goingAway, "the orchestrator is stopping");
      return;
    }
    this.joining.set(socket, { texts: [], bytes: 0 });
    socket.on("error", (error) => this.options.logger.warn({ err: error }, "a page's socket failed"));
    socket.on("close", () => {
      this.live.delete(socket);
      this.joining.delete(socket);
    });
    this.join(socket, since).catch((error: unknown) => {
      this.options.logger.error({ err: toError(error) }, "a page could not be given its snapshot");
      closeSocket(socket, CLOSE_CODES.tryAgainLater, "the snapshot could not be read");
    });
  }

  /** Something of a job was erased, which no event tells of. */
  erased(job: JobRow): void {
    if (!this.open.has(job.id)) return;
    this.open.set(job.id, job);
    this.progressed(job.id);
  }

  progressed(jobId: string): void {
    if (this.idle) return;
    this.changedJobs.add(jobId);
    this.flushSoon();
  }

  said(event: JobEvent): void {
    if (!this.idle) this.broadcast(JSON.stringify(buildMessage("ui.job.event", event)));
  }

  private get idle(): boolean {
    return this.live.size === 0 && this.joining.size === 0;
  }

  private async join(socket: WebSocket, since: number | undefined): Promise<void> {
    const { reader, registry, views } = this.options;
    // From here on what changes is kept for this page; the snapshot may already have it, which does no harm.
    const { seq } = this;
    const ended = await reader.recentlyEnded(ENDED_IN_SNAPSHOT);
    const jobs = new Map([...ended, ...(await reader.open())].map((job) => [job.id, job]));
    const inOrder = [...jobs.values()].sort((a, b) => a.seq - b.seq);
    const agents = [...registry.all()].map((agent) => agent.record());
    const records = inOrder.map((job) => views.record(job));
    if (socket.readyState !== socket.OPEN) return;
    socket.send(JSON.stringify(buildMessage("ui.agent.update", agents, { seq })));
    socket.send(JSON.stringify(buildMessage("ui.job.update", records, { seq })));
    if (since !== undefined) await this.replay(socket, since, seq);
    const waiting = this.joining.get(socket);
    if (waiting === undefined || socket.readyState !== socket.OPEN) return;
    this.joining.delete(socket);
    for (const text of waiting.texts) socket.send(text);
    // However large the snapshot is, the page may take its time to read it.
    this.live.set(socket, socket.bufferedAmount + MAX_BUFFERED_BYTES);
  }

  /** Sends every event of an interval, however many they are: the next ones are read when the last ones are on their way. */
  private async replay(socket: WebSocket, since: number, until: number): Promise<void> {
    for (let afterSeq = since; afterSeq < until; ) {
      const page = await this.options.reader.events({ afterSeq, limit: REPLAY_PAGE });
      const missed = page.filter(({ seq }) => seq <= until);
      const last = missed.pop();
      if (last === undefined || socket.readyState !== socket.OPEN) return;
      for (const event of missed) socket.send(eventMessage(event));
      await new Promise<void>((resolve) => socket.send(eventMessage(last), () => resolve()));
      afterSeq = last.seq;
    }
  }

  private onCommit({ job, event }: Committed): void {
    this.seq = event.seq;
    if (isFinalStatus(job.status)) {
      this.open.delete(job.id);
      this.toldReason.delete(job.id);
    } else this.open.set(job.id, job);
    if (this.idle) return;
    const record = this.options.views.record(job);
    this.toldReason.set(job.id, record.pendingReason);
    if (isFinalStatus(job.status)) this.toldReason.delete(job.id);
    this.broadcast(JSON.stringify(buildMessage("ui.job.update", record, { seq: event.seq })));
    this.broadcast(eventMessage(event));
  }

  /** A waiting job's reason follows from the agents, so that no event tells of its change. */
  private tellReasons(): void {
    if (this.idle) return;
    let looked = 0;
    for (const job of this.open.values()) {
      if (job.status !== "PENDING") continue;
      looked += 1;
      if (looked > REASON_JOBS) return;
      const record = this.options.views.record(job);
      if (this.toldReason.get(job.id) === record.pendingReason) continue;
      this.toldReason.set(job.id, record.pendingReason);
      this.broadcast(JSON.stringify(buildMessage("ui.job.update", record, { seq: this.seq })));
    }
  }

  /** An agent that changes several times in one turn of the event loop is told once, as it is then. */
  private flushSoon(): void {
    this.flushing ??= setImmediate(() => {
      this.flushing = undefined;
      for (const agent of this.changedAgents)
        this.broadcast(JSON.stringify(buildMessage("ui.agent.update", agent.record(), { seq: this.seq })));
      for (const jobId of this.changedJobs) {
        const job = this.open.get(jobId);
        if (job !== undefined)
          this.broadcast(
            JSON.stringify(buildMessage("ui.job.update", this.options.views.record(job), { seq: this.seq })),
          );
      }
      this.changedAgents.clear();
      this.changedJobs.clear();
    });
  }

  private broadcast(text: string): void {
    for (const [socket, waiting] of this.joining) {
      waiting.texts.push(text);
      waiting.bytes += text.length;
      if (waiting.bytes <= MAX_BUFFERED_BYTES) continue;
      this.joining.delete(socket);
      closeSocket(socket, CLOSE_CODES.tryAgainLater, "too slow in reading");
    }
    for (const [socket, allowance] of this.live) this.send(socket, text, allowance);
  }

  private send(socket: WebSocket, text: string, allowance: number): void {
    if (socket.readyState !== socket.OPEN) return;
    if (socket.bufferedAmount > allowance) closeSocket(socket, CLOSE_CODES.tryAgainLater, "too slow in reading");
    else socket.send(text);
  }
}

const eventMessage = (event: JobEvent & { seq: number }): string =>
  JSON.stringify(buildMessage("ui.job.event", event, { seq: event.seq }));
