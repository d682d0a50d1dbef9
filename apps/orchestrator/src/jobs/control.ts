import { isActiveStatus, isFinalStatus, type Reason, type StreamMetadata } from "@stream-control/protocol";
import { AppError } from "@stream-control/service-kit";
import type { AuditRecorder } from "@stream-control/service-kit/audit";
import type { AgentRegistry } from "../agents/registry.js";
import type { JobRow } from "../store/tables.js";
import type { JobReader } from "./job-reader.js";
import { fromJson } from "./job-record.js";
import type { Ledger } from "./ledger.js";

/** Commands that an agent confirms by a message of its own, and that are then seen in the stream's metadata. */
export const SWITCH_COMMANDS = ["mute", "unmute", "pause", "unpause"] as const;
export type SwitchCommand = (typeof SWITCH_COMMANDS)[number];

const STOP_REQUESTED: Reason = { code: "STOP_REQUESTED", message: "A stop was requested.", fault: null };

/** What an operator does to a job. */
export class JobControl {
  constructor(
    private readonly deps: {
      ledger: Ledger;
      reader: JobReader;
      registry: AgentRegistry;
      audit: AuditRecorder;
      stopGraceMs: number;
    },
  ) {}

  /**
   * Asks a job to stop. A job without an agent is canceled at once; a job that has ended stays as it is; asking again
   * sends the stop again. The {@link Watchdog} sees to it that the job ends.
   *
   * @throws AppError `JOB_NOT_FOUND`.
   */
  async stop(jobId: string, reason: Reason = STOP_REQUESTED): Promise<JobRow> {
    const { job } = await this.deps.ledger.apply(jobId, { type: "stopRequested", reason });
    if (job === undefined) throw jobNotFound(jobId);
    if (job.status === "STOPPING") this.sendStop(job);
    return job;
  }

  /**
   * Takes a finished job off the board; doing so again changes nothing. It stays in every list and keeps its log.
   *
   * @throws AppError `JOB_NOT_FOUND`, `JOB_NOT_ENDED`.
   */
  async dismiss(jobId: string): Promise<JobRow> {
    const { job } = await this.deps.ledger.dismiss(jobId);
    if (job === undefined) throw jobNotFound(jobId);
    if (isFinalStatus(job.status)) return job;
    throw new AppError(
      "JOB_NOT_ENDED",
      `The job is ${job.status}; only one that has ended can be dismissed. Stop it first, and wait for its end.`,
    );
  }

  /** Ends a job on its agent, to go on at another. @returns false where there is nothing to move (any more). */
  async move(jobId: string, message: string): Promise<boolean> {
    const reason = { code: "MOVE_REQUESTED", message, fault: null };
    const { job, outcome } = await this.deps.ledger.apply(jobId, { type: "moveRequested", reason });
    if (outcome === "applied") this.sendStop(job);
    return outcome === "applied";
  }

  /** Tells the agent of a stopping job. An agent that is away is told when it comes back. */
  sendStop(job: JobRow): void {
    if (job.agent_id === null) return;
    this.deps.registry.get(job.agent_id)?.session?.send("orchestrator.job.stop", {
      jobId: job.id,
      reason: job.moving === 1 ? "MOVE_REQUESTED" : "STOP_REQUESTED",
      deadlineMs: this.deps.stopGraceMs,
    });
  }

  /**
   * Asks the agent to mute, unmute, pause or unpause. What the stream's metadata says changes once the agent confirms it.
   *
   * @throws AppError `JOB_NOT_FOUND`; `JOB_ENDED`, `JOB_NOT_RUNNING`; `AGENT_OFFLINE`.
   */
  async switch(jobId: string, command: SwitchCommand): Promise<JobRow> {
    const job = await this.deps.reader.byId(jobId);
    if (job === undefined) throw jobNotFound(jobId);
    if (isFinalStatus(job.status))
      throw new AppError("JOB_ENDED", `The job has ended; there is nothing to ${command}.`);
    if (job.agent_id === null || !isActiveStatus(job.status))
      throw new AppError("JOB_NOT_RUNNING", `The job has no agent yet; ${command} it when it runs.`);
    const session = this.deps.registry.get(job.agent_id)?.session;
    if (session?.send(`orchestrator.job.${command}`, { jobId })) {
      // The job's own event is the agent's, once it has done it; who wanted it is told here.
      await this.deps.audit.record({
        type: `job.${command}_requested`,
        subject: `job:${jobId}`,
        message: "It was asked for.",
      });
      return job;
    }
    throw new AppError("AGENT_OFFLINE", `The agent "${job.agent_id}" is offline; ${command} again when it is back.`);
  }

  /** Mutes and pauses a stream that runs anew as it was muted and paused before: what viewers must not hear stays unheard. */
  switchAgain(job: JobRow): void {
    const { isMuted, isPaused } = fromJson<StreamMetadata>(job.stream_metadata) ?? {};
    const session = job.agent_id === null ? undefined : this.deps.registry.get(job.agent_id)?.session;
    if (isMuted === true) session?.send("orchestrator.job.mute", { jobId: job.id });
    if (isPaused === true) session?.send("orchestrator.job.pause", { jobId: job.id });
  }
}

export const jobNotFound = (id: string): AppError => new AppError("JOB_NOT_FOUND", `There is no job "${id}".`);
