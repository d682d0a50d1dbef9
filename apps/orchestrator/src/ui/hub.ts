import { isDeepStrictEqual } from "node:util";
import {
  type AgentLoad,
  buildMessage,
  CLOSE_CODES,
  isFinalStatus,
  type JobEvent,
  type JobRecord,
} from "@stream-control/protocol";
import { type Logger, toError } from "@stream-control/service-kit";
import { type Access, type Caller, roomsWith } from "@stream-control/service-kit/access";
import type { WebSocket } from "ws";
import type { Agent } from "../agents/agent.js";
import { isNewsOfLoad } from "../agents/load.js";
import type { AgentRegistry } from "../agents/registry.js";
import { closeSocket } from "../agents/session.js";
import type { JobReader } from "../jobs/job-reader.js";
import type { Committed, Ledger } from "../jobs/ledger.js";
import type { JobNews } from "../jobs/news.js";
import type { JobViews } from "../jobs/views.js";
import { maskEvent, maskJob } from "../jobs/visible.js";
import type { JobRow } from "../store/tables.js";
import { type News, newsOf, Page } from "./page.js";

export interface UiHubOptions {
  access: Access;
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
/** How often it is looked whether those who follow still may: another instance may have changed that. */
const RIGHTS_PERIOD_MS = 5000;
/** How often it is looked whether a waiting job waits for another reason, and for how many jobs. */
const REASON_PERIOD_MS = 1000;
const REASON_JOBS = 100;

/**
 * The `/ui` socket: a snapshot of agents and jobs as arrays, then every change as an object. `seq` on a message is the
 * number of the newest event that it includes; a page that gives it back as `?since=` gets the events it missed.
 */
export class UiHub implements JobNews {
  private readonly pages = new Set<Page>();
  /** Open jobs as they were last committed. */
  private readonly open = new Map<string, JobRow>();
  private readonly toldReason = new Map<string, string | null>();
  private readonly toldLoad = new WeakMap<Agent, AgentLoad>();
  private readonly changedAgents = new Set<Agent>();
  private readonly changedJobs = new Set<string>();
  private seq = 0;
  private stopping = false;
  private flushing: NodeJS.Immediate | undefined;
  private reasons: NodeJS.Timeout | undefined;
  private rights: NodeJS.Timeout | undefined;

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
    this.rights = setInterval(() => this.checkRights(), RIGHTS_PERIOD_MS);
    this.options.access.onRightsChanged(() => this.checkRights());
  }

  async stop(): Promise<void> {
    this.stopping = true;
    clearInterval(this.reasons);
    clearInterval(this.rights);
    clearImmediate(this.flushing);
    await Promise.all(
      [...this.pages].map((page) => {
        const closed = new Promise<void>((resolve) => page.socket.once("close", () => resolve()));
        page.close(CLOSE_CODES.goingAway, "the orchestrator is stopping");
        return closed;
      }),
    );
  }

  /** Takes over a socket that was opened on `/ui`. `since` is the last event that the page has. */
  accept(socket: WebSocket, caller: Caller, since: number | undefined): void {
    // Its connection may have been made a moment before the server stopped listening.
    if (this.stopping) {
      closeSocket(socket, CLOSE_CODES.goingAway, "the orchestrator is stopping");
      return;
    }
    const page = new Page(socket, caller);
    this.pages.add(page);
    socket.on("error", (error) => this.options.logger.warn({ err: error }, "a page's socket failed"));
    socket.on("close", () => {
      this.pages.delete(page);
      // What is told while nobody listens has been told to nobody.
      if (this.idle) this.toldReason.clear();
    });
    this.join(page, since).catch((error: unknown) => {
      this.options.logger.error({ err: toError(error) }, "a page could not be given its snapshot");
      page.close(CLOSE_CODES.tryAgainLater, "the snapshot could not be read");
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

  pictured(jobId: string, takenAt: string): void {
    const job = this.open.get(jobId);
    if (!this.idle && job !== undefined)
      this.broadcast(newsOf(job.room, "ui.job.snapshot", () => ({ jobId, takenAt })));
  }

  loaded(agent: Agent): void {
    if (this.idle || agent.load === null || !isNewsOfLoad(this.toldLoad.get(agent) ?? null, agent.load)) return;
    this.toldLoad.set(agent, agent.load);
    this.changedAgents.add(agent);
    this.flushSoon();
  }

  said(event: JobEvent): void {
    const job = this.open.get(event.jobId);
    if (!this.idle && job !== undefined) this.broadcast(newsOf(job.room, "ui.job.event", () => event));
  }

  private get idle(): boolean {
    return this.pages.size === 0;
  }

  private async join(page: Page, since: number | undefined): Promise<void> {
    const { reader, registry } = this.options;
    // From here on what changes is kept for this page; the snapshot may already have it, which does no harm.
    const { seq } = this;
    const rooms = roomsWith(page.grants, "viewer");
    const ended = await reader.recentlyEnded(rooms, ENDED_IN_SNAPSHOT);
    const open = (await reader.open()).filter(({ room }) => page.sees(room));
    const jobs = new Map([...ended, ...open].map((job) => [job.id, job]));
    const inOrder = [...jobs.values()].sort((a, b) => a.seq - b.seq);
    const agents = [...registry.all()].filter(({ room }) => page.sees(room)).map((agent) => agent.record());
    const records = inOrder.map((job) => this.record(job, page.masked(job.room)));
    if (!page.open) return;
    // Told by the snapshot, unless others wait for it: else every waiting job would be told a second time, all at once.
    for (const { id, status, pendingReason } of records)
      if (status === "PENDING" && !this.toldReason.has(id)) this.toldReason.set(id, pendingReason);
    page.socket.send(JSON.stringify(buildMessage("ui.agent.update", agents, { seq })));
    page.socket.send(JSON.stringify(buildMessage("ui.job.update", records, { seq })));
    if (since !== undefined) await this.replay(page, since, seq);
    if (page.open) page.catchUp();
  }

  /** Sends every event of an interval, however many they are: the next ones are read when the last ones are on their way. */
  private async replay(page: Page, since: number, until: number): Promise<void> {
    const rooms = roomsWith(page.grants, "viewer");
    for (let afterSeq = since; afterSeq < until; ) {
      const found = await this.options.reader.eventsOf({ rooms, afterSeq, limit: REPLAY_PAGE });
      const missed = found.filter(({ seq }) => seq <= until).map((event) => eventNews(event));
      const last = missed.pop();
      if (last === undefined || !page.open) return;
      const text = (news: News) => news.text(page.masked(news.room));
      for (const news of missed) page.socket.send(text(news));
      await new Promise<void>((resolve) => page.socket.send(text(last), () => resolve()));
      afterSeq = found[missed.length]?.seq ?? until;
    }
  }

  /** A page whose key was revoked or whose session is over is closed; one whose rights changed comes back with the new ones. */
  private checkRights(): void {
    for (const page of this.pages)
      this.options.access.stillIn(page.caller).then(
        (principal) => {
          if (principal === undefined)
            page.close(CLOSE_CODES.unauthorized, "signed out, or the key does not count any more");
          else if (!isDeepStrictEqual(principal.grants, page.grants))
            page.close(CLOSE_CODES.tryAgainLater, "the rights have changed; come back");
        },
        (error: unknown) => this.options.logger.warn({ err: toError(error) }, "a page's rights could not be read"),
      );
  }

  private record(job: JobRow, masked: boolean): JobRecord {
    const record = this.options.views.record(job);
    return masked ? maskJob(record) : record;
  }

  private jobNews(job: JobRow, seq: number): News {
    return newsOf(job.room, "ui.job.update", (masked) => this.record(job, masked), seq);
  }

  private onCommit({ job, event }: Committed): void {
    this.seq = event.seq;
    if (isFinalStatus(job.status)) {
      this.open.delete(job.id);
      this.toldReason.delete(job.id);
    } else this.open.set(job.id, job);
    if (this.idle) return;
    if (!isFinalStatus(job.status)) this.toldReason.set(job.id, this.options.views.record(job).pendingReason);
    this.broadcast(this.jobNews(job, event.seq));
    this.broadcast(eventNews({ ...event, room: job.room }));
  }

  /** A waiting job's reason follows from the agents, so that no event tells of its change. */
  private tellReasons(): void {
    if (this.idle) return;
    let looked = 0;
    for (const job of this.open.values()) {
      if (job.status !== "PENDING") continue;
      looked += 1;
      if (looked > REASON_JOBS) return;
      const { pendingReason } = this.options.views.record(job);
      if (this.toldReason.get(job.id) === pendingReason) continue;
      this.toldReason.set(job.id, pendingReason);
      this.broadcast(this.jobNews(job, this.seq));
    }
  }

  /** An agent that changes several times in one turn of the event loop is told once, as it is then. */
  private flushSoon(): void {
    this.flushing ??= setImmediate(() => {
      this.flushing = undefined;
      for (const agent of this.changedAgents)
        this.broadcast(newsOf(agent.room, "ui.agent.update", () => agent.record(), this.seq));
      for (const jobId of this.changedJobs) {
        const job = this.open.get(jobId);
        if (job !== undefined) this.broadcast(this.jobNews(job, this.seq));
      }
      this.changedAgents.clear();
      this.changedJobs.clear();
    });
  }

  private broadcast(news: News): void {
    for (const page of this.pages) page.tell(news);
  }
}

const eventNews = ({ room, ...event }: JobEvent & { seq: number; room: string }): News =>
  newsOf(room, "ui.job.event", (masked) => (masked ? maskEvent(event) : event), event.seq);
