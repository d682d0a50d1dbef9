import type { Writable } from "node:stream";
import type { ErrorInfo } from "@stream-control/protocol";
import { CommandMemory } from "./command-memory.js";
import { type AgentContext, errorInfo, inBackground } from "./context.js";
import { withDeadline } from "./deadline.js";
import type { OrchestratorMessageIn } from "./link.js";
import type { AgentHandlers, JobRef } from "./types.js";
import { CommandError } from "./types.js";

/** Commands that wait or are being carried out; what comes beyond is refused at once. */
const MAX_IN_FLIGHT = 256;

const ACKS = {
  "orchestrator.job.mute": "agent.job.mute",
  "orchestrator.job.unmute": "agent.job.unmute",
  "orchestrator.job.pause": "agent.job.paused",
  "orchestrator.job.unpause": "agent.job.unpaused",
} as const;

type SwitchMessage = Extract<OrchestratorMessageIn, { type: keyof typeof ACKS }>;
type LiveChangeMessage = Extract<
  OrchestratorMessageIn,
  {
    type:
      | "orchestrator.job.destination.add"
      | "orchestrator.job.destination.remove"
      | "orchestrator.job.input.switch"
      | "orchestrator.job.overlay.set"
      | "orchestrator.job.preview";
  }
>;

/** Work on a job; undefined where the agent has no handler for it. */
type Work = ((job: JobRef) => unknown) | undefined;

/** Carries commands to running jobs out, those of one job one after the other, and answers each in time. */
export class Commands {
  private readonly memory = new CommandMemory();
  /** The last command of each job that has some. */
  private readonly tails = new Map<string, Promise<unknown>>();
  private inFlight = 0;

  constructor(private readonly context: AgentContext) {}

  /** Mute, unmute, pause and unpause. */
  take({ type, payload: { jobId }, msgId }: SwitchMessage): void {
    inBackground(this.context.logger, type, async () => {
      const error = await this.carryOut(jobId, switchWork(type, this.context.handlers));
      this.context.send(ACKS[type], { jobId, ...outcome(error) }, msgId);
    });
  }

  /** Commands with an id: one that is repeated is answered as before and not carried out again. */
  takeOnce(message: LiveChangeMessage): void {
    const { jobId, commandId } = message.payload;
    const key = JSON.stringify([jobId, commandId]);
    inBackground(this.context.logger, message.type, async () => {
      let result = this.memory.find(key);
      if (result === undefined) {
        const isFull = this.inFlight >= MAX_IN_FLIGHT;
        // To watch a job changes nothing of it: a slow connection must hold no command up.
        const inTurn = message.type !== "orchestrator.job.preview";
        result = this.carryOut(jobId, liveChangeWork(message, this.context), inTurn);
        // What was refused for want of room was not carried out and may be tried again.
        if (!isFull) void this.memory.keep(key, result);
      }
      const error = await result;
      this.context.send("agent.job.command.ack", { jobId, commandId, ...outcome(error) }, message.msgId);
    });
  }

  /** Never rejects. */
  private async carryOut(jobId: string, work: Work, waits = true): Promise<ErrorInfo | undefined> {
    const { jobs, commandTimeoutMs } = this.context;
    const job = jobs.get(jobId);
    if (job === undefined) return { code: "JOB_NOT_FOUND", message: "This job is not running on this agent." };
    if (work === undefined) return { code: "NOT_SUPPORTED", message: "This agent does not know this command." };
    if (this.inFlight >= MAX_IN_FLIGHT)
      return { code: "AGENT_BUSY", message: `${MAX_IN_FLIGHT} commands are waiting on this agent.` };
    const late = new CommandError({
      code: "COMMAND_TIMEOUT",
      message: `The agent did not carry the command out within ${commandTimeoutMs} ms.`,
    });
    this.inFlight += 1;
    const before = waits ? this.tails.get(jobId) : undefined;
    let isOver = false;
    const inTurn = async () => {
      await before;
      if (!isOver) await work({ jobId, epoch: job.epoch });
    };
    const result = withDeadline(inTurn, commandTimeoutMs, late).then(
      () => undefined,
      (thrown: unknown) => errorInfo(thrown, "COMMAND_FAILED"),
    );
    if (waits) this.tails.set(jobId, result);
    const error = await result;
    isOver = true;
    this.inFlight -= 1;
    if (this.tails.get(jobId) === result) this.tails.delete(jobId);
    return error;
  }
}

const outcome = (error: ErrorInfo | undefined) => ({
  success: error === undefined,
  ...(error === undefined ? {} : { error }),
});

function switchWork(type: SwitchMessage["type"], handlers: AgentHandlers): Work {
  switch (type) {
    case "orchestrator.job.mute":
      return handlers.onMute?.bind(handlers);
    case "orchestrator.job.unmute":
      return handlers.onUnmute?.bind(handlers);
    case "orchestrator.job.pause":
      return handlers.onPause?.bind(handlers);
    case "orchestrator.job.unpause":
      return handlers.onUnpause?.bind(handlers);
  }
}

function liveChangeWork(message: LiveChangeMessage, { handlers, openPreview }: AgentContext): Work {
  switch (message.type) {
    case "orchestrator.job.destination.add": {
      const { destination } = message.payload;
      return handlers.onAddDestination && ((job) => handlers.onAddDestination?.(job, destination));
    }
    case "orchestrator.job.destination.remove": {
      const { destinationId } = message.payload;
      return handlers.onRemoveDestination && ((job) => handlers.onRemoveDestination?.(job, destinationId));
    }
    case "orchestrator.job.input.switch": {
      const { source } = message.payload;
      return handlers.onSwitchInput && ((job) => handlers.onSwitchInput?.(job, source));
    }
    case "orchestrator.job.overlay.set": {
      const { texts } = message.payload;
      return handlers.onSetOverlay && ((job) => handlers.onSetOverlay?.(job, texts));
    }
    case "orchestrator.job.preview": {
      const { ticket } = message.payload;
      const { onPreview } = handlers;
      return onPreview && ((job) => preview(onPreview.bind(handlers), job, openPreview(ticket)));
    }
  }
}

async function preview(
  handler: NonNullable<AgentHandlers["onPreview"]>,
  job: JobRef,
  opening: Promise<Writable>,
): Promise<void> {
  const output = await opening;
  try {
    await handler(job, output);
  } catch (thrown) {
    output.destroy();
    throw thrown;
  }
}
