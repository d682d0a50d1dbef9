import {
  type AgentMessage,
  CLOSE_CODES,
  type Incoming,
  PROTOCOL_VERSION,
  parseAgentMessage,
} from "@stream-control/protocol";
import { type Logger, toError } from "@stream-control/service-kit";
import type { AuditRecorder } from "@stream-control/service-kit/audit";
import { type Caller, GuessLimiter, withCaller } from "@stream-control/service-kit/http";
import type { RawData, WebSocket } from "ws";
import type { Admission, AgentAdmission } from "./admission.js";
import type { Homecoming } from "./homecoming.js";
import type { Leases } from "./leases.js";
import { Pace } from "./pace.js";
import type { AgentRegistry } from "./registry.js";
import type { AgentReports, Report } from "./reports.js";
import { AgentSession, closeSocket, sendProblem, sendTo } from "./session.js";

export interface GatewayOptions {
  admission: AgentAdmission;
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

/** What is known of a socket before its hello. */
export interface Connection {
  /** Where it comes from, behind the proxies that are trusted. */
  address: string;
  userAgent?: string | undefined;
  /** The names in the verified client certificate of its connection; none without one. */
  certifiedNames: readonly string[];
  /** To be called once it is known who speaks. */
  settle(): void;
}

/** Broken messages on one socket before it is closed: a confused agent should not be able to keep us busy. */
const MAX_PROBLEMS = 100;

/** The `/agent` socket: hello first, then reports; silence for too long ends it. */
export class AgentGateway {
  private readonly sockets = new Map<WebSocket, AgentSession | undefined>();
  private readonly guesses = new GuessLimiter();
  private sweep: NodeJS.Timeout | undefined;
  private stopping = false;

  constructor(private readonly options: GatewayOptions) {}

  start(): void {
    const { heartbeatTimeoutMs } = this.options;
    const sweep = () => {
      this.closeSilent();
      this.closeRevoked();
    };
    this.sweep = setInterval(sweep, Math.max(50, Math.min(1000, heartbeatTimeoutMs / 4)));
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

  /** Takes over a socket that was opened on `/agent`. */
  accept(socket: WebSocket, from: Connection): void {
    // Its connection may have been made a moment before the server stopped listening.
    if (this.stopping) {
      closeSocket(socket, CLOSE_CODES.goingAway, "the orchestrator is stopping");
      return;
    }
    this.sockets.set(socket, undefined);
    let caller: Caller = { actor: "anonymous", address: from.address, userAgent: from.userAgent };
    let problems = 0;
    const pace = new Pace(socket);
    const helloTimer = setTimeout(() => {
      closeSocket(socket, CLOSE_CODES.helloExpected, "no hello came in time");
    }, this.options.heartbeatTimeoutMs);
    socket.on("message", (data) => {
      pace.count();
      const understood = withCaller(caller, () => this.take(socket, textOf(data), from));
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
  private take(socket: WebSocket, text: string, from: Connection): boolean {
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
    if (message.type === "agent.hello") this.hello(socket, message, from);
    else if (session === undefined) {
      sendTo(socket, "orchestrator.error", { code: "HELLO_EXPECTED", message: "agent.hello must come first." });
      closeSocket(socket, CLOSE_CODES.helloExpected, "agent.hello must come first");
    } else {
      this.options.homecoming.heardOf(session, message as Report);
      this.run(this.options.reports.take(session, message as Report), session);
    }
    return true;
  }

  private hello(socket: WebSocket, hello: Hello, from: Connection): void {
    const { admission, logger } = this.options;
    const { payload } = hello;
    const { agentId } = payload;
    const waitMs = this.guesses.check(from.address, agentId);
    if (waitMs > 0) {
      closeSocket(socket, CLOSE_CODES.tryAgainLater, `too many wrong tokens; wait ${Math.ceil(waitMs / 1000)} s`);
      return;
    }
    const admitted = admission.admit(payload, from.certifiedNames);
    if (!admitted.ok) {
      this.guesses.failed(from.address, agentId);
      logger.warn({ agentId, address: from.address, reason: admitted.reason }, "an agent was refused");
      const message = `The agent was refused: ${admitted.reason}.`;
      void this.options.audit.record({ type: "agent.hello", subject: `agent:${agentId}`, result: "refused", message });
      closeSocket(socket, CLOSE_CODES.unauthorized, admitted.reason);
      return;
    }
    this.guesses.succeeded(from.address, agentId);
    from.settle();
    const earlier = this.sockets.get(socket);
    if (earlier !== undefined && earlier.agentId !== agentId) {
      closeSocket(socket, CLOSE_CODES.helloExpected, "a socket speaks for one agent only");
      return;
    }
    const caller = { actor: `agent:${agentId}`, address: from.address, userAgent: from.userAgent };
    withCaller(caller, () => this.welcome(socket, hello, admitted, caller));
  }

  private welcome(socket: WebSocket, { payload, msgId }: Hello, admitted: Admission, caller: Caller): void {
    const { registry, homecoming, leases, logger } = this.options;
    const { agentId } = payload;
    const earlier = this.sockets.get(socket);
    const session = new AgentSession(agentId, payload.protocolVersion !== undefined, admitted, caller, socket, msgId);
    this.sockets.set(socket, session);
    const { heartbeatIntervalMs, heartbeatTimeoutMs, stopGraceMs, killAfterMs } = this.options;
    session.send("orchestrator.hello.ok", {
      heartbeatIntervalMs,
      heartbeatTimeoutMs,
      stopGraceMs,
      killAfterMs,
      protocolVersion: PROTOCOL_VERSION,
      features: ["snapshots"],
    });
    const present = registry.get(agentId)?.session;
    const twin = present?.open === true && present !== earlier;
    // What it runs is looked at before it can be given more, since both go through the ledger in this order.
    this.run(homecoming.returned(session, payload, twin), session);
    const replaced = registry.connect(payload, admitted.room, session, new Date());
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

  /** Ends the sockets of agents whose token was revoked, or whose grace time is over. */
  closeRevoked(): void {
    for (const [socket, session] of this.sockets)
      if (session?.open === true && !this.options.admission.stillIn(session.admission)) {
        this.options.logger.warn({ agentId: session.agentId }, "an agent's token does not count any more");
        closeSocket(socket, CLOSE_CODES.unauthorized, "the token was revoked or has expired");
      }
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

/** The protocol is text; a binary frame is read as UTF-8 too, and fails as JSON where it is none. */
function textOf(data: RawData): string {
  return (Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as Buffer)).toString("utf8");
}
