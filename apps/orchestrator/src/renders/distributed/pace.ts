/** One try of a part, as far as it is known. */
export interface TryView {
  /** When its agent began; undefined while it waits for one. */
  startedAtMs?: number | undefined;
  /** How much of its frames it has, from 0 to 1. */
  done: number;
  /** When it had a new frame last; undefined before it renders. */
  movedAtMs?: number | undefined;
}

/** One part of a render, as far as it is known. */
export interface PartView {
  /** Its part of the work of the whole; undefined where it can't be compared with others. */
  share?: number | undefined;
  /** How long the try took that it was done by; undefined while it is not. */
  tookMs?: number | undefined;
  /** Tries so far, those that failed included. */
  tries: number;
  /** Those that are under way. */
  live: readonly TryView[];
  /** Milliseconds within which a try has to be done once it was begun. */
  deadlineMs: number;
}

/** Why a part is begun a second time. */
export type Reason = "stalled" | "late" | "slow";

/** A part that should be begun a second time. */
export interface Due {
  part: number;
  reason: Reason;
  /** Only where there is an agent that has nothing to do. */
  ifIdle: boolean;
}

/** No new frame for so long: its machine hangs, or is gone. */
const STALLED_MS = 20_000;
/** What a second try takes before it renders: a process, the sources. */
const START_MS = 3000;
/** Slower than its siblings by this is no chance any more. */
const SLOW_FACTOR = 1.5;
/** Before so much is done, nothing can be told from it. */
const TELLING = 0.05;
/** Tries of a part at the same time, and in all. */
const MOST_AT_ONCE = 2;
export const MOST_TRIES = 4;

/**
 * Which parts should be begun a second time, the one that is furthest behind first. A part is compared with how quickly its
 * siblings were done: only where a new try would be done before the old one is it worth an agent. Pure.
 */
export function secondTries(parts: readonly PartView[], nowMs: number): Due[] {
  const pace = medianPace(parts);
  const due = parts.flatMap((part, index) => {
    const [only] = part.live;
    const mayBegin = part.tookMs === undefined && part.live.length < MOST_AT_ONCE && part.tries < MOST_TRIES;
    if (only === undefined || only.startedAtMs === undefined || !mayBegin) return [];
    const leftMs = remainingMs(only, only.startedAtMs, nowMs);
    const reason = reasonFor(part, only, only.startedAtMs, leftMs, pace, nowMs);
    return reason === undefined ? [] : [{ part: index, reason, ifIdle: reason !== "late", leftMs }];
  });
  return due.sort((a, b) => b.leftMs - a.leftMs).map(({ leftMs: _, ...rest }) => rest);
}

function reasonFor(
  { share, deadlineMs }: PartView,
  { done, movedAtMs }: TryView,
  startedAtMs: number,
  leftMs: number,
  pace: number | undefined,
  nowMs: number,
): Reason | undefined {
  if (nowMs - startedAtMs > deadlineMs) return "late";
  if (movedAtMs !== undefined && nowMs - movedAtMs > STALLED_MS) return "stalled";
  if (pace === undefined || share === undefined) return undefined;
  const usualMs = pace * share;
  const spentMs = nowMs - startedAtMs;
  const wholeMs = done >= TELLING ? spentMs / done : spentMs;
  return wholeMs > usualMs * SLOW_FACTOR + START_MS && leftMs > usualMs + START_MS ? "slow" : undefined;
}

/** How long a try will take yet by its own pace; without end where it has none. */
const remainingMs = ({ done }: TryView, startedAtMs: number, nowMs: number): number =>
  done < TELLING ? Number.POSITIVE_INFINITY : ((nowMs - startedAtMs) * (1 - done)) / done;

/** Milliseconds that the whole would take one agent, by the parts that are done; undefined before one is. */
function medianPace(parts: readonly PartView[]): number | undefined {
  const paces = parts.flatMap(({ share, tookMs }) =>
    share === undefined || tookMs === undefined || share <= 0 ? [] : [tookMs / share],
  );
  return paces.sort((a, b) => a - b)[paces.length >> 1];
}

/** What an agent makes at least, in pixels of an empty composition a millisecond: a small one makes fifty times as many. */
const SLOWEST_PACE = 1000;
const DEADLINE_FACTOR = 5;
const LEAST_DEADLINE_MS = 60_000;

/**
 * Within which time a part has to be done: several times what is thought.
 *
 * @param wholeMs what one agent would take for the whole, by what renders took lately; undefined where nobody knows.
 * @param work of the whole, see `workOf`.
 */
export function deadlineOf(share: number, wholeMs: number | undefined, work: number): number {
  const expectedMs = share * (wholeMs === undefined ? work / SLOWEST_PACE : wholeMs * DEADLINE_FACTOR);
  return Math.round(LEAST_DEADLINE_MS + expectedMs);
}
