import type { Writable } from "node:stream";
import type { AgentMessageType, ErrorInfo } from "@stream-control/protocol";
import { toError } from "@stream-control/service-kit";
import type { JobTable, LiveJob } from "./job-table.js";
import type { LeaseBook } from "./leases.js";
import type { AgentHandlers, AgentLogger, JobRef, PayloadOut } from "./types.js";
import { CommandError } from "./types.js";

/** What the parts that answer the orchestrator share. */
export interface AgentContext {
  handlers: AgentHandlers;
  jobs: JobTable;
  leases: LeaseBook;
  slots: number;
  isDraining(): boolean;
  assignTimeoutMs: number;
  commandTimeoutMs: number;
  logger: AgentLogger;
  /** Opens the socket of a preview with its ticket. */
  openPreview(ticket: string): Promise<Writable>;
  send<T extends AgentMessageType>(type: T, payload: PayloadOut<T>, correlationId?: string): boolean;
  /** The acknowledgement of that job is out: whatever was reported meanwhile may follow. */
  onAccepted(job: LiveJob): void;
  /** That job was declined: nothing of it is kept. */
  forget(job: LiveJob): void;
  /** The end of a job is known: nothing of it is kept. */
  settle(job: JobRef): void;
  /** Sends the unsettled ends of a job again. */
  resendEnds(jobId: string): void;
}

/** The error of something that was thrown, as it may be told to the orchestrator. */
export function errorInfo(thrown: unknown, code: string): ErrorInfo {
  return thrown instanceof CommandError ? thrown.info : { code, message: toError(thrown).message.slice(0, 4096) };
}

/** Runs what nobody waits for; a failure is logged. */
export function inBackground(
  logger: AgentLogger,
  what: string,
  work: () => Promise<void>,
  onError?: (thrown: unknown) => void,
): void {
  work().catch((thrown: unknown) => {
    logger.error({ err: toError(thrown), what }, "a handler failed");
    onError?.(thrown);
  });
}
