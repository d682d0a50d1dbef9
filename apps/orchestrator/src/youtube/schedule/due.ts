import type { Broadcast } from "../broadcasts/broadcast.js";

export interface DueOptions {
  /** So long before its start an agent is kept free. */
  reserveMs: number;
  /** A start that was missed by more than this is not made up for. */
  lateMs: number;
}

/** What a broadcast's times ask for now, and when to look again. */
export type Due =
  | { do: "start" | "reserve" | "release" | "stop" | "miss" }
  /** At this moment, by the wall clock in milliseconds; undefined where it has no times to come. */
  | { do: "wait"; untilMs: number | undefined };

type Timed = Pick<Broadcast, "state" | "jobId" | "autoStart" | "scheduledStart" | "autoStopAt" | "options">;

/**
 * Pure. A broadcast that is to start by itself has an agent kept free for a while before, and starts at its time; missed by a
 * little, as through a restart, it starts late; by a lot, it does not. One that is to stop by itself stops its job.
 */
export function dueNow(broadcast: Timed, { nowMs, reserveMs, lateMs }: DueOptions & { nowMs: number }): Due {
  const { state, jobId, autoStart, autoStopAt, options } = broadcast;
  const isReserved = options.reservedAgentId !== undefined;
  if (state === "ended") return isReserved ? { do: "release" } : { do: "wait", untilMs: undefined };
  if (jobId !== null) {
    if (isReserved) return { do: "release" };
    if (autoStopAt === null) return { do: "wait", untilMs: undefined };
    const stopMs = Date.parse(autoStopAt);
    return nowMs >= stopMs ? { do: "stop" } : { do: "wait", untilMs: stopMs };
  }
  if (!autoStart || options.discard === true)
    return isReserved ? { do: "release" } : { do: "wait", untilMs: undefined };
  const startMs = Date.parse(broadcast.scheduledStart);
  if (nowMs >= startMs) return { do: nowMs - startMs > lateMs ? "miss" : "start" };
  if (isReserved) return { do: "wait", untilMs: startMs };
  const reserveAtMs = startMs - reserveMs;
  return nowMs >= reserveAtMs ? { do: "reserve" } : { do: "wait", untilMs: reserveAtMs };
}
