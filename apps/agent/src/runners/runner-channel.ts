import { randomUUID } from "node:crypto";
import { uptime } from "node:os";
import { CommandError, type Lease } from "@stream-control/agent-sdk";
import type { ErrorInfo } from "@stream-control/protocol";
import type { RunnerCommand } from "../runner/contract.js";
import type { ControlLink } from "./control-link.js";

export type Command = RunnerCommand extends infer C ? (C extends { id: string } ? Omit<C, "id"> : never) : never;

/** Commands kept for a runner that is not reached yet. */
const MAX_UNSENT = 100;

/** The commands of one runner and their replies, over however many connections it takes. */
export class RunnerChannel {
  private readonly replies = new Map<string, (error: ErrorInfo | undefined) => void>();
  private link: ControlLink | undefined;
  private unsent: RunnerCommand[] = [];
  private lease: Lease | undefined;
  private isOver = false;

  /** @param replyMs from a command to its reply. */
  constructor(private readonly replyMs: number) {}

  /** A connection to the runner is there: what waited goes out. */
  linked(link: ControlLink): void {
    this.link = link;
    for (const command of this.unsent.splice(0)) link.send(command);
    this.sendLease();
  }

  unlinked(): void {
    this.link = undefined;
  }

  /** @throws CommandError where the runner refuses, is gone, or does not answer in time. */
  async command(command: Command): Promise<void> {
    const id = randomUUID();
    const { promise, resolve } = Promise.withResolvers<ErrorInfo | undefined>();
    const timer = setTimeout(() => resolve(NO_REPLY), this.replyMs);
    this.replies.set(id, resolve);
    this.post({ ...command, id });
    try {
      const error = await promise;
      if (error !== undefined) throw new CommandError(error);
    } finally {
      clearTimeout(timer);
      this.replies.delete(id);
    }
  }

  /** Sends a command whose reply nobody waits for, or keeps it for the next connection. */
  send(command: Command): void {
    this.post({ ...command, id: randomUUID() });
  }

  /** How long the job may go on: told now, and whenever the runner is reached again. */
  renew(lease: Lease): void {
    this.lease = lease;
    this.sendLease();
  }

  reply(id: string, error: ErrorInfo | undefined): void {
    this.replies.get(id)?.(error);
  }

  /** The job is over: whoever waits for a reply is told so. */
  close(): void {
    this.isOver = true;
    this.unsent = [];
    for (const reply of this.replies.values()) reply(ENDED);
    this.link?.close();
  }

  private post(command: RunnerCommand): void {
    if (this.isOver) this.reply(command.id, ENDED);
    else if (this.link !== undefined) this.link.send(command);
    else {
      this.unsent.push(command);
      for (const { id } of this.unsent.splice(0, this.unsent.length - MAX_UNSENT)) this.reply(id, NO_REPLY);
    }
  }

  /** Not kept with the other commands: only what is left at the moment of sending is true. */
  private sendLease(): void {
    const leaseMs = Math.floor(this.lease?.leftMs ?? 0);
    if (leaseMs > 0 && !this.isOver)
      this.link?.send({ type: "lease.renew", id: randomUUID(), leaseMs, leaseUntilUptimeMs: untilUptimeMs(leaseMs) });
  }
}

/** The end of what is left, on the clock that runner and agent share. */
export const untilUptimeMs = (leftMs: number): number => Math.floor(uptime() * 1000 + leftMs);

const NO_REPLY: ErrorInfo = { code: "COMMAND_TIMEOUT", message: "The runner did not answer the command in time." };
const ENDED: ErrorInfo = { code: "JOB_NOT_RUNNING", message: "The job ended before the command was carried out." };
