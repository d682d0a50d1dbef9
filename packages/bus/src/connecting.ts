import { BusError } from "./bus.js";

/** Where and as whom to connect. */
export interface Connecting {
  url: string;
  name: string;
  prefix: string;
  connectTimeoutMs: number;
}

/** The pause before try number `attempt` (0 for the first), with jitter, so that a fleet does not come back in one moment. */
export const reconnectPauseMs = (attempt: number): number => {
  const bound = Math.min(2000, 50 * 2 ** Math.min(attempt, 10));
  return Math.round(bound * (0.5 + Math.random() / 2));
};

/** @returns the address without what is secret in it. */
const shown = (url: string): string => url.replace(/\/\/[^@/]*@/g, "//");

/** What is said when the first connection does not come about. */
export const unreachable = (url: string, setting: string, cause: unknown): BusError =>
  new BusError(
    "UNAVAILABLE",
    `No connection to ${shown(url)} (${setting}): ${cause instanceof Error ? cause.message : String(cause)}. Check the address, and that the server runs.`,
    { cause },
  );
