import { type Logger, toError } from "@stream-control/service-kit";
import { asSystem } from "@stream-control/service-kit/http";
import type { Leases } from "../agents/leases.js";
import type { AgentRegistry } from "../agents/registry.js";
import type { Scheduler } from "../scheduling/scheduler.js";
import type { JobRow } from "../store/tables.js";
import type { JobChange } from "./changes.js";
import type { ApplyResult, Committed, Ledger } from "./ledger.js";

export interface WatchdogOptions {
  ledger: Ledger;
  registry: AgentRegistry;
  scheduler: Scheduler;
  leases: Leases;
  logger: Logger;
  /** How long an assignment may wait for its acknowledgment; asked for each. */
  ackTimeoutMs: () => number;
  heartbeatIntervalMs: number;
  stopGraceMs: number;
  killAfterMs: number;
  /** How long a job may be UNKNOWN before it fails. */
  unknownTimeoutMs: number;
}

/** Until a deadline that could not be written, such as on a full disk, is carried out again. */
const RETRY_MS = 1000;

/** Heartbeats that may be missing before an agent whose socket is open counts as cut off all the same. */
const MISSED_BEATS = 2;

/**
 * Sees to it that no job stays for ever in a status that somebody else should end: an assignment that nobody
 * acknowledges goes back to the queue, a stop that nobody confirms becomes a kill and then a failure, a job whose agent
 * stays away fails.
 */
export class Watchdog {
  private readonly timers = new Map<string, NodeJS.Timeout>();
  private stopped = false;

  constructor(private readonly options: WatchdogOptions) {}

  /** Takes in the jobs that were open at the start; their time starts anew, since their agents need it to come back. */
  start(open: readonly JobRow[]): void {
    for (const job of open) this.watch(job);
    this.options.ledger.onCommit(({ job, before }: Committed) => {
      if (job.status !== before?.status) this.watch(job);
    });
  }

  stop(): void {
    this.stopped = true;
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
  }

  private watch(job: JobRow): void {
    clearTimeout(this.timers.get(job.id));
    this.timers.delete(job.id);
    const { stopGraceMs, unknownTimeoutMs } = this.options;
    const ackTimeoutMs = this.options.ackTimeoutMs();
    if (job.status === "ASSIGNED") this.after(job, ackTimeoutMs, () => this.expireAssignment(job, ackTimeoutMs));
    if (job.status === "STOPPING") this.after(job, stopGraceMs, () => this.kill(job));
    if (job.status !== "UNKNOWN") return;
    if (this.isFenced(job)) this.after(job, this.leaseLeftMs(job), () => this.loseAfterLease(job));
    else this.after(job, unknownTimeoutMs, () => this.giveUp(job));
  }

  private after(job: JobRow, ms: number, action: () => Promise<void> | void): void {
    const timer = setTimeout(() => {
      this.timers.delete(job.id);
      Promise.resolve(asSystem(action)).catch((error: unknown) => {
        this.options.logger.error({ err: toError(error), jobId: job.id }, "a deadline is carried out later");
        if (!this.stopped && !this.timers.has(job.id)) this.after(job, RETRY_MS, action);
      });
    }, ms);
    this.timers.set(job.id, timer);
  }

  private async expireAssignment(job: JobRow, waitedMs: number): Promise<void> {
    const { agent_id: agentId } = job;
    if (agentId === null) return;
    // An agent that went away may have taken the job with it, and without a lease nobody ends it there: another agent would
    // make a second stream. When it is back it says what it has; until then the job waits, as long as an UNKNOWN one does.
    if (!this.isFenced(job) && !this.isReached(job) && waitedMs < this.options.unknownTimeoutMs) {
      const nextMs = Math.min(this.options.ackTimeoutMs(), this.options.unknownTimeoutMs - waitedMs);
      this.after(job, nextMs, () => this.expireAssignment(job, waitedMs + nextMs));
      return;
    }
    const message = "The agent did not answer the assignment in time.";
    this.options.scheduler.avoid(job.id, agentId, message);
    const { outcome } = await this.takeAway(job, (heldMs) => ({
      type: "unassigned",
      reason: { code: "ASSIGNMENT_EXPIRED", message, fault: "agent" },
      heldMs,
    }));
    // It may have started after all, so that the stream could end up on two agents. An agent whose answer came in this
    // very moment keeps the job and is told nothing.
    if (outcome === "applied")
      this.session(job)?.send("orchestrator.job.stop", { jobId: job.id, reason: "ASSIGNMENT_EXPIRED" });
  }

  private kill(job: JobRow): void {
    this.session(job)?.send("orchestrator.job.kill", { jobId: job.id, reason: "STOP_TIMEOUT" });
    this.after(job, this.options.killAfterMs, () => this.giveUpStop(job));
  }

  private async giveUpStop(job: JobRow): Promise<void> {
    if (!this.isFenced(job)) {
      const message = `The agent did not confirm the end of the job within ${this.options.stopGraceMs + this.options.killAfterMs} ms; it is told again when it reports the job.`;
      await this.options.ledger.apply(job.id, {
        type: "failed",
        error: { code: "STOP_FAILED", message },
        fault: "agent",
        onlyIn: "STOPPING",
      });
      return;
    }
    // Without a renewal the lease ends the job for certain, so that it need not be given up.
    const leftMs = this.options.leases.letGo(job, job.agent_id ?? "");
    if (leftMs > 0) {
      this.after(job, leftMs, () => this.giveUpStop(job));
      return;
    }
    const message = "The agent did not confirm the end of the job, whose lease has run out.";
    const reason = { code: "LEASE_ENDED", message, fault: "agent" } as const;
    await this.takeAway(job, () => ({ type: "stopped", reason, onlyIn: "STOPPING" }));
  }

  /** A job with a lease may go to another agent, but only once nobody can be running it any more. */
  private isFenced(job: JobRow): boolean {
    return job.fenced === 1 && job.agent_id !== null;
  }

  private leaseLeftMs(job: JobRow): number {
    return this.options.leases.remainingMs(job.agent_id ?? "");
  }

  private async loseAfterLease(job: JobRow): Promise<void> {
    // The agent may have been heard meanwhile; then there is more to wait for.
    const leftMs = this.leaseLeftMs(job);
    if (leftMs > 0) {
      this.after(job, leftMs, () => this.loseAfterLease(job));
      return;
    }
    const message = "The agent went away, and the job's lease has run out.";
    await this.takeAway(job, () => ({
      type: "failed",
      error: { code: "AGENT_LOST", message },
      fault: "agent",
      onlyIn: "UNKNOWN",
    }));
  }

  /**
   * Ends an assignment without a word of its agent. Its lease is let go first, or a heartbeat that comes while this is being
   * written would prolong it.
   */
  private async takeAway(job: JobRow, changeOf: (heldMs: number) => JobChange): Promise<ApplyResult> {
    const { ledger, leases } = this.options;
    const agentId = job.agent_id ?? "";
    const heldMs = this.isFenced(job) ? leases.letGo(job, agentId) : 0;
    let taken = false;
    try {
      const result = await ledger.apply(job.id, changeOf(heldMs), { agentId, epoch: job.epoch });
      taken = result.outcome === "applied";
      return result;
    } finally {
      if (!taken) leases.keep(job.id);
    }
  }

  private async giveUp(job: JobRow): Promise<void> {
    const message = "The agent stayed away for too long; what became of the stream is not known.";
    await this.options.ledger.apply(job.id, {
      type: "failed",
      error: { code: "AGENT_OFFLINE", message },
      fault: "agent",
      onlyIn: "UNKNOWN",
    });
  }

  /** Whether the job's agent can be told to let go of it: its socket is open, and it was heard lately. */
  private isReached(job: JobRow): boolean {
    const session = this.session(job);
    return session?.open === true && session.silentMs <= MISSED_BEATS * this.options.heartbeatIntervalMs;
  }

  private session(job: JobRow) {
    return job.agent_id === null ? undefined : this.options.registry.get(job.agent_id)?.session;
  }
}
