/** What a call is for, the most urgent first. */
export const PURPOSES = ["complete", "goLive", "create", "edit", "poll"] as const;
export type Purpose = (typeof PURPOSES)[number];

/** Units of one call, by method (https://developers.google.com/youtube/v3/determine_quota_cost). */
export const UNITS = { read: 1, write: 50 } as const;

/** How much of a day's units there is, and what is spoken for. */
export interface Purse {
  limit: number;
  used: number;
  /** Broadcasts that are on air: each will have to be completed. */
  live: number;
  /** Broadcasts that are ready: each will have to go live, and then be completed. */
  ready: number;
}

/** Shares of the day that less urgent calls leave to others. */
const EDIT_LEAVES = 0.05;
const POLL_LEAVES = 0.1;

/** Units that are kept for what has been begun. */
export const reservedUnits = ({ live, ready }: Pick<Purse, "live" | "ready">): number =>
  live * UNITS.write + ready * 2 * UNITS.write;

/**
 * Whether a call may still be made today. Completing is never held back by our own count: a broadcast that stays on air by
 * itself is worse than a refusal.
 */
export function mayCall(purpose: Purpose, units: number, purse: Purse): boolean {
  const after = purse.used + units;
  switch (purpose) {
    case "complete":
      return true;
    case "goLive":
      return after + purse.live * UNITS.write <= purse.limit;
    case "create":
      return after + reservedUnits(purse) <= purse.limit;
    case "edit":
      return after + reservedUnits(purse) + purse.limit * EDIT_LEAVES <= purse.limit;
    case "poll":
      return after + reservedUnits(purse) + purse.limit * POLL_LEAVES <= purse.limit;
  }
}

/**
 * How long to wait between two polls so that they can go on until the day ends.
 *
 * @param unitsPerPoll of all calls of one poll.
 * @returns milliseconds; Infinity where nothing is left for polls today.
 */
export function pollPauseMs(
  { everyMs, unitsPerPoll, leftMs }: { everyMs: number; unitsPerPoll: number; leftMs: number },
  purse: Purse,
): number {
  const units = purse.limit * (1 - POLL_LEAVES) - purse.used - reservedUnits(purse);
  const polls = Math.floor(units / unitsPerPoll);
  return polls <= 0 ? Number.POSITIVE_INFINITY : Math.max(everyMs, Math.ceil(leftMs / polls));
}
