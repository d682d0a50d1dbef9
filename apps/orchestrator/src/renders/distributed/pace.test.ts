import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { deadlineOf, MOST_TRIES, type PartView, secondTries } from "./pace.js";

const NOW = 1_000_000;
const done = (share: number, tookMs: number): PartView => ({ share, tookMs, tries: 1, live: [], deadlineMs: 600_000 });
const running = (share: number, agoMs: number, part: number, more: Partial<PartView> = {}): PartView => ({
  ...{ share, tries: 1, deadlineMs: 600_000, ...more },
  live: [{ startedAtMs: NOW - agoMs, done: part, movedAtMs: NOW - 500 }],
});

describe("a part is begun a second time", () => {
  test("where it is much slower than its siblings were, and a new try would be done before it", () => {
    const siblings = [done(0.25, 40_000), done(0.25, 42_000), done(0.25, 45_000)];
    expect(secondTries([...siblings, running(0.25, 60_000, 0.3)], NOW)).toEqual([
      { part: 3, reason: "slow", ifIdle: true },
    ]);
    // It will be done before a new one was.
    expect(secondTries([...siblings, running(0.25, 100_000, 0.9)], NOW)).toEqual([]);
    expect(secondTries([...siblings, running(0.25, 40_000, 0.9)], NOW)).toEqual([]);
    // Twice the work may take twice the time.
    expect(secondTries([done(0.1, 10_000), running(0.9, 60_000, 0.6)], NOW)).toEqual([]);
    expect(secondTries([running(0.5, 300_000, 0.1), running(0.5, 10_000, 0.1)], NOW)).toEqual([]);
  });

  test("where nothing moves any more, before anything is known of the others", () => {
    const live = [{ startedAtMs: NOW - 60_000, done: 0.2, movedAtMs: NOW - 21_000 }];
    const stalled = { share: 0.5, tries: 1, live, deadlineMs: 600_000 };
    expect(secondTries([stalled, running(0.5, 60_000, 0.2)], NOW)).toEqual([
      { part: 0, reason: "stalled", ifIdle: true },
    ]);
  });

  test("behind its deadline, whether an agent has nothing to do or not", () => {
    expect(secondTries([running(0.5, 61_000, 0.9, { deadlineMs: 60_000 })], NOW)).toEqual([
      { part: 0, reason: "late", ifIdle: false },
    ]);
  });

  test("never three times at once, never without end, and never once it is done", () => {
    const time = fc.integer({ min: 0, max: 900_000 });
    const view = fc.record({
      share: fc.option(fc.double({ min: 0.01, max: 1, noNaN: true }), { nil: undefined }),
      tookMs: fc.option(time, { nil: undefined }),
      tries: fc.integer({ min: 1, max: 6 }),
      deadlineMs: fc.integer({ min: 60_000, max: 600_000 }),
      live: fc.array(
        fc.record({
          startedAtMs: fc.option(time, { nil: undefined }),
          done: fc.double({ min: 0, max: 1, noNaN: true }),
          movedAtMs: fc.option(time, { nil: undefined }),
        }),
        { maxLength: 2 },
      ),
    });
    fc.assert(
      fc.property(fc.array(view, { maxLength: 8 }), (parts) => {
        const due = secondTries(parts, NOW);
        expect(new Set(due.map(({ part }) => part)).size).toBe(due.length);
        for (const { part } of due) {
          expect(parts[part]?.tookMs).toBeUndefined();
          expect(parts[part]?.live).toHaveLength(1);
          expect(parts[part]?.tries).toBeLessThan(MOST_TRIES);
        }
      }),
    );
  });
});

test("a deadline is far behind what is expected, and there is always one", () => {
  expect(deadlineOf(0.25, 100_000, 1)).toBe(60_000 + 125_000);
  expect(deadlineOf(0.5, undefined, 4e9)).toBe(60_000 + 2_000_000);
});
