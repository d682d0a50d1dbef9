import { type AgentPayloadInput, buildMessage, parseOrchestratorMessage } from "@stream-control/protocol";
import { WebSocket } from "ws";
import type { ConnectionEnd } from "./reconnect.js";
import type { AgentLogger, Timings } from "./types.js";

/** A message of the orchestrator that was understood. */
export type OrchestratorMessageIn = Extract<ReturnType<typeof parseOrchestratorMessage>, { ok: true }>["message"];

export interface LinkOptions {
  url: string;
  agentId: string;
  /** Asked when the socket is open, so that it says what is true then. */
  hello(): AgentPayloadInput<"agent.hello">;
  helloTimeoutMs: number;
  maxMessageBytes: number;
  logger: AgentLogger;
}

export interface LinkEvents {
  onOnline(timings: Timings): void;
  onMessage(message: OrchestratorMessageIn): void;
  onBadPayload(problem: string, msgId: string | undefined): void;
  onEnd(end: ConnectionEnd & { reason: string }): void;
}

/** RFC 6455 §7.4.1: a connection that ended without a close frame. */
const ABNORMAL_CLOSURE = 1006;

/** One connection to the orchestrator, from its opening to its end: hello, heartbeats, and the watch for silence. */
export class Link {
  private readonly socket: WebSocket;
  private readonly helloTimer: NodeJS.Timeout;
  private heartbeat: NodeJS.Timeout | undefined;
  private onlineAt: number | undefined;
  private heardAt = performance.now();
  private failure = "";

  constructor(
    private readonly options: LinkOptions,
    private readonly events: LinkEvents,
  ) {
    this.helloTimer = setTimeout(
      () => this.abort("the orchestrator did not answer the hello in time"),
      options.helloTimeoutMs,
    );
    this.socket = new WebSocket(options.url, {
      maxPayload: options.maxMessageBytes,
      handshakeTimeout: options.helloTimeoutMs,
      perMessageDeflate: false,
    });
    this.socket.on("open", () => this.write(buildMessage("agent.hello", options.hello())));
    this.socket.on("message", (data, isBinary) => this.read(isBinary ? undefined : data.toString()));
    this.socket.on("ping", () => this.heard());
    this.socket.on("pong", () => this.heard());
    this.socket.on("error", (error) => {
      this.failure ||= error.message;
    });
    this.socket.on("close", (code, reason) => this.ended(code, reason.toString()));
  }

  get online(): boolean {
    return this.onlineAt !== undefined && this.socket.readyState === WebSocket.OPEN;
  }

  /** Bytes that the kernel has not taken yet. */
  get bufferedBytes(): number {
    return this.socket.bufferedAmount;
  }

  /** Sends a text; false where the orchestrator has not taken the hello or the connection is gone. */
  send(text: string): boolean {
    if (!this.online) return false;
    this.socket.send(text);
    return true;
  }

  /** Closes in order: what was sent before is delivered first. `onEnd` follows, at the latest after ws's own deadline. */
  close(): void {
    if (this.socket.readyState === WebSocket.CONNECTING) this.abort("the agent stops");
    else this.socket.close(1001, "the agent stops");
  }

  /** Ends the connection at once. */
  abort(reason: string): void {
    this.failure ||= reason;
    this.socket.terminate();
  }

  private write(message: object): void {
    this.socket.send(JSON.stringify({ ...message, agentId: this.options.agentId }));
  }

  private heard(): void {
    this.heardAt = performance.now();
  }

  private read(text: string | undefined): void {
    this.heard();
    const { logger } = this.options;
    if (text === undefined) {
      logger.warn({}, "ignored a binary message of the orchestrator");
      return;
    }
    const parsed = parseOrchestratorMessage(text);
    if (!parsed.ok) {
      const { kind, message, type, msgId } = parsed.problem;
      logger.warn({ problem: message, type }, "ignored a message of the orchestrator");
      if (kind === "bad-payload" && type !== "orchestrator.error") this.events.onBadPayload(message, msgId);
      return;
    }
    const { message } = parsed;
    if (message.extraFields.length > 0)
      logger.debug({ type: message.type, fields: message.extraFields }, "ignored fields of a message");
    if (message.type === "orchestrator.hello.ok") this.greeted(message.payload);
    else if (this.onlineAt === undefined && message.type !== "orchestrator.error")
      logger.warn({ type: message.type }, "ignored a message that came before the hello was answered");
    else this.events.onMessage(message);
  }

  private greeted(timings: Timings): void {
    clearTimeout(this.helloTimer);
    clearInterval(this.heartbeat);
    this.heartbeat = setInterval(() => this.beat(timings.heartbeatTimeoutMs), timings.heartbeatIntervalMs);
    if (this.onlineAt !== undefined) return;
    this.onlineAt = performance.now();
    this.events.onOnline(timings);
  }

  /** A peer that is gone without a close shows only in its silence: pings ask for a sign, heartbeats give ours. */
  private beat(timeoutMs: number): void {
    if (performance.now() - this.heardAt > timeoutMs) {
      this.abort("the orchestrator was silent for longer than the heartbeat timeout");
      return;
    }
    if (this.socket.readyState !== WebSocket.OPEN) return;
    this.write(buildMessage("agent.heartbeat", {}));
    this.socket.ping();
  }

  private ended(code: number, reason: string): void {
    clearTimeout(this.helloTimer);
    clearInterval(this.heartbeat);
    const onlineMs = this.onlineAt === undefined ? undefined : performance.now() - this.onlineAt;
    const why = reason || this.failure || (code === ABNORMAL_CLOSURE ? "the connection was cut" : "");
    this.events.onEnd({ code, onlineMs, reason: why });
  }
}
