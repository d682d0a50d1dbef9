import { describe, expect, test } from "@jest/globals";
import { type Forecast, forecast } from "./forecast.js";
import { quantile, spreadOf } from "./statistics.js";

/** Numbers that look random and are the same each time (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** How many come where so many are to be expected (Knuth). */
function poisson(expected: number, next: () => number): number {
  const limit = Math.exp(-expected);
  let count = 0;
  for (let product = next(); product > limit; product *= next()) count += 1;
  return count;
}

const history = (hours: number, rate: (hour: number) => number, seed: number): number[] => {
  const next = random(seed);
  return Array.from({ length: hours }, (_, hour) => poisson(rate(hour), next));
};
const daily = (hour: number) => 10 + 8 * Math.sin((2 * Math.PI * hour) / 24);
const weekly = (hour: number) => (Math.floor(hour / 24) % 7 < 5 ? 12 : 1);
const sum = (rate: (hour: number) => number, from: number, hours: number) =>
  Array.from({ length: hours }, (_, index) => rate(from + index)).reduce((total, value) => total + value, 0);

function made(counts: readonly number[], hours: number): Forecast {
  const result = forecast(counts, hours);
  if ("reason" in result) throw new Error(result.reason);
  return result;
}

describe("a forecast", () => {
  test("finds the day in what comes by day, and expects the hours ahead accordingly", () => {
    for (const seed of [1, 2, 3]) {
      const counts = history(24 * 14, daily, seed);
      const night = made(counts.slice(0, -12), 6);
      expect(night.method).toMatch(/^holt_winters_/);
      expect(Math.abs(night.predicted - sum(daily, counts.length - 12, 6))).toBeLessThan(12);
      const day = made(counts, 6);
      expect(Math.abs(day.predicted - sum(daily, counts.length, 6))).toBeLessThan(25);
      expect(day.predicted).toBeGreaterThan(night.predicted * 2);
    }
  });

  test("finds the week where days differ", () => {
    const found = [4, 5, 6].map((seed) => made(history(24 * 7 * 6, weekly, seed), 24).method);
    expect(found).toEqual(new Array(3).fill("holt_winters_weekly"));
  });

  test("expects the same of what has no season, without inventing one", () => {
    const { method, predicted, low, high } = made(
      history(24 * 10, () => 5, 7),
      24,
    );
    expect(method).toBe("exponential_smoothing");
    expect(Math.abs(predicted - 120)).toBeLessThan(20);
    expect(low).toBeLessThanOrEqual(120);
    expect(high).toBeGreaterThanOrEqual(120);
  });

  test("has an interval that holds as often as its back-test says, on what really comes then", () => {
    let held = 0;
    let told = 0;
    const seeds = Array.from({ length: 60 }, (_, index) => index + 100);
    for (const seed of seeds) {
      const counts = history(24 * 15, daily, seed);
      const { low, high, coverage } = made(counts.slice(0, -12), 12);
      const came = counts.slice(-12).reduce((total, count) => total + count, 0);
      if (came >= low && came <= high) held += 1;
      told += coverage;
    }
    // Four of five are meant; sixty tries leave some room.
    expect(held / seeds.length).toBeGreaterThan(0.65);
    expect(held / seeds.length).toBeLessThan(0.97);
    expect(Math.abs(told / seeds.length - held / seeds.length)).toBeLessThan(0.15);
  });

  test("says why there is none: too short a history, or too few jobs", () => {
    expect(forecast(new Array(20).fill(5), 24)).toEqual({
      reason: "A forecast of 24 h needs 72 h of history; there are 20 h.",
    });
    expect(forecast(new Array(200).fill(0), 24)).toEqual({ reason: "A forecast needs 20 jobs; there were 0." });
  });

  test("looks a month ahead by the day", () => {
    const days = history(100, (day) => (day % 7 < 5 ? 200 : 20), 9);
    const result = forecast(days, 30, "d");
    const came = sum((day) => (day % 7 < 5 ? 200 : 20), 100, 30);
    expect(result).toMatchObject({ method: "holt_winters_weekly" });
    expect(Math.abs((result as Forecast).predicted - came)).toBeLessThan(came * 0.05);
  });
});

describe("statistics", () => {
  test("are those of every text book", () => {
    expect(quantile([1, 2, 3, 4], 0.5)).toBe(2.5);
    expect(spreadOf([5, 1, 3])).toMatchObject({ average: 3, p50: 3 });
    const hundred = Array.from({ length: 101 }, (_, value) => value);
    expect(spreadOf(hundred)).toEqual({ average: 50, p50: 50, p95: 95, p99: 99 });
    expect(spreadOf([])).toBeNull();
  });
});
