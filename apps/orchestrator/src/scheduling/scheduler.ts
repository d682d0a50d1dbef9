import {
  isActiveStatus,
  type JobDetail,
  type JsonObject,
  RENDERS_FEATURE,
  type StreamMetadata,
} from "@stream-control/protocol";
import { type Logger, toError } from "@stream-control/service-kit";
import { asSystem } from "@stream-control/service-kit/http";
import type { Agent } from "../agents/agent.js";
import type { Leases } from "../agents/leases.js";
import type { AgentRegistry } from "../agents/registry.js";
import { configOf, fromJson } from "../jobs/job-record.js";
import type { Committed, Ledger } from "../jobs/ledger.js";
import type { JobRow } from "../store/tables.js";
import { Avoidance } from "./avoidance.js";
import { Holdups } from "./holdups.js";
import type { Attempt } from "./lanes/lane.js";
import { type Awaited, choose, explain, refusalOf } from "./placement.js";
import { isRenderConfig, type NeedsOf, requirementOf } from "./requirement.js";
import { overLimit, type SchedulingSettings } from "./settings.js";
import { type WaitingJob, WaitingJobs } from "./waiting-jobs.js";

export interface SchedulerOptions {
  ledger: Ledger;
  registry: AgentRegistry;
  leases: Leases;
  logger: Logger;
  /** What an agent is given for a job; the job's config unless given. */
  configFor?: (job: JobRow) => JsonObject;
  /** An assignment that is not acknowledged for this long goes to another agent. */
  ackTimeoutMs: () => number;
  /** What configs need of a machine; the rule of thumb unless given. */
  needsOf?: NeedsOf;
  /** No pause is longer, also where the wall clock was set back meanwhile. */
  longestPauseMs: number;
  now: () => Date;
  /** A monotonic clock in milliseconds. */
  monotonic: () => number;
  /** Asked at every decision. */
  settings: () => SchedulingSettings;
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
  private readonly waiting: WaitingJobs;
  private readonly avoidance = new Avoidance(() => this.wake());
  /** By the ids of the jobs that are to have them. */
  private readonly reserved = new Map<string, Reservation>();
  private readonly holdups = new Holdups(() => this.wake());
  /** Renders that hold a slot. */
  private readonly renders = new Set<string>();
  private scheduled: NodeJS.Immediate | undefined;
  private wakeUp: NodeJS.Timeout | undefined;
  private retry: NodeJS.Timeout | undefined;
  private tick: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(private readonly options: SchedulerOptions) {
    this.waiting = new WaitingJobs(options.needsOf);
  }

  /** The jobs that would start if there were an agent for them: they wait for nothing else. */
  *lackAgents(): Generator<WaitingJob> {
    const nowMs = this.options.monotonic();
    for (const job of this.waiting.all())
      if (job.readyAtMs <= nowMs && this.holdups.of(job.id) === undefined && !this.isOverLimit(job)) yield job;
  }

  /** Takes in the jobs that were open at the start and begins to follow the ledger and the agents. */
  start(open: readonly JobRow[]): void {
    const { ledger, registry } = this.options;
    for (const job of open) {
      if (isActiveStatus(job.status) && isRenderConfig(configOf(job))) this.renders.add(job.id);
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
    if (this.isOverLimit(job)) return { pendingReason: overLimit(this.options.settings().maxRenders), passedOver: [] };
    return explain(this.options.registry.all(), this.asOfNow(job));
  }

  /** The settings have changed: what waited because of them need not wait any more. */
  reconsider(): void {
    this.wake();
  }

  private isOverLimit({ requirement }: WaitingJob): boolean {
    const { maxRenders } = this.options.settings();
    return maxRenders > 0 && requirement.feature === RENDERS_FEATURE && this.renders.size >= maxRenders;
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
      if (agent !== undefined && refusalOf(agent, this.asOfNow(job)) === undefined) this.assign(job, agent);
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
    if (job.status !== "PENDING") this.waiting.remove(job.id);
    else if (!this.waiting.has(job.id)) this.enqueue(job);
    if (!isActiveStatus(job.status) && this.renders.delete(job.id)) this.wake();
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
    this.waiting.giveAway((job) => this.offer(job), this.options.settings().priorityWeights);
    for (const job of over) if (this.waiting.get(job.id) === job) this.queued(job);
    this.wakeAt(nextAtMs, nowMs);
  }

  private offer(job: WaitingJob): Attempt {
    const free = this.options.registry.freeIn(job.requirement.room);
    if (free.size === 0) return "full";
    if (this.isOverLimit(job)) return "noneOfKind";
    const now = this.asOfNow(job);
    const agent = choose(free, now);
    if (agent !== undefined) {
      this.assign(job, agent);
      return "taken";
    }
    // What one job was refused by name is no news for the others of its kind.
    return now.avoid.size === 0 && now.awaits === undefined ? "noneOfKind" : "notThis";
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

  private assign(job: WaitingJob, agent: Agent): void {
    // The slot is taken before the commit, so that the next job of this very run does not get it too.
    this.waiting.remove(job.id);
    if (job.requirement.feature === RENDERS_FEATURE) this.renders.add(job.id);
    const held = {
      status: "ASSIGNED",
      epoch: job.epoch + 1,
      fenced: isFenced(job, agent),
    } as const;
    this.options.registry.hold(agent.id, job.id, held, () => job.requirement.needs);
    this.commitAssignment(job, agent).catch((error: unknown) => {
      this.options.logger.error({ err: toError(error), jobId: job.id, agentId: agent.id }, "an assignment failed");
      // Waking at once would try it again in this very moment, and again, as long as the disk is full.
      this.pauseAfterError();
      this.options.registry.release(agent.id, job.id);
      this.renders.delete(job.id);
      this.waiting.putBack(job);
    });
  }

  private pauseAfterError(): void {
    if (this.stopped) return;
    this.retry ??= setTimeout(() => {
      this.retry = undefined;
      this.wake();
    }, RETRY_MS);
  }

  private async commitAssignment(job: WaitingJob, agent: Agent): Promise<void> {
    const { ledger, registry } = this.options;
    const result = await ledger.apply(job.id, { type: "assigned", agentId: agent.id, fenced: isFenced(job, agent) });
    if (result.outcome !== "applied") {
      // It was stopped a moment before.
      registry.release(agent.id, job.id);
      this.renders.delete(job.id);
      return;
    }
    if (this.deliver(result.job, agent)) return;
    const message = "The agent left before it could be told.";
    const reason = { code: "AGENT_OFFLINE", message, fault: "network" } as const;
    const guard = { agentId: agent.id, epoch: result.job.epoch };
    ledger.apply(job.id, { type: "unassigned", reason }, guard).catch((error: unknown) => {
      // The job is assigned, on disk; the deadline of its acknowledgment brings it back.
      this.options.logger.error({ err: toError(error), jobId: job.id }, "an undelivered assignment stays for now");
    });
  }

  private deliver(job: JobRow, agent: Agent): boolean {
    const { session } = agent;
    if (session === undefined) return false;
    const { leases } = this.options;
    const streamMetadata = fromJson<StreamMetadata>(job.stream_metadata);
    if (job.fenced === 1) leases.begin(session);
    return session.send("orchestrator.assign.start", {
      jobId: job.id,
      idempotencyKey: job.idempotency_key,
      config: (this.options.configFor ?? configOf)(job),
      expiresAt: new Date(this.options.now().getTime() + this.options.ackTimeoutMs()).toISOString(),
      metadata: fromJson<Record<string, unknown>>(job.metadata) ?? {},
      ...(streamMetadata === null ? {} : { streamMetadata }),
      epoch: job.epoch,
      onDisconnect: job.on_disconnect,
      ...(job.fenced === 1 ? { leaseMs: leases.leaseMs } : {}),
      ...(session.lastBeatId === undefined ? {} : { leaseFrom: session.lastBeatId }),
    });
  }
}

/** Only an agent that knows leases can be trusted to let go of a job by itself. */
const isFenced = (job: WaitingJob, agent: Agent): boolean => job.fence && agent.knows("leases");
