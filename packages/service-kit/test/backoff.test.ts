import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { backoffMs } from "../src/index.js";

const options = fc.record({
  baseMs: fc.integer({ min: 1, max: 10_000 }),
  maxMs: fc.integer({ min: 10_000, max: 3_600_000 }),
});
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test("every pause lies between half of its bound and its bound", () => {
  fc.assert(
    fc.property(fc.integer({ min: -5, max: 10_000 }), options, random, (attempt, { baseMs, maxMs }, value) => {
      const pause = backoffMs(attempt, { baseMs, maxMs, random: () => value });
      const bound = Math.min(maxMs, baseMs * 2 ** Math.max(0, Math.min(30, attempt - 1)));
      expect(Number.isInteger(pause)).toBe(true);
      expect(pause).toBeGreaterThanOrEqual(Math.floor(bound / 2));
      expect(pause).toBeLessThanOrEqual(Math.ceil(bound));
    }),
  );
});

test("pauses never shrink as tries go on", () => {
  fc.assert(
    fc.property(options, random, (given, value) => {
      const pauses = Array.from({ length: 20 }, (_, index) => backoffMs(index + 1, { ...given, random: () => value }));
      expect(pauses).toEqual([...pauses].sort((a, b) => a - b));
    }),
  );
});

test("without a source of numbers the pauses differ", () => {
  const pauses = new Set(Array.from({ length: 100 }, () => backoffMs(5, { baseMs: 1000, maxMs: 60_000 })));
  expect(pauses.size).toBeGreaterThan(50);
});
