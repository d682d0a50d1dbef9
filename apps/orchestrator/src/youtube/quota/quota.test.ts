import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { mayCall, PURPOSES, type Purse, pollPauseMs } from "./allowance.js";
import { nextPacificDay, pacificDay } from "./pacific-day.js";

const DAY_MS = 86_400_000;
const purse: fc.Arbitrary<Purse> = fc.record({
  ...{ limit: fc.integer({ min: 1, max: 20_000 }), used: fc.nat(20_000), live: fc.nat(20), ready: fc.nat(20) },
});

describe("the Pacific day", () => {
  test.each([
    ["2026-01-15T07:59:59.999Z", "2026-01-14", "2026-01-15T08:00:00.000Z"],
    ["2026-01-15T08:00:00.000Z", "2026-01-15", "2026-01-16T08:00:00.000Z"],
    // Clocks go forward on 8 March and back on 1 November 2026.
    ["2026-03-08T08:00:00.000Z", "2026-03-08", "2026-03-09T07:00:00.000Z"],
    ["2026-11-01T07:00:00.000Z", "2026-11-01", "2026-11-02T08:00:00.000Z"],
  ])("of %s is %s, until %s", (at, day, next) => {
    expect([pacificDay(new Date(at)), nextPacificDay(new Date(at)).toISOString()]).toEqual([day, next]);
  });

  test("ends at the first moment of another day", () => {
    fc.assert(
      fc.property(fc.date({ min: new Date("2020-01-01"), max: new Date("2040-01-01"), noInvalidDate: true }), (at) => {
        const next = nextPacificDay(at);
        expect(next.getTime()).toBeGreaterThan(at.getTime());
        expect(pacificDay(next)).not.toBe(pacificDay(at));
        expect(pacificDay(new Date(next.getTime() - 1))).toBe(pacificDay(at));
      }),
    );
  });
});

describe("the quota", () => {
  test("is left to what is more urgent", () => {
    fc.assert(
      fc.property(purse, fc.constantFrom(1, 50), (given, units) => {
        const allowed = PURPOSES.map((purpose) => mayCall(purpose, units, given));
        // Whoever may, everybody before them may too.
        expect(allowed).toEqual([...allowed].sort((a, b) => Number(b) - Number(a)));
        expect(allowed[0]).toBe(true);
      }),
    );
  });

  test("keeps enough to end everything that was begun", () => {
    fc.assert(
      fc.property(purse, (given) => {
        if (!mayCall("create", 50, given)) return;
        expect(given.limit - given.used - 50).toBeGreaterThanOrEqual(50 * given.live + 100 * given.ready);
      }),
    );
  });

  test("lasts for polls until the day ends", () => {
    fc.assert(
      fc.property(
        purse,
        fc.integer({ min: 1000, max: 60_000 }),
        fc.integer({ min: 1, max: DAY_MS }),
        (given, everyMs, leftMs) => {
          const pauseMs = pollPauseMs({ everyMs, unitsPerPoll: 2, leftMs }, given);
          expect(pauseMs).toBeGreaterThanOrEqual(everyMs);
          if (pauseMs === Number.POSITIVE_INFINITY) return;
          expect(given.used + Math.floor(leftMs / pauseMs) * 2).toBeLessThanOrEqual(given.limit);
        },
      ),
    );
  });
});
