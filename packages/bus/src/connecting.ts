import { BusError } from "./bus.js";

/** The pause before try number `attempt` (0 for the first), with jitter, so that a fleet does not come back in one moment. */
export const reconnectPauseMs = (attempt: number): number => {
  const bound = Math.min(1000, 50 * 2 ** Math.min(attempt, 10));
  return Math.round(bound * (0.5 + Math.random() / 2));
};

/** What of an address may be shown. */
const shown = (url: string): string => url.replace(/\/\/[^@/]*@/g, "//…@");

/** Said when the first connection does not come about. */
export const unreachable = (server: string, setting: string, url: string, cause: unknown): BusError =>
  new BusError("UNAVAILABLE", `${server} at ${shown(url)} cannot be reached; check ${setting} and that it runs.`, {
    cause,
  });
