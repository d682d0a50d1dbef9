/** What arrived on a subject. */
export interface BusMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  /** Answers a request; does nothing where nobody waits for an answer. */
  respond(data: Uint8Array): void;
}

export type BusHandler = (message: BusMessage) => void;

export interface BusSubscription {
  /** Nothing arrives any more once it returns. */
  unsubscribe(): void;
}

export interface SubscribeOptions {
  /** Of all that subscribe under one queue name, one gets each message. */
  queue?: string;
}

/** `reconnecting`: what is published now is lost, requests fail at once; it tries for ever. */
export type BusState = "connected" | "reconnecting" | "closed";

/**
 * Messages between services by subject, at most once: what nobody listens to, or cannot be sent now, is gone. What must not be
 * lost belongs into a store.
 *
 * A subject is words joined by dots. In a subscription `*` stands for one word and `>` at the end for one or more, as in NATS.
 * Messages of one publisher on one subject arrive in the order in which they were published.
 */
export interface Bus {
  readonly state: BusState;
  /** Hears of every change of `state`. */
  onState(listener: (state: BusState) => void): void;
  publish(subject: string, data: Uint8Array): void;
  /** Resolves once everything that is published from now on arrives. */
  subscribe(subject: string, handler: BusHandler, options?: SubscribeOptions): Promise<BusSubscription>;
  /**
   * Asks whoever listens on a subject; the first answer counts.
   *
   * @throws BusError `NO_RESPONDERS` at once where nobody listens, `TIMEOUT`, `UNAVAILABLE` while there is no connection.
   */
  request(subject: string, data: Uint8Array, options: { timeoutMs: number }): Promise<Uint8Array>;
  /** Sends what is on its way, then closes. */
  close(): Promise<void>;
}

export type BusErrorCode = "NO_RESPONDERS" | "TIMEOUT" | "UNAVAILABLE";

/** A request that got no answer. */
export class BusError extends Error {
  override readonly name = "BusError";

  constructor(
    readonly code: BusErrorCode,
    message: string,
    options: { cause?: unknown } = {},
  ) {
    super(message, options);
  }
}
