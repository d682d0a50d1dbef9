import { isActiveStatus, type JobDetail } from "@stream-control/protocol";
import { toError } from "@stream-control/service-kit";
import { asSystem } from "@stream-control/service-kit/http";
import type { Agent } from "../agents/agent.js";
import { configOf } from "../jobs/job-record.js";
import type { Committed } from "../jobs/ledger.js";
import type { JobRow } from "../store/tables.js";
import { Assignments, type AssignmentsOptions } from "./assignments.js";
import { Avoidance } from "./avoidance.js";
import { Dispatcher } from "./dispatcher.js";
import type { FleetHistory } from "./history/fleet-history.js";
import { Holdups } from "./holdups.js";
import { type Awaited, explain, refusalOf } from "./placement.js";
import { isRenderConfig, type NeedsOf, requirementOf } from "./requirement.js";
import type { SchedulingSettings } from "./settings.js";
import { Chooser, type PlacementNote } from "./strategies/chooser.js";
import type { WaitingJob, WaitingJobs } from "./waiting-jobs.js";

export interface SchedulerOptions extends AssignmentsOptions {
  /** What configs need of a machine; the rule of thumb unless given. */
  needsOf?: NeedsOf;
  /** No pause is longer, also where the wall clock was set back meanwhile. */
  longestPauseMs: number;
  /** A monotonic clock in milliseconds. */
  monotonic: () => number;
  /** Asked at every decision. */
  settings: () => SchedulingSettings;
  /** What the strategies learn from. */
  history: Pick<FleetHistory, "performance" | "model">;
}

/** A slot that is kept free. */
export interface Reservation {
  agentId: string;
  name: string;
}

/** The net under the events: nothing should ever wait for it. */
const TICK_MS = 5000;
/** After an assignment that could not be written, such as on a full disk, the next one is tried. */
const RETRY_MS = 500;

/**
 * Gives waiting jobs to agents, by the shares of their priorities and the oldest job of each first. It is woken by what
 * happens: a job came, a slot came free, an agent joined. A job that fits nowhere keeps nobody behind it waiting.
 */
export class Scheduler {
  private readonly avoidance = new Avoidance(() => this.wake());
  /** By the ids of the jobs that are to have them. */
  private readonly reserved = new Map<string, Reservation>();
  private readonly holdups = new Holdups(() => this.wake());
  private readonly dispatcher: Dispatcher<Agent>;
  private readonly assignments: Assignments;
  private scheduled: NodeJS.Immediate | undefined;
  private wakeUp: NodeJS.Timeout | undefined;
  private retry: NodeJS.Timeout | undefined;
  private tick: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(private readonly options: SchedulerOptions) {
    const { registry, settings, monotonic, history } = options;
    this.assignments = new Assignments(options);
    this.dispatcher = new Dispatcher({
      freeIn: (room) => registry.freeIn(room),
      all: () => registry.all(),
      chooser: new Chooser({ ...history, monotonic }),
      settings,
      needsOf: options.needsOf,
      asOfNow: (job) => this.asOfNow(job),
      give: (job, agent, note) => this.assign(job, agent, note),
    });
  }

  /** The jobs that would start if there were an agent for them: they wait for nothing else. */
  *lackAgents(): Generator<WaitingJob> {
    const nowMs = this.options.monotonic();
    for (const job of this.waiting.all())
      if (job.readyAtMs <= nowMs && this.holdups.of(job.id) === undefined && !this.dispatcher.isOverLimit(job))
        yield job;
  }

  private get waiting(): WaitingJobs {
    return this.dispatcher.waiting;
  }

  /** Takes in the jobs that were open at the start and begins to follow the ledger and the agents. */
  start(open: readonly JobRow[]): void {
    const { ledger, registry } = this.options;
    for (const job of open) {
      if (isActiveStatus(job.status)) this.dispatcher.began(job.id, isRenderConfig(configOf(job)));
      this.follow(job);
    }
    ledger.onCommit((committed) => this.onCommit(committed));
    registry.onChange((agent) => {
      if (agent.hasRoom) this.wake();
    });
    this.tick = setInterval(() => this.wake(), TICK_MS);
    this.wake();
  }

  stop(): void {
    this.stopped = true;
    clearImmediate(this.scheduled);
    clearInterval(this.tick);
    clearTimeout(this.wakeUp);
    clearTimeout(this.retry);
  }

  /** Why a job waits; undefined where it does not. */
  explain(jobId: string): Pick<JobDetail, "pendingReason" | "passedOver"> | undefined {
    const job = this.waiting.get(jobId);
    if (job === undefined) return undefined;
    const seconds = Math.ceil((job.readyAtMs - this.options.monotonic()) / 1000);
    if (seconds > 0) return { pendingReason: `The job is tried again in ${seconds} s.`, passedOver: [] };
    const pendingReason = this.dispatcher.reasonToWait(job);
    if (pendingReason !== undefined) return { pendingReason, passedOver: [] };
    return explain(this.options.registry.all(), this.asOfNow(job));
  }

  /** The settings have changed: what waited because of them need not wait any more. */
  reconsider(): void {
    this.wake();
  }

  /** Lets a job wait for something, at most for so long where that is given; see {@link Awaited}. */
  holdUp(jobId: string, awaits: Awaited, forMs?: number): void {
    this.holdups.add(jobId, awaits, forMs);
  }

  /** What the job waited for by that code is there, or will not come. */
  letGo(jobId: string, code: string): void {
    this.holdups.end(jobId, code);
  }

  /** A job that is about to be submitted takes a reserved slot, if its agent is there; any other one otherwise. */
  redeem(jobId: string, reservation: Reservation): void {
    this.reserved.set(jobId, reservation);
  }

  /** Reserved slots go to their jobs before anybody else is looked at. */
  private takeReserved(nowMs: number): void {
    for (const [jobId, { agentId, name }] of this.reserved) {
      const job = this.waiting.get(jobId);
      if (job === undefined || job.readyAtMs > nowMs) continue;
      this.reserved.delete(jobId);
      const { registry } = this.options;
      registry.unreserve(agentId, name);
      const agent = registry.get(agentId);
      if (agent === undefined || refusalOf(agent, this.asOfNow(job)) !== undefined) continue;
      this.dispatcher.forget(job.id);
      this.assign(job, agent);
    }
  }

  private asOfNow(job: WaitingJob): WaitingJob {
    const awaits = this.holdups.of(job.id);
    return awaits === undefined ? job : { ...job, awaits };
  }

  /** Keeps a job from an agent for a while, because the agent did not take it. */
  avoid(jobId: string, agentId: string, what: string): void {
    this.avoidance.add(jobId, agentId, what);
  }

  private onCommit({ job, before }: Committed): void {
    if (job.status === before?.status) return;
    if (before?.agent_id != null && before.agent_id !== job.agent_id)
      this.options.registry.release(before.agent_id, job.id);
    this.follow(job);
    if (job.status === "PENDING") this.wake();
  }

  /** Brings the queue and the agents' slots in line with a job's row. */
  private follow(job: JobRow): void {
    const { registry } = this.options;
    if (job.status !== "PENDING") this.dispatcher.forget(job.id);
    else if (!this.waiting.has(job.id)) this.enqueue(job);
    if (!isActiveStatus(job.status) && this.dispatcher.ended(job.id)) this.wake();
    if (job.agent_id === null) return;
    if (isActiveStatus(job.status))
      registry.hold(
        job.agent_id,
        job.id,
        { status: job.status, epoch: job.epoch, fenced: job.fenced === 1 },
        () => requirementOf(configOf(job), job.room, this.options.needsOf).needs,
      );
    else registry.release(job.agent_id, job.id);
  }

  private enqueue(job: JobRow): void {
    const nowMs = this.options.monotonic();
    const heldMs = job.fenced === 1 ? this.options.leases.heldMs(job) : 0;
    const readyAtMs = nowMs + Math.max(heldMs, this.pauseMs(job));
    this.waiting.add(job, { readyAtMs, nowMs, avoid: this.avoidance.of(job.id) });
  }

  private pauseMs({ not_before: notBefore }: JobRow): number {
    if (notBefore === null) return 0;
    return Math.max(0, Math.min(Date.parse(notBefore) - this.options.now().getTime(), this.options.longestPauseMs));
  }

  private wake(): void {
    if (this.stopped || this.scheduled !== undefined || this.retry !== undefined) return;
    this.scheduled = setImmediate(() => {
      this.scheduled = undefined;
      asSystem(() => this.run());
    });
  }

  private run(): void {
    if (this.waiting.size === 0) return;
    const nowMs = this.options.monotonic();
    this.takeReserved(nowMs);
    const { over, nextAtMs } = this.waiting.endPauses(nowMs);
    const lookAgainAtMs = this.dispatcher.round();
    for (const job of over) if (this.waiting.get(job.id) === job) this.queued(job);
    this.wakeAt(Math.min(nextAtMs, lookAgainAtMs), nowMs);
  }

  private queued(job: WaitingJob): void {
    const { pendingReason } = explain(this.options.registry.all(), this.asOfNow(job));
    const data = { attempt: job.restarts };
    this.options.ledger.note(job.id, { type: "stream.restart_queued", message: pendingReason, data }).catch((error) => {
      this.options.logger.error({ err: toError(error), jobId: job.id }, "a note could not be written");
    });
  }

  private wakeAt(atMs: number, nowMs: number): void {
    clearTimeout(this.wakeUp);
    if (atMs !== Number.POSITIVE_INFINITY) this.wakeUp = setTimeout(() => this.wake(), atMs - nowMs);
  }

  private assign(job: WaitingJob, agent: Agent, note?: PlacementNote): void {
    const { registry, logger } = this.options;
    this.assignments.hold(job, agent);
    const undo = () => {
      registry.release(agent.id, job.id);
      this.dispatcher.ended(job.id);
    };
    this.assignments.give(job, agent, note).then(
      (given) => given || undo(),
      (error: unknown) => {
        logger.error({ err: toError(error), jobId: job.id, agentId: agent.id }, "an assignment failed");
        // Waking at once would try it again in this very moment, and again, as long as the disk is full.
        this.pauseAfterError();
        undo();
        this.waiting.putBack(job);
      },
    );
  }

  private pauseAfterError(): void {
    if (this.stopped) return;
    this.retry ??= setTimeout(() => {
      this.retry = undefined;
      this.wake();
    }, RETRY_MS);
  }
}
