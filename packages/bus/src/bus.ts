import type { Lease } from "./lease.js";

/** `connected`: messages flow. `reconnecting`: they do not, and it is tried again for ever. `closed`: by us, for good. */
export type BusState = "connected" | "reconnecting" | "closed";

/**
 * `UNAVAILABLE`: the broker is away, try again. `NO_RESPONDERS`: nobody answers on this subject now. `TIMEOUT`: somebody
 * may have acted, but no answer came. `REMOTE_FAILED`: who answered failed, with its sentence. `TOO_LARGE`,
 * `INVALID_SUBJECT`: the caller's mistake. `CLOSED`: this bus is closing. `NO_LEASES`: the broker has no place for them.
 */
export type BusErrorCode =
  | "UNAVAILABLE"
  | "NO_RESPONDERS"
  | "TIMEOUT"
  | "REMOTE_FAILED"
  | "TOO_LARGE"
  | "INVALID_SUBJECT"
  | "CLOSED"
  | "NO_LEASES";

export class BusError extends Error {
  override readonly name = "BusError";

  constructor(
    readonly code: BusErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Bytes of a message as JSON. NATS takes 1 MiB unless configured otherwise; the rest is room for what we add. */
export const MAX_MESSAGE_BYTES = 1_000_000;

/** A message as it came: `data` is whatever JSON was sent, so parse it before use. */
export interface BusMessage {
  subject: string;
  data: unknown;
}

/** Why messages may have been missed: the receiver was too slow, or the broker was away. */
export type Gap = "overflow" | "reconnected";

export interface ReceiveOptions {
  /** Of all receivers with the same pattern and queue, one gets each message. Without it everyone does. */
  queue?: string;
  /** Messages that may wait for the handler; beyond it the oldest is dropped. 10,000 unless given. */
  maxPending?: number;
  /** Messages handled at a time. One unless given, which keeps the order of each sender. */
  concurrency?: number;
  /** Called when messages may have been missed. Whoever must not miss any reads the store again here. */
  onGap?: (gap: Gap) => void;
}

export interface Subscription {
  /** Messages dropped because the handler was too slow. */
  readonly dropped: number;
  /** Takes no more messages, and resolves when those that came have been handled. */
  close(): Promise<void>;
}

/**
 * Publish and subscribe between processes. A message is delivered **at most once**, in the order of its sender, to those
 * who are there: what must not be lost belongs into a store, and is only announced here.
 *
 * Subjects are tokens of `A-Z a-z 0-9 _ = -` between dots ({@link token} makes one of any text). In a pattern `*` stands for
 * one token and `>` at the end for one or more.
 */
export interface Bus {
  readonly kind: "memory" | "nats" | "redis";
  readonly state: BusState;
  /** Calls the listener at each change of the state; the returned function takes it away again. */
  onState(listener: (state: BusState) => void): () => void;

  /**
   * Hands a message to the broker. Without a broker it fails at once instead of waiting for one.
   *
   * @throws BusError `UNAVAILABLE`, `TOO_LARGE`, `INVALID_SUBJECT`, `CLOSED`.
   */
  publish(subject: string, data: unknown): Promise<void>;

  /** Resolves when every message published from then on, by anybody, will come. */
  subscribe(
    pattern: string,
    handler: (message: BusMessage) => void | Promise<void>,
    options?: ReceiveOptions,
  ): Promise<Subscription>;

  /**
   * Answers requests. What the handler returns is the answer, what it throws reaches the asker as `REMOTE_FAILED` with the
   * error's message. Of all that answer on a pattern one is asked: `queue` is `"responders"`, and `concurrency` 64, unless given.
   */
  respond(
    pattern: string,
    handler: (message: BusMessage) => unknown,
    options?: Omit<ReceiveOptions, "onGap">,
  ): Promise<Subscription>;

  /**
   * Asks, and waits for the answer (`timeoutMs`: 5,000 unless given).
   *
   * @throws BusError `NO_RESPONDERS`, `TIMEOUT`, `REMOTE_FAILED`, and as {@link publish}.
   */
  request(subject: string, data: unknown, options?: { timeoutMs?: number }): Promise<unknown>;

  /**
   * Takes a lease on a key, or says (by `undefined`) that another holds it. It is renewed by itself until it is released; a
   * holder that dies loses it within `ttlMs`. Keys are written as subjects are.
   *
   * @throws BusError `UNAVAILABLE`, `INVALID_SUBJECT`, `CLOSED`, `NO_LEASES`.
   */
  lease(key: string, options: { ttlMs: number }): Promise<Lease | undefined>;

  /** Takes nothing new, lets what came be handled (5 s at most), gives leases back, and leaves. */
  close(): Promise<void>;
}

/** What the bus tells its operator; a pino logger is one. */
export interface BusLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}
