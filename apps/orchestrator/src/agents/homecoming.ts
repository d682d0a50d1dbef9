import { type ActiveJob, type AgentPayload, isFinalStatus, type JobStatus } from "@stream-control/protocol";
import { type Logger, toError } from "@stream-control/service-kit";
import { asSystem } from "@stream-control/service-kit/http";
import type { JobChange } from "../jobs/changes.js";
import type { JobControl } from "../jobs/control.js";
import type { Ledger } from "../jobs/ledger.js";
import type { Agent } from "./agent.js";
import type { Leases } from "./leases.js";
import type { AgentRegistry } from "./registry.js";
import type { Report } from "./reports.js";
import type { AgentSession } from "./session.js";

export interface HomecomingDeps {
  ledger: Ledger;
  registry: AgentRegistry;
  control: JobControl;
  leases: Leases;
  logger: Logger;
  /** After a hello, how long reports of what ended meanwhile may take before a job that was not named counts as gone. */
  settleMs: number;
  /** How long an agent may be away before its jobs are UNKNOWN. */
  awayMs: number;
}

/** Until what could not be written is tried again. */
const RETRY_MS = 1000;

/**
 * What happens to an agent's jobs when it goes away and when it comes back: what it still runs goes on, what it no
 * longer runs is settled by its policy, and what is not its own any more is stopped.
 */
export class Homecoming {
  private readonly timers = new Map<string, NodeJS.Timeout>();
  private stopped = false;
  /** Per session that has just begun, the jobs that its agent has not yet said anything of, each with its epoch. */
  private readonly unaccounted = new WeakMap<AgentSession, Map<string, number>>();

  constructor(private readonly deps: HomecomingDeps) {}

  /** After a start: gives every agent that had jobs the time to come back. */
  start(): void {
    for (const agent of this.deps.registry.all()) if (agent.jobs.size > 0) this.left(agent.id);
  }

  stop(): void {
    this.stopped = true;
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
  }

  /** The agent's socket closed. */
  left(agentId: string): void {
    this.later(agentId, this.deps.awayMs, async (agent) => {
      const reason = { code: "AGENT_OFFLINE", message: `The agent "${agentId}" is offline.`, fault: "agent" } as const;
      const lost = [...agent.jobs].map(([jobId, { epoch }]) =>
        this.deps.ledger.apply(jobId, { type: "lost", reason }, { agentId, epoch }),
      );
      await Promise.all(lost);
    });
  }

  /**
   * The agent said hello.
   *
   * @param twin an open session of the same id was just displaced: maybe another machine, which then still runs the jobs
   * that this one does not name. Those with a lease are taken to be gone only after that, and of others nobody can say.
   */
  async returned(session: AgentSession, hello: AgentPayload<"agent.hello">, twin = false): Promise<void> {
    const reported = new Map(reportedJobs(hello).map((job) => [job.jobId, job]));
    // An agent that names one job while it has several slots has said nothing of the others.
    const complete = hello.activeJobs !== undefined || hello.activeJob == null || hello.capabilities.slots <= 1;
    const held = [...(this.deps.registry.get(session.agentId)?.jobs ?? [])];
    // Who names an old try of a job does not have the present one.
    const named = (jobId: string, epoch: number) =>
      reported.has(jobId) && (reported.get(jobId)?.epoch ?? epoch) === epoch;
    const silent = complete ? held.filter(([jobId, { epoch }]) => !named(jobId, epoch)) : [];
    const unaccounted = new Map(silent.map(([jobId, { epoch }]) => [jobId, epoch]));
    this.unaccounted.set(session, unaccounted);
    const heldMs = silent.map(([id, { epoch, fenced }]) =>
      twin && fenced ? this.deps.leases.letGo({ id, epoch }, session.agentId) : 0,
    );
    this.later(session.agentId, Math.max(this.deps.settleMs, ...heldMs), async (settled) => {
      this.unaccounted.delete(session);
      if (settled.session !== session) return;
      await Promise.all([...unaccounted].map(([jobId, epoch]) => this.gone(settled, jobId, epoch, twin)));
    });
    await Promise.all([...reported.values()].map((job) => this.stillThere(session, job)));
  }

  /** A report about a job shows that the agent has it, although its hello did not name it. */
  heardOf(session: AgentSession, { payload }: Report): void {
    if (!("jobId" in payload) || typeof payload.jobId !== "string") return;
    const unaccounted = this.unaccounted.get(session);
    const epoch = unaccounted?.get(payload.jobId);
    // A late report of an old try says nothing of the present one.
    if (epoch === undefined || ("epoch" in payload && (payload.epoch ?? epoch) !== epoch)) return;
    unaccounted?.delete(payload.jobId);
    this.deps.leases.keep(payload.jobId);
  }

  private async stillThere(session: AgentSession, { jobId, status, epoch }: ActiveJob): Promise<void> {
    // The report of its end follows.
    if (isFinalStatus(status)) return;
    const change = { type: REPORTED_AS[status] ?? "accepted" } as const;
    const result = await this.deps.ledger.apply(jobId, change, { agentId: session.agentId, epoch });
    const mine = result.outcome === "applied" || (result.outcome === "ignored" && !isFinalStatus(result.job.status));
    if (!mine) session.send("orchestrator.job.stop", { jobId, reason: "NOT_YOURS", deadlineMs: 0 });
    // It may have been away when it was to stop the job, for good or to let it move.
    else if (result.job.wanted_status === "STOPPED" || result.job.moving === 1) this.deps.control.sendStop(result.job);
    else this.deps.leases.keep(jobId);
  }

  private async gone(agent: Agent, jobId: string, epoch: number, twin: boolean): Promise<void> {
    const held = agent.jobs.get(jobId);
    const change = twin && held?.fenced === false && held.status !== "ASSIGNED" ? REPLACED : goneAs(held?.status);
    // With the epoch of then: the job may have ended and be back with this very agent by now.
    await this.deps.ledger.apply(jobId, change, { agentId: agent.id, epoch });
  }

  private later(agentId: string, ms: number, action: (agent: Agent) => Promise<void>): void {
    clearTimeout(this.timers.get(agentId));
    const timer = setTimeout(() => {
      this.timers.delete(agentId);
      const agent = this.deps.registry.get(agentId);
      if (agent === undefined) return;
      asSystem(() => action(agent)).catch((error: unknown) => {
        this.deps.logger.error({ err: toError(error), agentId }, "an agent's jobs could not be settled; tried again");
        if (!this.stopped && !this.timers.has(agentId)) this.later(agentId, RETRY_MS, action);
      });
    }, ms);
    this.timers.set(agentId, timer);
  }
}

function reportedJobs({ activeJobs, activeJob }: AgentPayload<"agent.hello">): ActiveJob[] {
  return activeJobs ?? (activeJob == null ? [] : [activeJob]);
}

/** What a status in a hello is to the lifecycle, beside the plain fact that the agent has the job. */
const REPORTED_AS: Partial<Record<JobStatus, "starting" | "running" | "stopping">> = {
  STARTING: "starting",
  RUNNING: "running",
  STOPPING: "stopping",
};

/** What it means for a job without a lease that a second machine of the same id came without it. */
const REPLACED: JobChange = {
  type: "lost",
  reason: {
    code: "AGENT_REPLACED",
    message: "Another machine said hello with the agent's id; the first may still run the job.",
    fault: "agent",
  },
};

/** What it means for a job that its agent came back without it. */
function goneAs(status: JobStatus | undefined): JobChange {
  if (status === "ASSIGNED") {
    const message = "The assignment did not reach the agent.";
    return { type: "unassigned", reason: { code: "NOT_DELIVERED", message, fault: "network" } };
  }
  const message = "The agent came back without the job.";
  if (status === "STOPPING") return { type: "stopped", reason: { code: "ENDED", message, fault: null } };
  return { type: "failed", error: { code: "JOB_LOST", message }, fault: "agent" };
}
