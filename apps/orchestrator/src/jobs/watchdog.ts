import { type Logger, toError } from "@stream-control/service-kit";
import type { AgentRegistry } from "../agents/registry.js";
import type { Scheduler } from "../scheduling/scheduler.js";
import type { JobRow } from "../store/tables.js";
import type { Committed, Ledger } from "./ledger.js";

export interface WatchdogOptions {
  ledger: Ledger;
  registry: AgentRegistry;
  scheduler: Scheduler;
  logger: Logger;
  ackTimeoutMs: number;
  stopGraceMs: number;
  killAfterMs: number;
  /** How long a job may be UNKNOWN before it fails. */
  unknownTimeoutMs: number;
}

/**
 * Sees to it that no job stays for ever in a status that somebody else should end: an assignment that nobody
 * acknowledges goes back to the queue, a stop that nobody confirms becomes a kill and then a failure, a job whose agent
 * stays away fails.
 */
export class Watchdog {
  private readonly timers = new Map<string, NodeJS.Timeout>();

  constructor(private readonly options: WatchdogOptions) {}

  /** Takes in the jobs that were open at the start; their time starts anew, since their agents need it to come back. */
  start(open: readonly JobRow[]): void {
    for (const job of open) this.watch(job);
    this.options.ledger.onCommit(({ job, before }: Committed) => {
      if (job.status !== before?.status) this.watch(job);
    });
  }

  stop(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
  }

  private watch(job: JobRow): void {
    clearTimeout(this.timers.get(job.id));
    this.timers.delete(job.id);
    const { ackTimeoutMs, stopGraceMs, unknownTimeoutMs } = this.options;
    if (job.status === "ASSIGNED") this.after(job, ackTimeoutMs, () => this.expireAssignment(job));
    if (job.status === "STOPPING") this.after(job, stopGraceMs, () => this.kill(job));
    if (job.status === "UNKNOWN") this.after(job, unknownTimeoutMs, () => this.giveUp(job));
  }

  private after(job: JobRow, ms: number, action: () => Promise<void> | void): void {
    const timer = setTimeout(() => {
      this.timers.delete(job.id);
      Promise.resolve(action()).catch((error: unknown) => {
        this.options.logger.error({ err: toError(error), jobId: job.id }, "a deadline could not be carried out");
      });
    }, ms);
    this.timers.set(job.id, timer);
  }

  private async expireAssignment(job: JobRow): Promise<void> {
    const { agent_id: agentId } = job;
    if (agentId === null) return;
    const message = "The agent did not answer the assignment in time.";
    this.options.scheduler.avoid(job.id, agentId, message);
    const { outcome } = await this.options.ledger.apply(
      job.id,
      { type: "unassigned", reason: { code: "ASSIGNMENT_EXPIRED", message, fault: "agent" } },
      { agentId, epoch: job.epoch },
    );
    // It may have started after all, so that the stream could end up on two agents. An agent whose answer came in this
    // very moment keeps the job and is told nothing.
    if (outcome === "applied")
      this.session(job)?.send("orchestrator.job.stop", { jobId: job.id, reason: "ASSIGNMENT_EXPIRED" });
  }

  private kill(job: JobRow): void {
    this.session(job)?.send("orchestrator.job.kill", { jobId: job.id, reason: "STOP_TIMEOUT" });
    this.after(job, this.options.killAfterMs, async () => {
      const message = `The agent did not confirm the end of the job within ${this.options.stopGraceMs + this.options.killAfterMs} ms; it is told again when it reports the job.`;
      await this.options.ledger.apply(job.id, {
        type: "failed",
        error: { code: "STOP_FAILED", message },
        fault: "agent",
        onlyIn: "STOPPING",
      });
    });
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

  private session(job: JobRow) {
    return job.agent_id === null ? undefined : this.options.registry.get(job.agent_id)?.session;
  }
}
