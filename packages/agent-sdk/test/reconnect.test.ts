import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { RECONNECT_DEFAULTS, ReconnectPolicy } from "../src/reconnect.js";

const pauses = (count: number, end: { code: number; onlineMs: number | undefined }) =>
  Array.from({ length: count }, () => new ReconnectPolicy(RECONNECT_DEFAULTS).nextPauseMs(end));

test("a thousand agents that lose the orchestrator in one moment do not come back in the same second", () => {
  const perSecond = new Map<number, number>();
  for (const pause of pauses(1000, { code: 1006, onlineMs: 60_000 })) {
    const second = Math.floor(pause / 1000);
    perSecond.set(second, (perSecond.get(second) ?? 0) + 1);
  }
  expect(perSecond.size).toBeGreaterThanOrEqual(4);
  expect(Math.max(...perSecond.values())).toBeLessThan(350);
});

test("pauses grow with every failed try, up to the bound", () => {
  const policy = new ReconnectPolicy({ ...RECONNECT_DEFAULTS, random: () => 1 });
  const grown = Array.from({ length: 8 }, () => policy.nextPauseMs({ code: 1006, onlineMs: undefined }));
  expect(grown).toEqual([1000, 2000, 4000, 4000, 4000, 4000, 4000, 4000]);
});

test("a connection that lasted makes the pauses small again, a short one does not", () => {
  const policy = new ReconnectPolicy({ ...RECONNECT_DEFAULTS, spreadMs: 500, random: () => 1 });
  for (let i = 0; i < 6; i++) policy.nextPauseMs({ code: 1006, onlineMs: undefined });
  expect(policy.nextPauseMs({ code: 1006, onlineMs: 5 })).toBe(4000);
  expect(policy.nextPauseMs({ code: 1006, onlineMs: 20_000 })).toBe(500);
  expect(policy.nextPauseMs({ code: 1006, onlineMs: undefined })).toBe(2000);
});

test("however long the orchestrator was away, nobody waits for more than 4 s, and still not all for the same time", () => {
  const late = Array.from({ length: 1000 }, () => {
    const policy = new ReconnectPolicy(RECONNECT_DEFAULTS);
    for (let i = 0; i < 50; i++) policy.nextPauseMs({ code: 1006, onlineMs: undefined });
    return policy.nextPauseMs({ code: 1006, onlineMs: undefined });
  });
  expect(Math.max(...late)).toBeLessThanOrEqual(4000);
  expect(Math.max(...late) - Math.min(...late)).toBeGreaterThan(1500);
});

test("a refusal is repeated slowly", () => {
  for (const code of [4001, 4003])
    for (const pause of pauses(100, { code, onlineMs: undefined })) expect(pause).toBeGreaterThanOrEqual(30_000);
});

test("every pause is a whole number of milliseconds within the bounds, whatever happens", () => {
  const end = fc.record({
    code: fc.constantFrom(1000, 1001, 1006, 1009, 1013, 4001, 4002, 4003, 4004),
    onlineMs: fc.option(fc.nat(100_000), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(end, { minLength: 1, maxLength: 50 }), (ends) => {
      const policy = new ReconnectPolicy(RECONNECT_DEFAULTS);
      for (const one of ends) {
        const pause = policy.nextPauseMs(one);
        if (!Number.isInteger(pause) || pause < 0 || pause > 60_000) return false;
      }
      return true;
    }),
  );
});
