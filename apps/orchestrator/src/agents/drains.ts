import { type DrainRequest, isFinalStatus, type JobStatus } from "@stream-control/protocol";
import { type Logger, toError } from "@stream-control/service-kit";
import { asSystem } from "@stream-control/service-kit/http";
import type { JobControl } from "../jobs/control.js";
import type { JobReader } from "../jobs/job-reader.js";
import { configOf } from "../jobs/job-record.js";
import type { Ledger } from "../jobs/ledger.js";
import { refusalOf } from "../scheduling/placement.js";
import { requirementOf } from "../scheduling/requirement.js";
import type { JobRow } from "../store/tables.js";
import type { Agent } from "./agent.js";
import type { AgentRegistry } from "./registry.js";

export interface DrainsOptions {
  ledger: Ledger;
  registry: AgentRegistry;
  reader: JobReader;
  control: JobControl;
  logger: Logger;
  now: () => Date;
}

/** Longest time that a timer of Node can wait for, in milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** Until what could not be carried out, such as on a full disk, is tried again. */
const RETRY_MS = 1000;
/** Statuses in which a job can be told to leave its agent. One whose agent is away moves by its lease. */
const MOVABLE: ReadonlySet<JobStatus> = new Set(["ASSIGNED", "ACCEPTED", "STARTING", "RUNNING"]);

/**
 * Carries out drains: an agent that drains takes nothing new; with `migrate`, what may move goes to other agents, one job at
 * a time and only where there is room; at the deadline, what is left is moved or stopped. Drains outlive reconnects of the
 * agent and restarts of the orchestrator, and end when the operator says so.
 */
export class Drains {
  private readonly deadlines = new Map<string, NodeJS.Timeout>();
  private readonly migrating = new Set<string>();
  /** Agents for which the next job to move is being looked for. */
  private readonly looked = new Set<string>();
  /** Per agent, the job that is on its way: the next one moves when that runs again, or has ended. */
  private readonly onTheWay = new Map<string, string>();
  private looking: NodeJS.Immediate | undefined;
  private stopped = false;

  constructor(private readonly options: DrainsOptions) {}

  /** Takes up the drains that were under way at the last stop. */
  start(): void {
    for (const agent of this.options.registry.all()) this.follow(agent);
    this.options.registry.onChange(() => {
      if (this.migrating.size > 0) this.lookSoon();
    });
    this.options.ledger.onCommit(({ job }) => {
      if (job.status !== "RUNNING" && !isFinalStatus(job.status)) return;
      for (const [agentId, jobId] of this.onTheWay) {
        if (jobId !== job.id) continue;
        this.onTheWay.delete(agentId);
        this.lookSoon();
      }
    });
  }

  stop(): void {
    this.stopped = true;
    clearImmediate(this.looking);
    for (const timer of this.deadlines.values()) clearTimeout(timer);
  }

  /** Begins, changes or ends a drain. Resolves when it is on disk. */
  async set(agent: Agent, { drain, deadlineMs, migrate }: DrainRequest): Promise<void> {
    const deadlineAt = deadlineMs == null ? null : new Date(this.options.now().getTime() + deadlineMs).toISOString();
    await this.options.registry.setDrain(agent, { drain, deadlineAt, migrate });
    this.follow(agent);
  }

  private follow(agent: Agent): void {
    clearTimeout(this.deadlines.get(agent.id));
    this.deadlines.delete(agent.id);
    this.migrating.delete(agent.id);
    if (!agent.operatorDrain) return;
    if (agent.drainMigrate) {
      this.migrating.add(agent.id);
      this.lookSoon();
    }
    if (agent.drainDeadlineAt === null) return;
    const leftMs = Math.max(0, Date.parse(agent.drainDeadlineAt) - this.options.now().getTime());
    this.endIn(agent, Math.min(leftMs, MAX_TIMER_MS));
  }

  private endIn(agent: Agent, ms: number): void {
    const timer = setTimeout(() => {
      this.run(
        () => this.end(agent),
        () => {
          if (this.deadlines.get(agent.id) === timer) this.endIn(agent, RETRY_MS);
        },
      );
    }, ms);
    this.deadlines.set(agent.id, timer);
  }

  private lookSoon(): void {
    if (this.stopped) return;
    this.looking ??= setImmediate(() => {
      this.looking = undefined;
      for (const id of this.migrating) {
        const agent = this.options.registry.get(id);
        if (agent === undefined || this.looked.has(id)) continue;
        this.looked.add(id);
        this.run(() => this.moveOne(agent).finally(() => this.looked.delete(id)));
      }
    });
  }

  /** Moves the next job, unless one is on its way already. */
  private async moveOne(agent: Agent): Promise<void> {
    if (this.onTheWay.has(agent.id) || [...agent.jobs.values()].some(({ status }) => status === "STOPPING")) return;
    for (const job of await this.movable(agent)) {
      if (job.status !== "RUNNING" || !this.fitsElsewhere(agent, job)) continue;
      this.onTheWay.set(agent.id, job.id);
      try {
        const message = `The agent "${agent.id}" is draining; the job goes on at another.`;
        if (!(await this.options.control.move(job.id, message))) this.onTheWay.delete(agent.id);
      } catch (error) {
        this.onTheWay.delete(agent.id);
        throw error;
      }
      return;
    }
  }

  private async end(agent: Agent): Promise<void> {
    const message = `The drain of the agent "${agent.id}" has come to its deadline.`;
    const movable = new Set((await this.movable(agent)).map(({ id }) => id));
    const { control } = this.options;
    await Promise.all(
      [...agent.jobs].map(async ([jobId, { status, fenced }]) => {
        if (movable.has(jobId)) await control.move(jobId, message);
        else if (!(status === "UNKNOWN" && fenced))
          await control.stop(jobId, { code: "DRAIN_DEADLINE", message, fault: null });
      }),
    );
  }

  private async movable(agent: Agent): Promise<JobRow[]> {
    const rows = await Promise.all([...agent.jobs.keys()].map((jobId) => this.options.reader.byId(jobId)));
    return rows.filter((row) => row?.restart_policy === "onFailure" && MOVABLE.has(row.status)) as JobRow[];
  }

  private fitsElsewhere(agent: Agent, job: JobRow): boolean {
    const waiting = { requirement: requirementOf(configOf(job), job.room), avoid: new Map() };
    const free = [...this.options.registry.freeIn(job.room)];
    return free.some((other) => other !== agent && refusalOf(other, waiting) === undefined);
  }

  private run(work: () => Promise<void>, onError?: () => void): void {
    asSystem(work).catch((error: unknown) => {
      this.options.logger.error({ err: toError(error) }, "a drain could not be carried on");
      if (!this.stopped) onError?.();
    });
  }
}
