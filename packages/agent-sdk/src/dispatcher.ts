import type { AgentMessageType, ErrorInfo } from "@stream-control/protocol";
import { toError } from "@stream-control/service-kit";
import type { JobTable, LiveJob } from "./job-table.js";
import type { OrchestratorMessageIn } from "./link.js";
import type { AgentHandlers, AgentLogger, Assignment, Decision, JobRef, PayloadOut, StopOptions } from "./types.js";
import { accept, CommandError, decline } from "./types.js";

export interface DispatcherOptions {
  handlers: AgentHandlers;
  jobs: JobTable;
  slots: number;
  isDraining(): boolean;
  commandTimeoutMs: number;
  logger: AgentLogger;
  send<T extends AgentMessageType>(type: T, payload: PayloadOut<T>, correlationId?: string): boolean;
  /** The acknowledgement of that job is out: whatever was reported meanwhile may follow. */
  onAccepted(job: LiveJob): void;
  /** Sends the unsettled ends of a job again. */
  resendEnds(jobId: string): void;
}

const COMMANDS = {
  "orchestrator.job.mute": { ack: "agent.job.mute", handler: "onMute" },
  "orchestrator.job.unmute": { ack: "agent.job.unmute", handler: "onUnmute" },
  "orchestrator.job.pause": { ack: "agent.job.paused", handler: "onPause" },
  "orchestrator.job.unpause": { ack: "agent.job.unpaused", handler: "onUnpause" },
} as const;

/** Brings the orchestrator's messages to the agent's handlers and answers every one of them. Never throws. */
export class Dispatcher {
  constructor(private readonly options: DispatcherOptions) {}

  dispatch(message: OrchestratorMessageIn): void {
    switch (message.type) {
      case "orchestrator.assign.start":
        this.run("assignment", () => this.assign(message.payload, message.msgId));
        break;
      case "orchestrator.job.stop":
        this.stop(message.payload.jobId, false, message.payload);
        break;
      case "orchestrator.job.kill":
        this.stop(message.payload.jobId, true, { reason: message.payload.reason, deadlineMs: 0 });
        break;
      case "orchestrator.job.mute":
      case "orchestrator.job.unmute":
      case "orchestrator.job.pause":
      case "orchestrator.job.unpause": {
        const { type, payload, msgId } = message;
        this.run(type, () => this.command(type, payload.jobId, msgId));
        break;
      }
      case "orchestrator.reboot":
        this.run("reboot", () => this.reboot(message.payload.reason, message.msgId));
        break;
      case "orchestrator.job.settled":
        this.options.jobs.settle(message.payload);
        this.run("settlement", async () => this.options.handlers.onSettled?.(message.payload));
        break;
      case "orchestrator.error": {
        const { code, message: sentence, field } = message.payload;
        this.options.logger.warn({ code, problem: sentence, field }, "the orchestrator refused a message");
        break;
      }
      case "orchestrator.hello.ok":
        break;
    }
  }

  private async assign(assignment: Assignment, msgId: string | undefined): Promise<void> {
    const { jobs, logger } = this.options;
    const { jobId, epoch } = assignment;
    const known = jobs.get(jobId);
    if (known !== undefined && known.epoch === epoch) {
      logger.info({ jobId, epoch }, "assignment came again, the job is not started twice");
      this.acknowledge(assignment, await known.decision, msgId);
      return;
    }
    if (jobs.unsettled(jobId).some((ended) => ended.epoch === epoch)) {
      logger.info({ jobId, epoch }, "assignment came again after the job's end, its end is sent again");
      this.acknowledge(assignment, accept(), msgId);
      this.options.resendEnds(jobId);
      return;
    }
    const refusal = this.refusal(known);
    if (refusal !== undefined) {
      this.acknowledge(assignment, decline(refusal), msgId);
      return;
    }
    const decision = Promise.withResolvers<Decision>();
    const job: LiveJob = { jobId, epoch, accepted: false, status: "ACCEPTED", decision: decision.promise };
    // In the table before the handler runs: it may report at once.
    jobs.add(job);
    const answer = await this.decide(assignment);
    decision.resolve(answer);
    if (!answer.accepted) jobs.drop(job);
    job.accepted = answer.accepted;
    this.acknowledge(assignment, answer, msgId);
    if (!answer.accepted) return;
    this.options.onAccepted(job);
    if (job.stop !== undefined && jobs.get(jobId) === job) this.stopJob(job, job.stop.kill, job.stop.options);
  }

  private refusal(running: JobRef | undefined): ErrorInfo | undefined {
    if (running !== undefined)
      return { code: "JOB_STILL_RUNNING", message: "An earlier assignment of this job is still running here." };
    if (this.options.isDraining())
      return { code: "AGENT_DRAINING", message: "This agent is draining and takes no more jobs." };
    if (this.options.jobs.used >= this.options.slots)
      return { code: "NO_FREE_SLOT", message: `All ${this.options.slots} slots of this agent are in use.` };
    return undefined;
  }

  private async decide(assignment: Assignment): Promise<Decision> {
    try {
      return await this.options.handlers.onAssign(assignment);
    } catch (thrown) {
      this.options.logger.error({ err: toError(thrown), jobId: assignment.jobId }, "the assignment's handler failed");
      return decline(errorInfo(thrown, "ASSIGN_FAILED"));
    }
  }

  private acknowledge({ jobId, epoch }: JobRef, decision: Decision, msgId: string | undefined): void {
    const refused = decision.accepted ? {} : { reason: decision.error.message, error: decision.error };
    this.options.send("agent.assign.ack", { jobId, accepted: decision.accepted, epoch, ...refused }, msgId);
  }

  private stop(jobId: string, kill: boolean, options: StopOptions): void {
    const { jobs, send, logger } = this.options;
    const job = jobs.get(jobId);
    if (job !== undefined) {
      if (job.accepted) this.stopJob(job, kill, options);
      else job.stop = { kill, options };
      return;
    }
    logger.info({ jobId }, "a job is to be stopped that is not running here");
    if (jobs.unsettled(jobId).length > 0) this.options.resendEnds(jobId);
    else send("agent.job.stopped", { jobId, status: "STOPPED" });
  }

  private stopJob({ jobId, epoch }: JobRef, kill: boolean, { reason, deadlineMs }: StopOptions): void {
    const { handlers, send } = this.options;
    const options = { reason, deadlineMs };
    const end = async () =>
      kill && handlers.onKill !== undefined
        ? handlers.onKill({ jobId, epoch }, options)
        : handlers.onStop({ jobId, epoch }, options);
    this.run("stop", end, (thrown) => {
      send("agent.error", { ...errorInfo(thrown, "STOP_FAILED"), jobId });
    });
  }

  private async command(type: keyof typeof COMMANDS, jobId: string, msgId: string | undefined): Promise<void> {
    const { ack, handler } = COMMANDS[type];
    const error = await this.commandError(handler, jobId);
    this.options.send(ack, { jobId, success: error === undefined, ...(error === undefined ? {} : { error }) }, msgId);
  }

  private async commandError(
    name: "onMute" | "onUnmute" | "onPause" | "onUnpause",
    jobId: string,
  ): Promise<ErrorInfo | undefined> {
    const { handlers, jobs, commandTimeoutMs } = this.options;
    const job = jobs.get(jobId);
    if (job === undefined) return { code: "JOB_NOT_FOUND", message: "This job is not running on this agent." };
    const handler = handlers[name]?.bind(handlers);
    if (handler === undefined) return { code: "NOT_SUPPORTED", message: "This agent does not know this command." };
    const late = new CommandError({
      code: "COMMAND_TIMEOUT",
      message: `The agent did not carry the command out within ${commandTimeoutMs} ms.`,
    });
    try {
      await withDeadline(async () => handler({ jobId, epoch: job.epoch }), commandTimeoutMs, late);
      return undefined;
    } catch (thrown) {
      return errorInfo(thrown, "COMMAND_FAILED");
    }
  }

  private async reboot(reason: string | undefined, msgId: string | undefined): Promise<void> {
    const { handlers, send } = this.options;
    // The answer goes out first: after the reboot there is nobody to give it.
    send("agent.reboot.ack", { accepted: handlers.onReboot !== undefined }, msgId);
    await handlers.onReboot?.(reason);
  }

  private run(what: string, work: () => Promise<void>, onError?: (thrown: unknown) => void): void {
    work().catch((thrown: unknown) => {
      this.options.logger.error({ err: toError(thrown), what }, "a handler failed");
      onError?.(thrown);
    });
  }
}

function errorInfo(thrown: unknown, code: string): ErrorInfo {
  return thrown instanceof CommandError ? thrown.info : { code, message: toError(thrown).message.slice(0, 4096) };
}

async function withDeadline<T>(work: () => Promise<T>, ms: number, late: Error): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(late), ms);
  try {
    return await Promise.race([work(), promise]);
  } finally {
    clearTimeout(timer);
  }
}
