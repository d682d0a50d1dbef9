import { fitted, Smoother, startOf } from "./smoothing.js";
import { mean, quantile } from "./statistics.js";

/** What is expected to come. */
export interface Forecast {
  /** By which it was reckoned. */
  readonly method: "holt_winters_weekly" | "holt_winters_daily" | "exponential_smoothing";
  readonly predicted: number;
  /** Between these it is expected to be in four of five cases. */
  readonly low: number;
  readonly high: number;
  /** The part of the back-tests in which it was between them. */
  readonly coverage: number;
  readonly backTests: number;
  /** Mean distance of the back-tests from what came, as a part of what came. */
  readonly error: number | null;
}

export interface NoForecast {
  readonly reason: string;
}

/** Lengths of the seasons that are looked for, in hours or in days. */
const METHODS = {
  h: [
    { method: "exponential_smoothing", season: 1 },
    { method: "holt_winters_daily", season: 24 },
    { method: "holt_winters_weekly", season: 168 },
  ],
  d: [
    { method: "exponential_smoothing", season: 1 },
    { method: "holt_winters_weekly", season: 7 },
  ],
} as const;

/** The part of the cases that an interval is meant to hold. */
const NOMINAL = 0.8;
/** Fewer back-tests say nothing about an interval. */
const LEAST_TESTS = 12;
/** Seasons that must have passed before one is believed in. */
const LEAST_SEASONS = 3;
/** Jobs below which there is nothing to learn from. */
const LEAST_JOBS = 20;

/** How much history is needed to look so many hours or days ahead. */
export const neededFor = (ahead: number): number => 2 * (ahead + LEAST_TESTS);

/**
 * Expects how many come in the hours, or days, ahead.
 *
 * Each method that the history is long enough for is tried on it: fitted to its first half, it forecasts from every hour of the
 * second half what then came. The one that was nearest forecasts from now. How far the back-tests were off makes the interval;
 * those of the first half of them decide how wide it is, and on the others it is counted how often it held.
 *
 * @param counts of each whole hour or day, the oldest first, without gaps.
 * @param ahead how many are forecast together.
 */
export function forecast(counts: readonly number[], ahead: number, unit: "h" | "d" = "h"): Forecast | NoForecast {
  const needed = neededFor(ahead);
  if (counts.length < needed)
    return {
      reason: `A forecast of ${ahead} ${unit} needs ${needed} ${unit} of history; there are ${counts.length} ${unit}.`,
    };
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total < LEAST_JOBS) return { reason: `A forecast needs ${LEAST_JOBS} jobs; there were ${total}.` };
  const tried = [...METHODS[unit]]
    .filter(({ season }) => season === 1 || counts.length >= LEAST_SEASONS * season)
    .flatMap((how) => {
      const tests = backTest(counts, how.season, ahead);
      return tests.length < LEAST_TESTS
        ? []
        : [{ ...how, tests, distance: mean(tests.map(({ off }) => Math.abs(off))) }];
    });
  const [best] = tried.sort((a, b) => a.distance - b.distance);
  if (best === undefined) return { reason: "The history is too short to test a forecast on it." };
  const { method, season, tests, distance } = best;
  const predicted = smoothed(counts, season, counts.length).expectedSum(ahead);
  const all = intervalOf(tests.map(({ off }) => off));
  const came = mean(tests.map(({ actual }) => actual));
  return {
    method,
    predicted: Math.round(predicted),
    low: Math.max(0, Math.floor(predicted + all.low)),
    high: Math.max(0, Math.ceil(predicted + all.high)),
    coverage: coverageOf(tests.map(({ off }) => off)),
    backTests: tests.length,
    error: came > 0 ? Math.round((distance / came) * 1000) / 1000 : null,
  };
}

interface Test {
  readonly actual: number;
  /** What came less what was expected. */
  readonly off: number;
}

/** Forecasts from every hour of the second half, with what was known then. */
function backTest(counts: readonly number[], season: number, hours: number): Test[] {
  const from = Math.max(Math.floor(counts.length / 2), startOf(counts, season) + 1);
  const smoother = smoothed(counts, season, from);
  const tests: Test[] = [];
  let actual = counts.slice(from, from + hours).reduce((sum, count) => sum + count, 0);
  for (let now = from; now + hours <= counts.length; now += 1) {
    tests.push({ actual, off: actual - smoother.expectedSum(hours) });
    const seen = counts[now] ?? 0;
    smoother.see(seen);
    actual += (counts[now + hours] ?? 0) - seen;
  }
  return tests;
}

/** A smoother that was fitted to the values before `until`, and has seen them. */
function smoothed(counts: readonly number[], season: number, until: number): Smoother {
  const known = counts.slice(0, until);
  const start = startOf(known, season);
  const smoother = new Smoother(season, fitted(known, season), known.slice(0, start));
  for (const value of known.slice(start)) smoother.see(value);
  return smoother;
}

function intervalOf(off: readonly number[]): { low: number; high: number } {
  const sorted = [...off].sort((a, b) => a - b);
  const tail = (1 - NOMINAL) / 2;
  return { low: Math.min(0, quantile(sorted, tail)), high: Math.max(0, quantile(sorted, 1 - tail)) };
}

/** How often the interval that the earlier half of the tests makes held the later ones. */
function coverageOf(off: readonly number[]): number {
  const half = Math.floor(off.length / 2);
  const { low, high } = intervalOf(off.slice(0, half));
  const later = off.slice(half);
  // A count is whole, so that the bounds are, too.
  const held = later.filter((value) => value >= low - 1 && value <= high + 1).length;
  return Math.round((held / Math.max(1, later.length)) * 1000) / 1000;
}
