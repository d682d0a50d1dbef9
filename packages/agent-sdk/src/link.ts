import {
  type AgentLoad,
  type AgentPayloadInput,
  buildMessage,
  parseOrchestratorMessage,
} from "@stream-control/protocol";
import { WebSocket } from "ws";
import type { Clock } from "./clock.js";
import { Complaints } from "./complaints.js";
import { type Credentials, socketProblem } from "./credentials.js";
import { LONGEST_TIMER_MS } from "./deadline.js";
import type { ConnectionEnd } from "./reconnect.js";
import type { AgentLogger, Timings } from "./types.js";

/** A message of the orchestrator that was understood. */
export type OrchestratorMessageIn = Extract<ReturnType<typeof parseOrchestratorMessage>, { ok: true }>["message"];

export interface LinkOptions {
  url: string;
  agentId: string;
  credentials: Credentials;
  /** Asked when the socket is open, so that it says what is true then. */
  hello(): AgentPayloadInput<"agent.hello">;
  load?: (() => AgentLoad) | undefined;
  helloTimeoutMs: number;
  maxMessageBytes: number;
  /** Unsent bytes at which the connection is given up. */
  maxUnsentBytes: number;
  /** The clock of the leases. */
  now: Clock;
  logger: AgentLogger;
}

export interface LinkEvents {
  onOnline(timings: Timings): void;
  /** @param notBefore a moment before the orchestrator sent it, by the clock of the leases. */
  onMessage(message: OrchestratorMessageIn, notBefore: number): void;
  /** @param at before it was sent, by the clock of the leases. */
  onHeartbeat(msgId: string, at: number): void;
  /** The ping of that number was answered: whatever was sent before it has arrived. */
  onAnswered(ping: number): void;
  onBadPayload(problem: string, msgId: string | undefined): void;
  onEnd(end: ConnectionEnd & { reason: string }): void;
}

/** RFC 6455 §7.4.1: a connection that ended without a close frame. */
const ABNORMAL_CLOSURE = 1006;
/** A heartbeat interval below this is no interval. */
const SHORTEST_INTERVAL_MS = 10;

/** One connection to the orchestrator, from its opening to its end: hello, heartbeats, and the watch for silence. */
export class Link {
  private readonly socket: WebSocket;
  private readonly helloTimer: NodeJS.Timeout;
  private beats: NodeJS.Timeout | undefined;
  private onlineAt: number | undefined;
  private heardAt = performance.now();
  private failure = "";
  private readonly complaints: Complaints;
  private pings = 0;
  /** When the pings that are not answered yet were sent, by their number; the hello's is 0. */
  private readonly sentAt = new Map<number, number>();
  /** When the newest answered ping was sent: what comes now was sent by the orchestrator after that. */
  private answeredAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly options: LinkOptions,
    private readonly events: LinkEvents,
  ) {
    this.complaints = new Complaints(options.now, options.logger);
    this.helloTimer = setTimeout(
      () => this.abort("the orchestrator did not answer the hello in time"),
      options.helloTimeoutMs,
    );
    this.socket = new WebSocket(options.url, {
      maxPayload: options.maxMessageBytes,
      handshakeTimeout: options.helloTimeoutMs,
      perMessageDeflate: false,
      ...(options.credentials.secureContext === undefined ? {} : { secureContext: options.credentials.secureContext }),
    });
    this.socket.on("open", () => {
      this.sentAt.set(0, options.now());
      this.write(buildMessage("agent.hello", options.hello()));
    });
    this.socket.on("message", (data, isBinary) => this.read(isBinary ? undefined : data.toString()));
    this.socket.on("ping", () => this.heard());
    this.socket.on("pong", (data) => {
      this.heard();
      this.answered(Number(data.toString()));
    });
    this.socket.on("error", (error) => {
      this.failure ||= socketProblem(error);
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

  /** Number of the next ping: its answer says that what is sent now has arrived. */
  get nextPing(): number {
    return this.pings + 1;
  }

  /** Sends a text; false where the orchestrator has not taken the hello or the connection is gone. */
  send(text: string): boolean {
    if (!this.online) return false;
    if (this.bufferedBytes > this.options.maxUnsentBytes) {
      this.abort("the orchestrator does not read what it is sent");
      return false;
    }
    this.socket.send(text);
    return true;
  }

  /** Sends a heartbeat now, beside the regular ones. */
  heartbeat(): void {
    if (!this.online) return;
    const load = this.options.load?.();
    const message = buildMessage("agent.heartbeat", load === undefined ? {} : { load });
    const at = this.options.now();
    this.events.onHeartbeat(message.msgId, at);
    this.pings += 1;
    this.sentAt.set(this.pings, at);
    this.write(message);
    this.socket.ping(`${this.pings}`);
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
      if (this.complaints.pass()) logger.warn({}, "ignored a binary message of the orchestrator");
      return;
    }
    const parsed = parseOrchestratorMessage(text);
    if (!parsed.ok) {
      if (!this.complaints.pass()) return;
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
    else this.events.onMessage(message, this.answeredAt);
  }

  private answered(ping: number): void {
    const at = this.sentAt.get(ping);
    if (at === undefined) return;
    this.answeredAt = Math.max(this.answeredAt, at);
    for (const number of this.sentAt.keys()) if (number <= ping) this.sentAt.delete(number);
    if (ping > 0) this.events.onAnswered(ping);
  }

  private greeted(timings: Timings): void {
    clearTimeout(this.helloTimer);
    clearInterval(this.beats);
    const interval = Math.min(LONGEST_TIMER_MS, Math.max(SHORTEST_INTERVAL_MS, timings.heartbeatIntervalMs));
    this.beats = setInterval(() => this.beat(timings.heartbeatTimeoutMs), interval);
    if (this.onlineAt !== undefined) return;
    this.answered(0);
    this.onlineAt = performance.now();
    this.events.onOnline(timings);
  }

  /** A peer that is gone without a close shows only in its silence: pings ask for a sign, heartbeats give ours. */
  private beat(timeoutMs: number): void {
    if (performance.now() - this.heardAt > timeoutMs) {
      this.abort("the orchestrator was silent for longer than the heartbeat timeout");
      return;
    }
    this.heartbeat();
  }

  private ended(code: number, reason: string): void {
    clearTimeout(this.helloTimer);
    clearInterval(this.beats);
    const onlineMs = this.onlineAt === undefined ? undefined : performance.now() - this.onlineAt;
    const why = reason || this.failure || (code === ABNORMAL_CLOSURE ? "the connection was cut" : "");
    this.events.onEnd({ code, onlineMs, reason: why });
  }
}
