import { CLOSE_CODES } from "@stream-control/protocol";
import { backoffMs } from "@stream-control/service-kit";
import type { ReconnectOptions } from "./types.js";

export const RECONNECT_DEFAULTS: ReconnectOptions = {
  spreadMs: 4000,
  baseMs: 1000,
  maxMs: 4000,
  refusedMs: 60_000,
  recheckMs: 2000,
  stableMs: 10_000,
  random: Math.random,
};

/** How a connection, or a try to get one, ended. */
export interface ConnectionEnd {
  /** WebSocket close code. */
  code: number;
  /** How long the orchestrator's hello had been there, in milliseconds; undefined where it never came. */
  onlineMs: number | undefined;
}

/** Refusals that repeat until a person changes something. */
export const isRefusal = (code: number): boolean => code === CLOSE_CODES.unauthorized || code === CLOSE_CODES.replaced;

/**
 * The pauses between connections of one agent. Every pause is jittered, the first after a loss most of all: a fleet
 * loses its orchestrator in one moment and must not come back in one.
 */
export class ReconnectPolicy {
  private failures = 0;

  constructor(private readonly options: ReconnectOptions) {}

  /** Milliseconds to wait after that end. */
  nextPauseMs({ code, onlineMs }: ConnectionEnd): number {
    const { spreadMs, baseMs, maxMs, refusedMs, stableMs, random } = this.options;
    if (isRefusal(code)) return backoffMs(1, { baseMs: refusedMs, maxMs: refusedMs, random });
    if (onlineMs !== undefined && onlineMs >= stableMs) this.failures = 0;
    this.failures += 1;
    if (onlineMs !== undefined && this.failures === 1) return Math.round(spreadMs * random());
    return backoffMs(this.failures, { baseMs, maxMs, random });
  }
}
