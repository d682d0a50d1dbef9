import { type AgentPayloadInput, CLOSE_CODES } from "@stream-control/protocol";
import { toError } from "@stream-control/service-kit";
import type { Clock } from "./clock.js";
import { type Credentials, credentialsOf } from "./credentials.js";
import { Link, type LinkEvents } from "./link.js";
import { type ConnectionEnd, isRefusal, RECONNECT_DEFAULTS, ReconnectPolicy } from "./reconnect.js";
import type { AgentLogger, AgentOptions, ReconnectOptions } from "./types.js";

/** How long `stop` waits for the orchestrator's side of the close. */
const CLOSE_TIMEOUT_MS = 2000;
/** Unsent bytes above which what may be left out is left out. */
export const MAX_BUFFERED_BYTES = 1_048_576;
/** At this many times as much, what must not be left out ends the connection: it comes again after the next hello. */
const UNSENT_FACTOR = 16;
/** Reserved by RFC 6455 §7.4.1 for connections that ended without a close frame, as one that was never opened. */
const NOT_OPENED = 1006;

export interface ConnectionEvents extends Omit<LinkEvents, "onEnd"> {
  /** A connection is about to be opened: nothing that was sent on an earlier one counts. */
  onOpening(): void;
  /** A connection whose hello had been taken was lost. */
  onOffline(): void;
}

/** Keeps one link to the orchestrator: opens it, and opens the next after a pause when it ends. */
export class Connection {
  private readonly policy: ReconnectPolicy;
  private readonly reconnect: ReconnectOptions;
  private readonly closed = Promise.withResolvers<void>();
  private link: Link | undefined;
  private retry: NodeJS.Timeout | undefined;
  private state: "new" | "started" | "stopped" = "new";

  constructor(
    private readonly options: AgentOptions,
    private readonly hello: (credentials: Credentials) => AgentPayloadInput<"agent.hello">,
    private readonly events: ConnectionEvents,
    private readonly logger: AgentLogger,
    private readonly now: Clock,
  ) {
    this.reconnect = { ...RECONNECT_DEFAULTS, ...options.reconnect };
    this.policy = new ReconnectPolicy(this.reconnect);
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
    void this.open();
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

  /** Never rejects. */
  private async open(): Promise<void> {
    const credentials = await credentialsOf(this.options).catch((thrown: unknown) => toError(thrown));
    if (this.state === "stopped") return;
    this.events.onOpening();
    if (credentials instanceof Error)
      this.ended({ code: NOT_OPENED, onlineMs: undefined, reason: credentials.message });
    else this.link = this.linkWith(credentials);
  }

  private linkWith(credentials: Credentials): Link {
    const { url, agentId, helloTimeoutMs = 10_000, maxMessageBytes = 4_194_304, maxBufferedBytes = 0 } = this.options;
    return new Link(
      {
        ...{ url, agentId, credentials, helloTimeoutMs, maxMessageBytes },
        hello: () => this.hello(credentials),
        load: this.options.load,
        maxUnsentBytes: UNSENT_FACTOR * Math.max(maxBufferedBytes, MAX_BUFFERED_BYTES),
        now: this.now,
        logger: this.logger,
      },
      {
        onOnline: (timings) => this.events.onOnline(timings),
        onMessage: (message, notBefore) => this.events.onMessage(message, notBefore),
        onHeartbeat: (msgId, at) => this.events.onHeartbeat(msgId, at),
        onAnswered: (ping) => this.events.onAnswered(ping),
        onBadPayload: (problem, msgId) => this.events.onBadPayload(problem, msgId),
        onEnd: (end) => this.ended(end, credentials),
      },
    );
  }

  private ended(end: ConnectionEnd & { reason: string }, shown?: Credentials): void {
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
    if (end.code === CLOSE_CODES.unauthorized && shown !== undefined) void this.awaitOthers(shown, pauseMs);
    else this.retryAfter(pauseMs);
  }

  private retryAfter(pauseMs: number): void {
    this.retry = setTimeout(() => void this.open(), pauseMs);
  }

  /** After a refusal: the pause ends early once there are other credentials than the refused ones. */
  private async awaitOthers(refused: Credentials, leftMs: number): Promise<void> {
    const present = await credentialsOf(this.options).catch(() => refused);
    if (this.state === "stopped") return;
    const { recheckMs, baseMs, random } = this.reconnect;
    // A whole fleet may have been given a new token in one moment.
    if (present.fingerprint !== refused.fingerprint) this.retryAfter(Math.round(baseMs * random()));
    else if (leftMs <= recheckMs) this.retryAfter(leftMs);
    else this.retry = setTimeout(() => void this.awaitOthers(refused, leftMs - recheckMs), recheckMs);
  }
}
