import {
  type AgentMessage,
  type AgentPayload,
  type ErrorInfo,
  FAULTS,
  type Fault,
  type Incoming,
  isFinalStatus,
  maskSecrets,
  type Progress,
  redactValue,
} from "@stream-control/protocol";
import type { Logger } from "@stream-control/service-kit";
import type { JobChange } from "../jobs/changes.js";
import type { ApplyResult, Ledger } from "../jobs/ledger.js";
import type { JobNews } from "../jobs/news.js";
import type { ProgressBoard } from "../jobs/progress-board.js";
import type { SnapshotBoard } from "../jobs/snapshot-board.js";
import type { Scheduler } from "../scheduling/scheduler.js";
import type { JobSecrets } from "../secrets/job-secrets.js";
import type { CommandReplies } from "./command-replies.js";
import type { EventBudget } from "./event-budget.js";
import type { Leases } from "./leases.js";
import type { AgentRegistry } from "./registry.js";
import type { AgentSession } from "./session.js";
import { SWITCHED } from "./switched.js";

/** A message of an agent that has said hello. */
export type Report = Exclude<Incoming<AgentMessage>, { type: "agent.hello" }>;
type ReportOf<T extends Report["type"]> = Extract<Report, { type: T }>;

type End = AgentPayload<"agent.job.stopped">;

export interface ReportsDeps {
  ledger: Ledger;
  registry: AgentRegistry;
  scheduler: Scheduler;
  leases: Leases;
  replies: CommandReplies;
  budget: EventBudget;
  board: ProgressBoard;
  snapshots: SnapshotBoard;
  news: JobNews;
  secrets: JobSecrets;
  logger: Logger;
}

/**
 * Turns what agents report into changes of the ledger. A report counts only if it comes from the agent that has the
 * job, about its present assignment; the order of arrival is kept, whatever that order is.
 */
export class AgentReports {
  constructor(private readonly deps: ReportsDeps) {}

  /** Hands a report on. Everything that must keep the order reaches the ledger before this returns its promise. */
  async take(session: AgentSession, report: Report): Promise<void> {
    switch (report.type) {
      case "agent.heartbeat":
        return this.heartbeat(session, report);
      case "agent.assign.ack":
        return this.acknowledged(session, report);
      case "agent.job.update":
        return this.updated(session, report);
      case "agent.job.stopped":
        return this.ended(session, report.payload);
      case "agent.job.log":
        return this.logged(session, report);
      case "agent.error":
        return this.failed(session, report);
      case "agent.job.mute":
      case "agent.job.unmute":
      case "agent.job.paused":
      case "agent.job.unpaused":
        return this.switched(session, report);
      case "agent.job.snapshot":
        return this.pictured(session, report);
      case "agent.job.command.ack":
        return this.deps.replies.answer(session.agentId, report.payload.commandId, report.payload);
      case "agent.probe.result":
        return this.deps.replies.answer(session.agentId, report.payload.probeId, report.payload);
      case "agent.job.event":
        return this.happened(session, report);
      case "agent.reboot.ack":
        this.deps.logger.info({ agentId: session.agentId, type: report.type }, "an agent answered a command");
        return;
    }
  }

  private heartbeat(session: AgentSession, { msgId, payload }: ReportOf<"agent.heartbeat">): void {
    this.deps.leases.renew(session, msgId);
    const agent = this.deps.registry.get(session.agentId);
    if (agent !== undefined && payload.load !== undefined) {
      agent.load = payload.load;
      agent.resources.reportLoad(payload.load);
      this.deps.news.loaded(agent);
    }
    if (agent?.faulty) this.deps.registry.recover(agent);
  }

  private async acknowledged(session: AgentSession, { payload }: ReportOf<"agent.assign.ack">): Promise<void> {
    const { jobId, accepted } = payload;
    if (accepted) {
      this.disownIfStale(session, jobId, await this.apply(session, payload, { type: "accepted" }));
      return;
    }
    const error: ErrorInfo = payload.error ?? {
      code: "DECLINED",
      message: payload.reason ?? "The agent declined the job.",
    };
    // A config that one agent finds wrong is wrong for all of them: passing it on would only hide the reason.
    if (error.code === "CONFIG_INVALID") {
      await this.apply(session, payload, { type: "failed", error, fault: "config" });
      return;
    }
    if (this.held(session, payload) !== undefined) {
      const message = this.deps.secrets.redactor(jobId)(error.message);
      this.deps.scheduler.avoid(jobId, session.agentId, message);
    }
    const reason = { code: error.code, message: error.message, fault: faultOf(error) };
    await this.apply(session, payload, { type: "unassigned", reason });
  }

  private async updated(session: AgentSession, { payload }: ReportOf<"agent.job.update">): Promise<void> {
    const { jobId, status, progress } = payload;
    if (isFinalStatus(status)) {
      const ended = status === "FAILED" ? "FAILED" : "STOPPED";
      return this.ended(session, { ...payload, status: ended });
    }
    const known = this.held(session, payload)?.status;
    if (known !== undefined && progress !== undefined) this.measured(jobId, progress);
    // A measurement comes every second; only a change of the status is worth a commit.
    if (known === status) return;
    const change = UPDATES[status];
    if (change === undefined) return;
    this.disownIfStale(session, jobId, await this.apply(session, payload, { type: change }));
  }

  private measured(jobId: string, progress: Progress): void {
    this.deps.board.setProgress(jobId, redactValue(progress, this.deps.secrets.redactor(jobId)));
    this.deps.news.progressed(jobId);
  }

  private async ended(session: AgentSession, payload: End): Promise<void> {
    const { jobId, epoch } = payload;
    const result = await this.apply(session, payload, this.endOf(payload));
    if (!session.knowsEpochs) return;
    // Whatever came of it, the agent need not say it again.
    const status = result.job?.status;
    session.send("orchestrator.job.settled", {
      jobId,
      ...(epoch === undefined ? {} : { epoch }),
      status: status === "STOPPED" || status === "FAILED" || status === "CANCELED" ? status : "PENDING",
    });
  }

  private endOf({ status, error, jobId, progress: last }: End): JobChange {
    const progress = last ?? this.deps.board.progress(jobId) ?? undefined;
    if (status === "STOPPED") {
      const reason = { code: "ENDED", message: "The stream has ended.", fault: null };
      return { type: "stopped", reason, progress };
    }
    const failure = error ?? { code: "STREAMING_FAILED", message: "The agent reported a failure without a reason." };
    return { type: "failed", error: failure, fault: faultOf(failure), progress };
  }

  private logged(session: AgentSession, { payload }: ReportOf<"agent.job.log">): void {
    const { jobId, level, ts } = payload;
    if (this.held(session, payload) === undefined) return;
    const message = this.deps.secrets.redactor(jobId)(payload.message);
    this.deps.news.said(this.deps.board.addLine(jobId, { level, message, ts: ts ?? new Date().toISOString() }));
  }

  private pictured(session: AgentSession, { payload }: ReportOf<"agent.job.snapshot">): void {
    const { jobId, data, takenAt } = payload;
    if (this.held(session, payload) === undefined || !this.deps.snapshots.set(jobId, data, takenAt)) return;
    this.deps.news.pictured(jobId, takenAt);
  }

  private async failed(session: AgentSession, { payload }: ReportOf<"agent.error">): Promise<void> {
    const { code, message, jobId, detail } = payload;
    const error: ErrorInfo = { code, message, ...(detail === undefined ? {} : { detail }) };
    this.deps.logger.warn({ agentId: session.agentId, code, jobId }, "an agent reported an error");
    const agent = this.deps.registry.get(session.agentId);
    if (agent === undefined) return;
    if (jobId == null) this.deps.registry.setError(agent, maskSecrets(error));
    else if (agent.jobs.has(jobId) && this.deps.budget.take(jobId))
      await this.deps.ledger.note(jobId, {
        ...{ type: "agent.error", message, result: "failed" },
        data: { code, agentId: session.agentId },
      });
  }

  private async switched(session: AgentSession, { type, payload }: ReportOf<keyof typeof SWITCHED>): Promise<void> {
    const { jobId, success, error } = payload;
    const { patch, event, message, failed } = SWITCHED[type];
    if (success) {
      await this.deps.ledger.mergeMetadata(jobId, patch, { type: event, message }, { agentId: session.agentId });
      return;
    }
    if (this.deps.registry.get(session.agentId)?.jobs.has(jobId) === true && this.deps.budget.take(jobId))
      await this.deps.ledger.note(jobId, {
        ...{ type: failed.event, result: "failed" },
        message: error?.message ?? failed.message,
      });
  }

  private async happened(session: AgentSession, { payload }: ReportOf<"agent.job.event">): Promise<void> {
    const { jobId, epoch, type, message, data } = payload;
    // First of all whose job it is: nobody can use up the budget of a job that is not its own.
    if (this.held(session, payload) === undefined || !this.deps.budget.take(jobId)) return;
    const entry = data === undefined ? { type, message } : { type, message, data };
    await this.deps.ledger.note(jobId, entry, { agentId: session.agentId, epoch });
  }

  /** The job in the agent's slots, if that is the assignment that the report is about. */
  private held(session: AgentSession, { jobId, epoch }: { jobId: string; epoch?: number | undefined }) {
    const held = this.deps.registry.get(session.agentId)?.jobs.get(jobId);
    return epoch === undefined || held?.epoch === epoch ? held : undefined;
  }

  private apply(
    session: AgentSession,
    { jobId, epoch }: { jobId: string; epoch?: number | undefined },
    change: JobChange,
  ) {
    return this.deps.ledger.apply(jobId, change, { agentId: session.agentId, epoch });
  }

  /** An agent that runs what is no longer its own must stop it, or a stream would be pushed twice. */
  private disownIfStale(session: AgentSession, jobId: string, result: ApplyResult): void {
    const ended = result.outcome === "ignored" && isFinalStatus(result.job.status);
    // A late report of an assignment that this very agent had before: a stop would end the present one.
    const elsewhere = result.outcome === "stale" && result.job.agent_id !== session.agentId;
    if (elsewhere || result.outcome === "missing" || ended)
      session.send("orchestrator.job.stop", { jobId, reason: "NOT_YOURS", deadlineMs: 0 });
  }
}

/** What a reported status is to the lifecycle. */
const UPDATES: Partial<Record<string, "accepted" | "starting" | "running" | "stopping">> = {
  ACCEPTED: "accepted",
  STARTING: "starting",
  RUNNING: "running",
  STOPPING: "stopping",
};

/** Whose fault an error is, where it says so. */
function faultOf(error: ErrorInfo): Fault | null {
  const fault = error.detail?.fault;
  return FAULTS.find((known) => known === fault) ?? null;
}
