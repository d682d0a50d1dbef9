import type { AgentPayloadInput } from "@stream-control/protocol";
import type { Clock } from "./clock.js";
import { Link, type LinkEvents } from "./link.js";
import { type ConnectionEnd, isRefusal, RECONNECT_DEFAULTS, ReconnectPolicy } from "./reconnect.js";
import type { AgentLogger, AgentOptions } from "./types.js";

/** How long `stop` waits for the orchestrator's side of the close. */
const CLOSE_TIMEOUT_MS = 2000;
/** Unsent bytes above which what may be left out is left out. */
export const MAX_BUFFERED_BYTES = 1_048_576;
/** At this many times as much, what must not be left out ends the connection: it comes again after the next hello. */
const UNSENT_FACTOR = 16;

export interface ConnectionEvents extends Omit<LinkEvents, "onEnd"> {
  /** A connection is about to be opened: nothing that was sent on an earlier one counts. */
  onOpening(): void;
  /** A connection whose hello had been taken was lost. */
  onOffline(): void;
}

/** Keeps one link to the orchestrator: opens it, and opens the next after a pause when it ends. */
export class Connection {
  private readonly policy: ReconnectPolicy;
  private readonly closed = Promise.withResolvers<void>();
  private link: Link | undefined;
  private retry: NodeJS.Timeout | undefined;
  private state: "new" | "started" | "stopped" = "new";

  constructor(
    private readonly options: AgentOptions,
    private readonly hello: () => AgentPayloadInput<"agent.hello">,
    private readonly events: ConnectionEvents,
    private readonly logger: AgentLogger,
    private readonly now: Clock,
  ) {
    this.policy = new ReconnectPolicy({ ...RECONNECT_DEFAULTS, ...options.reconnect });
  }

  get online(): boolean {
    return this.link?.online ?? false;
  }

  get bufferedBytes(): number {
    return this.link?.bufferedBytes ?? 0;
  }

  /** Sends a text; false where it could not go out. */
  send(text: string): boolean {
    return this.link?.send(text) ?? false;
  }

  /** Number of the next ping on the present link. */
  get nextPing(): number {
    return this.link?.nextPing ?? 0;
  }

  /** Sends a heartbeat now, where there is a link. */
  heartbeat(): void {
    this.link?.heartbeat();
  }

  start(): void {
    if (this.state !== "new") throw new Error("An agent client is started once; make a new one.");
    this.state = "started";
    this.open();
  }

  /** Closes the link in order and opens no other. */
  async stop(): Promise<void> {
    const wasStarted = this.state === "started";
    this.state = "stopped";
    clearTimeout(this.retry);
    const { link } = this;
    if (!wasStarted || link === undefined) return;
    const deadline = setTimeout(() => link.abort("the orchestrator did not close in time"), CLOSE_TIMEOUT_MS);
    link.close();
    await this.closed.promise.finally(() => clearTimeout(deadline));
  }

  private open(): void {
    this.events.onOpening();
    this.link = new Link(
      {
        url: this.options.url,
        agentId: this.options.agentId,
        hello: this.hello,
        helloTimeoutMs: this.options.helloTimeoutMs ?? 10_000,
        maxMessageBytes: this.options.maxMessageBytes ?? 4_194_304,
        maxUnsentBytes: UNSENT_FACTOR * Math.max(this.options.maxBufferedBytes ?? 0, MAX_BUFFERED_BYTES),
        now: this.now,
        logger: this.logger,
      },
      {
        onOnline: (timings) => this.events.onOnline(timings),
        onMessage: (message, notBefore) => this.events.onMessage(message, notBefore),
        onHeartbeat: (msgId, at) => this.events.onHeartbeat(msgId, at),
        onAnswered: (ping) => this.events.onAnswered(ping),
        onBadPayload: (problem, msgId) => this.events.onBadPayload(problem, msgId),
        onEnd: (end) => this.ended(end),
      },
    );
  }

  private ended(end: ConnectionEnd & { reason: string }): void {
    this.link = undefined;
    if (end.onlineMs !== undefined) this.events.onOffline();
    if (this.state === "stopped") {
      this.closed.resolve();
      return;
    }
    const pauseMs = this.policy.nextPauseMs(end);
    const fields = { code: end.code, reason: end.reason, pauseMs, agentId: this.options.agentId };
    if (isRefusal(end.code))
      this.logger.error(
        fields,
        "the orchestrator refused this agent: see that its token is right and no other agent uses its id",
      );
    else this.logger.warn(fields, "no connection to the orchestrator, trying again after a pause");
    this.retry = setTimeout(() => this.open(), pauseMs);
  }
}
