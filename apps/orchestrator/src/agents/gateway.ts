import { createHash, timingSafeEqual } from "node:crypto";
import {
  type AgentMessage,
  CLOSE_CODES,
  type Incoming,
  PROTOCOL_VERSION,
  parseAgentMessage,
} from "@stream-control/protocol";
import { type Logger, toError } from "@stream-control/service-kit";
import type { AuditRecorder } from "@stream-control/service-kit/audit";
import { type Caller, withCaller } from "@stream-control/service-kit/http";
import type { RawData, WebSocket } from "ws";
import type { Homecoming } from "./homecoming.js";
import type { Leases } from "./leases.js";
import { Pace } from "./pace.js";
import type { AgentRegistry } from "./registry.js";
import type { AgentReports, Report } from "./reports.js";
import { AgentSession, closeSocket, sendProblem, sendTo } from "./session.js";

export interface GatewayOptions {
  agentToken: string;
  heartbeatIntervalMs: number;
  heartbeatTimeoutMs: number;
  stopGraceMs: number;
  killAfterMs: number;
  registry: AgentRegistry;
  reports: AgentReports;
  homecoming: Homecoming;
  leases: Leases;
  audit: AuditRecorder;
  logger: Logger;
}

type Hello = Extract<Incoming<AgentMessage>, { type: "agent.hello" }>;

/** Broken messages on one socket before it is closed: a confused agent should not be able to keep us busy. */
const MAX_PROBLEMS = 100;

/** The `/agent` socket: hello first, then reports; silence for too long ends it. */
export class AgentGateway {
  private readonly sockets = new Map<WebSocket, AgentSession | undefined>();
  private readonly tokenDigest: Buffer;
  private sweep: NodeJS.Timeout | undefined;
  private stopping = false;

  constructor(private readonly options: GatewayOptions) {
    this.tokenDigest = digest(options.agentToken);
  }

  start(): void {
    const { heartbeatTimeoutMs } = this.options;
    this.sweep = setInterval(() => this.closeSilent(), Math.max(50, Math.min(1000, heartbeatTimeoutMs / 4)));
  }

  /** Tells every agent that the orchestrator goes away, and waits until their sockets are closed. */
  async stop(): Promise<void> {
    this.stopping = true;
    clearInterval(this.sweep);
    await Promise.all(
      [...this.sockets.keys()].map((socket) => {
        const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
        closeSocket(socket, CLOSE_CODES.goingAway, "the orchestrator is stopping");
        return closed;
      }),
    );
  }

  /**
   * Takes over a socket that was opened on `/agent`.
   *
   * @param stranger who it is as long as it has not said hello.
   */
  accept(socket: WebSocket, stranger: Caller = { actor: "anonymous" }): void {
    // Its connection may have been made a moment before the server stopped listening.
    if (this.stopping) {
      closeSocket(socket, CLOSE_CODES.goingAway, "the orchestrator is stopping");
      return;
    }
    this.sockets.set(socket, undefined);
    let caller = stranger;
    let problems = 0;
    const pace = new Pace(socket);
    const helloTimer = setTimeout(() => {
      closeSocket(socket, CLOSE_CODES.helloExpected, "no hello came in time");
    }, this.options.heartbeatTimeoutMs);
    socket.on("message", (data) => {
      pace.count();
      const understood = withCaller(caller, () => this.take(socket, textOf(data), stranger));
      const session = this.sockets.get(socket);
      if (session !== undefined) {
        clearTimeout(helloTimer);
        caller = session.caller;
      }
      if (!understood) problems += 1;
      if (problems === MAX_PROBLEMS) closeSocket(socket, 1008, "too many broken messages");
    });
    // An oversized frame and the like: ws closes the socket by itself with the right code.
    socket.on("error", (error) => this.options.logger.warn({ err: error }, "an agent's socket failed"));
    socket.on("close", () => {
      clearTimeout(helloTimer);
      this.closed(socket);
    });
  }

  /** @returns false for a message that was not understood. */
  private take(socket: WebSocket, text: string, stranger: Caller): boolean {
    const session = this.sockets.get(socket);
    // It was refused already; what it sent meanwhile must not get it in after all.
    if (session === undefined && socket.readyState !== socket.OPEN) return true;
    const parsed = parseAgentMessage(text);
    session?.heard();
    if (!parsed.ok) {
      const { problem } = parsed;
      // Once per type: an agent that is newer than we are may send what we do not know all the time.
      const level = session?.isNews(`${problem.kind} ${problem.type}`) === false ? "debug" : "warn";
      this.options.logger[level](
        { agentId: session?.agentId, kind: problem.kind, type: problem.type },
        "message not understood",
      );
      if (problem.kind !== "unknown-type") sendProblem(socket, problem);
      if (session === undefined) closeSocket(socket, CLOSE_CODES.helloExpected, "a valid agent.hello must come first");
      return problem.kind === "unknown-type";
    }
    const { message } = parsed;
    if (message.extraFields.length > 0)
      this.options.logger.debug(
        { agentId: session?.agentId, type: message.type, fields: message.extraFields },
        "unknown fields",
      );
    if (message.type === "agent.hello") this.hello(socket, message, stranger);
    else if (session === undefined) {
      sendTo(socket, "orchestrator.error", { code: "HELLO_EXPECTED", message: "agent.hello must come first." });
      closeSocket(socket, CLOSE_CODES.helloExpected, "agent.hello must come first");
    } else {
      this.options.homecoming.heardOf(session, message as Report);
      this.run(this.options.reports.take(session, message as Report), session);
    }
    return true;
  }

  private hello(socket: WebSocket, { payload, msgId }: Hello, stranger: Caller): void {
    const { logger } = this.options;
    const { agentId } = payload;
    if (!timingSafeEqual(digest(payload.auth.token), this.tokenDigest)) {
      logger.warn({ agentId }, "an agent was refused: wrong token");
      const message = "The agent's token was wrong.";
      void this.options.audit.record({ type: "agent.hello", subject: `agent:${agentId}`, result: "refused", message });
      closeSocket(socket, CLOSE_CODES.unauthorized, "the token is wrong");
      return;
    }
    const earlier = this.sockets.get(socket);
    if (earlier !== undefined && earlier.agentId !== agentId) {
      closeSocket(socket, CLOSE_CODES.helloExpected, "a socket speaks for one agent only");
      return;
    }
    const caller = { ...stranger, actor: `agent:${agentId}` };
    withCaller(caller, () => this.welcome(socket, payload, caller, msgId));
  }

  private welcome(socket: WebSocket, payload: Hello["payload"], caller: Caller, msgId: string | undefined): void {
    const { registry, homecoming, leases, logger } = this.options;
    const { agentId } = payload;
    const earlier = this.sockets.get(socket);
    const session = new AgentSession(agentId, payload.protocolVersion !== undefined, socket, Date.now(), caller, msgId);
    this.sockets.set(socket, session);
    const { heartbeatIntervalMs, heartbeatTimeoutMs, stopGraceMs, killAfterMs } = this.options;
    session.send("orchestrator.hello.ok", {
      heartbeatIntervalMs,
      heartbeatTimeoutMs,
      stopGraceMs,
      killAfterMs,
      protocolVersion: PROTOCOL_VERSION,
    });
    const present = registry.get(agentId)?.session;
    const twin = present?.open === true && present !== earlier;
    // What it runs is looked at before it can be given more, since both go through the ledger in this order.
    this.run(homecoming.returned(session, payload, twin), session);
    const replaced = registry.connect(payload, session, new Date());
    leases.renew(session, msgId);
    if (replaced !== undefined && replaced !== earlier)
      replaced.close(CLOSE_CODES.replaced, "another socket said hello with this agent id");
    logger.info({ agentId, version: payload.version }, "an agent connected");
  }

  private closed(socket: WebSocket): void {
    const session = this.sockets.get(socket);
    this.sockets.delete(socket);
    if (session === undefined || !this.options.registry.disconnect(session)) return;
    this.options.logger.info({ agentId: session.agentId }, "an agent disconnected");
    this.options.homecoming.left(session.agentId);
  }

  private closeSilent(): void {
    for (const [socket, session] of this.sockets)
      if (session !== undefined && session.silentMs > this.options.heartbeatTimeoutMs)
        closeSocket(socket, CLOSE_CODES.heartbeatTimeout, "no heartbeat came in time");
  }

  /** What could not be recorded is told again: an agent that comes back says everything that still matters. */
  private run(work: Promise<void>, session: AgentSession): void {
    work.catch((error: unknown) => {
      this.options.logger.error({ err: toError(error), agentId: session.agentId }, "a report could not be recorded");
      session.close(CLOSE_CODES.tryAgainLater, "the report could not be recorded");
    });
  }
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** The protocol is text; a binary frame is read as UTF-8 too, and fails as JSON where it is none. */
function textOf(data: RawData): string {
  return (Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as Buffer)).toString("utf8");
}
