import { randomUUID } from "node:crypto";
import { type ErrorInfo, type Redactor, redactValue } from "@stream-control/protocol";
import { AppError } from "@stream-control/service-kit";

/** What an agent answered to a command. */
export interface CommandReply {
  success: boolean;
  error?: ErrorInfo | undefined;
}

/** Commands whose callers wait for the agent's answer. Every wait ends: by the answer, or by its deadline. */
export class CommandReplies {
  private readonly waiting = new Map<string, { agentId: string; answered: PromiseWithResolvers<CommandReply> }>();

  /**
   * Sends a command and waits for its answer.
   *
   * @param agentId the agent that is asked: an answer of another does not count.
   * @param send is given the command's id; false means that the agent cannot be reached.
   * @param redact takes out of the agent's words what they must not repeat.
   * @throws AppError `AGENT_OFFLINE`, `AGENT_TIMEOUT`, or `AGENT_REFUSED` with the agent's own words.
   */
  async ask(
    agentId: string,
    send: (commandId: string) => boolean,
    deadlineMs: number,
    redact: Redactor,
  ): Promise<void> {
    const commandId = randomUUID();
    const answered = Promise.withResolvers<CommandReply>();
    const timer = setTimeout(() => {
      answered.reject(
        new AppError("AGENT_TIMEOUT", `The agent did not answer within ${deadlineMs} ms; look whether it did it.`),
      );
    }, deadlineMs);
    this.waiting.set(commandId, { agentId, answered });
    try {
      if (!send(commandId))
        throw new AppError("AGENT_OFFLINE", "The job's agent is offline; try again when it is back.");
      const { success, error: said } = await answered.promise;
      if (success) return;
      const error = said === undefined ? undefined : redactValue(said, redact);
      throw new AppError("AGENT_REFUSED", error?.message ?? "The agent refused the command.", { details: error });
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
