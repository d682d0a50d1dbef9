import { randomUUID } from "node:crypto";
import { type ErrorInfo, type ProbedSource, type Redactor, redactValue } from "@stream-control/protocol";
import { AppError, type ErrorCode } from "@stream-control/service-kit";

/** What an agent answered to a command or a question. */
export interface CommandReply {
  success: boolean;
  error?: ErrorInfo | undefined;
  /** What it saw in a source. */
  probe?: ProbedSource | undefined;
}

/** Something that an agent is asked. */
export interface Question {
  /** Is given the question's id; false means that the agent cannot be reached. */
  send: (commandId: string) => boolean;
  deadlineMs: number;
  /** Takes out of the agent's words what they must not repeat. */
  redact: Redactor;
  /** The code of a refusal by the agent, for what it said; `AGENT_REFUSED` unless given. */
  refusedAs?: (error: ErrorInfo | undefined) => ErrorCode;
  /** What to do when no answer came. */
  late?: string;
}

/** Commands whose callers wait for the agent's answer. Every wait ends: by the answer, or by its deadline. */
export class CommandReplies {
  private readonly waiting = new Map<string, { agentId: string; answered: PromiseWithResolvers<CommandReply> }>();

  /**
   * Sends a command or a question and waits for its answer.
   *
   * @param agentId the agent that is asked: an answer of another does not count.
   * @returns what it answered, where it did what was asked.
   * @throws AppError `AGENT_OFFLINE`, `AGENT_TIMEOUT`, or `AGENT_REFUSED` with the agent's own words.
   */
  async ask(
    agentId: string,
    { send, deadlineMs, redact, refusedAs, late = "look whether it did it" }: Question,
  ): Promise<CommandReply> {
    const commandId = randomUUID();
    const answered = Promise.withResolvers<CommandReply>();
    const timer = setTimeout(() => {
      answered.reject(new AppError("AGENT_TIMEOUT", `The agent did not answer within ${deadlineMs} ms; ${late}.`));
    }, deadlineMs);
    this.waiting.set(commandId, { agentId, answered });
    try {
      if (!send(commandId))
        throw new AppError("AGENT_OFFLINE", `The agent "${agentId}" is offline; try again when it is back.`);
      const reply = redactValue(await answered.promise, redact);
      if (reply.success) return reply;
      const { error } = reply;
      throw new AppError(
        refusedAs?.(error) ?? "AGENT_REFUSED",
        error?.message ?? "The agent refused it and did not say why.",
        { details: error },
      );
    } finally {
      clearTimeout(timer);
      this.waiting.delete(commandId);
    }
  }

  /** An agent's answer; one that nobody waits for is dropped, and so is one to what another agent was asked. */
  answer(agentId: string, commandId: string, reply: CommandReply): void {
    const waiting = this.waiting.get(commandId);
    if (waiting?.agentId === agentId) waiting.answered.resolve(reply);
  }

  /** Ends every wait, since no answer can come any more. */
  stop(): void {
    const error = new AppError("SHUTTING_DOWN", "The orchestrator is stopping; look whether the agent did it.");
    for (const { answered } of this.waiting.values()) answered.reject(error);
  }
}
