import {
  buildMessage,
  CLOSE_CODES,
  type MessageProblem,
  type OrchestratorMessageType,
  type OrchestratorPayload,
} from "@stream-control/protocol";
import type { Caller } from "@stream-control/service-kit/http";
import type { WebSocket } from "ws";
import type { Admission } from "./admission.js";

/** Unsent bytes at which an agent counts as not reading. Its jobs go on; it reconnects and is told again. */
const MAX_BUFFERED_BYTES = 8 * 1024 * 1024;

/** Kinds of trouble that a session remembers to have told of; an agent that thinks up more of them is not worth the memory. */
const MAX_TOLD = 50;

/** The socket of one agent that has said hello. */
export class AgentSession {
  /** When it was last heard: by the wall clock, for people. */
  lastHeardMs: number;
  /** The same by the monotonic clock, which is what silence is measured with. */
  private heardMs = performance.now();
  private readonly told = new Set<string>();
  /** `msgId` of the last hello or heartbeat: what an agent may count a new lease from. */
  lastBeatId: string | undefined;

  constructor(
    readonly agentId: string,
    /** The agent knows epochs, `activeJobs` and settled replies. */
    readonly knowsEpochs: boolean,
    /** What it was let in with. */
    readonly admission: Admission,
    /** On whose behalf its reports are entered. */
    readonly caller: Caller,
    private readonly socket: WebSocket,
    helloId?: string,
  ) {
    this.lastHeardMs = Date.now();
    this.lastBeatId = helloId;
  }

  /** A message came. */
  heard(): void {
    this.lastHeardMs = Date.now();
    this.heardMs = performance.now();
  }

  /** Whether the log has not been told this of the session yet; from now on it has. */
  isNews(what: string): boolean {
    if (this.told.has(what) || this.told.size >= MAX_TOLD) return false;
    this.told.add(what);
    return true;
  }

  /** Milliseconds since the last message. */
  get silentMs(): number {
    return performance.now() - this.heardMs;
  }

  /** False from the moment at which either side began to close: what is sent then does not arrive. */
  get open(): boolean {
    return this.socket.readyState === this.socket.OPEN;
  }

  /** @returns false where the socket is no longer open, so that the message has not been sent. */
  send<T extends OrchestratorMessageType>(
    type: T,
    payload: OrchestratorPayload<T>,
    extra: { correlationId?: string } = {},
  ): boolean {
    return sendTo(this.socket, type, payload, extra);
  }

  close(code: number, reason: string): void {
    closeSocket(this.socket, code, reason);
  }
}

/** Sends a message on an agent's socket, also before its hello. */
export function sendTo<T extends OrchestratorMessageType>(
  socket: WebSocket,
  type: T,
  payload: OrchestratorPayload<T>,
  extra: { correlationId?: string } = {},
): boolean {
  if (socket.readyState !== socket.OPEN) return false;
  if (socket.bufferedAmount > MAX_BUFFERED_BYTES) {
    closeSocket(socket, CLOSE_CODES.tryAgainLater, "too slow in reading");
    return false;
  }
  socket.send(JSON.stringify(buildMessage(type, payload as never, extra)));
  return true;
}

/** Tells an agent what was wrong with its message, and which field. */
export function sendProblem(socket: WebSocket, problem: MessageProblem): void {
  const field = problem.issues[0]?.path;
  sendTo(
    socket,
    "orchestrator.error",
    {
      code: problem.kind === "bad-json" ? "INVALID_JSON" : "INVALID_MESSAGE",
      message: problem.message,
      ...(field === undefined ? {} : { field }),
      issues: problem.issues,
    },
    problem.msgId === undefined ? {} : { correlationId: problem.msgId },
  );
}

/** A peer that does not answer the close is cut off, so that no socket lingers. */
const CLOSE_TIMEOUT_MS = 2000;

/** Closes with a reason; the socket is destroyed where the peer does not answer in time. */
export function closeSocket(socket: WebSocket, code: number, reason: string): void {
  if (socket.readyState === socket.CLOSED) return;
  socket.close(code, reason);
  const timer = setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS);
  timer.unref();
  socket.once("close", () => clearTimeout(timer));
}
