import type { JsonObject, StreamMetadata } from "@stream-control/protocol";
import { type Logger, toError } from "@stream-control/service-kit";
import type { Agent } from "../agents/agent.js";
import type { Leases } from "../agents/leases.js";
import type { AgentRegistry } from "../agents/registry.js";
import { configOf, fromJson } from "../jobs/job-record.js";
import type { Ledger } from "../jobs/ledger.js";
import type { JobRow } from "../store/tables.js";
import type { PlacementNote } from "./strategies/chooser.js";
import type { WaitingJob } from "./waiting-jobs.js";

export interface AssignmentsOptions {
  ledger: Ledger;
  registry: AgentRegistry;
  leases: Leases;
  logger: Logger;
  /** What an agent is given for a job; the job's config unless given. */
  configFor?: (job: JobRow) => JsonObject;
  /** An assignment that is not acknowledged for this long goes to another agent. */
  ackTimeoutMs: () => number;
  now: () => Date;
}

/** Writes that a job is given to an agent, and tells the agent. */
export class Assignments {
  constructor(private readonly options: AssignmentsOptions) {}

  /** Takes the slot, so that nobody else gets it while it is being written. */
  hold(job: WaitingJob, agent: Agent): void {
    const held = { status: "ASSIGNED", epoch: job.epoch + 1, fenced: isFenced(job, agent) } as const;
    this.options.registry.hold(agent.id, job.id, held, () => job.requirement.needs);
  }

  /**
   * Gives a job to the agent whose slot it holds.
   *
   * @returns whether it was; otherwise it was stopped a moment before.
   * @throws where that could not be written.
   */
  async give(job: WaitingJob, agent: Agent, note: PlacementNote | undefined): Promise<boolean> {
    const { ledger } = this.options;
    const fenced = isFenced(job, agent);
    const result = await ledger.apply(job.id, { type: "assigned", agentId: agent.id, fenced, note });
    if (result.outcome !== "applied") return false;
    if (this.deliver(result.job, agent)) return true;
    const message = "The agent left before it could be told.";
    const reason = { code: "AGENT_OFFLINE", message, fault: "network" } as const;
    const guard = { agentId: agent.id, epoch: result.job.epoch };
    ledger.apply(job.id, { type: "unassigned", reason }, guard).catch((error: unknown) => {
      // The job is assigned, on disk; the deadline of its acknowledgment brings it back.
      this.options.logger.error({ err: toError(error), jobId: job.id }, "an undelivered assignment stays for now");
    });
    return true;
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
