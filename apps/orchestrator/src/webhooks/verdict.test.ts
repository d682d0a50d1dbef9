import { describe, expect, test } from "@jest/globals";
import { wants } from "./hook.js";
import { retryAfterMs } from "./retry.js";
import { afterFailure } from "./verdict.js";

const AT = Date.parse("2030-01-01T00:00:00.000Z");
const iso = (ms: number) => new Date(ms).toISOString();
const OPTIONS = { retryBaseMs: 5000, retryMaxMs: 3_600_000, offAfterMs: 3 * 86_400_000, random: () => 1 };
const failed = { atMs: AT - 700, durationMs: 700, status: 500, error: "The receiver answered 500." };
const row = { attempts: 0, give_up_at: iso(AT + 86_400_000) };
const well = { failingSince: null };

describe("after a failure", () => {
  test("pauses grow to an hour, for a day", () => {
    const pauses = [0, 1, 2, 9, 20].map((attempts) => {
      const { next } = afterFailure({ ...row, attempts }, failed, well, OPTIONS);
      return (Date.parse(next ?? "") - AT) / 1000;
    });
    expect(pauses).toEqual([5, 10, 20, 2560, 3600]);
    const late = { ...row, attempts: 20, give_up_at: iso(AT + 3_599_999) };
    expect(afterFailure(late, failed, well, OPTIONS)).toEqual({ next: null, changes: { failingSince: iso(AT) } });
  });

  test("a receiver's wish to be left alone holds everything back, where it is longer than the pause", () => {
    const wish = { ...failed, status: 429, retryAfter: "120" };
    expect(afterFailure(row, wish, { failingSince: iso(AT - 5) }, OPTIONS)).toEqual({
      next: iso(AT + 120_000),
      changes: { failingSince: iso(AT - 5), holdUntil: iso(AT + 120_000) },
    });
    expect(afterFailure(row, { ...wish, retryAfter: "1" }, well, OPTIONS).next).toBe(iso(AT + 5000));
  });

  test("three days of nothing else switch it off, and so does 410", () => {
    const days = (count: number) => ({ failingSince: iso(AT - count * 86_400_000) });
    expect(afterFailure(row, failed, days(2.99), OPTIONS).off).toBeUndefined();
    expect(afterFailure(row, failed, days(3), OPTIONS)).toMatchObject({
      changes: {
        enabled: false,
        disabledReason: "Nothing was taken for 3 days; the last try: The receiver answered 500.",
      },
    });
    expect(afterFailure(row, { ...failed, status: 410 }, well, OPTIONS).changes.enabled).toBe(false);
  });

  test("what cannot be sent any more says nothing of the receiver", () => {
    const lost = { ...failed, status: null, lost: true } as const;
    expect(afterFailure(row, lost, well, OPTIONS)).toEqual({ next: null, changes: {} });
  });
});

test("Retry-After is seconds or a date of HTTP, at most a day; anything else is nothing", () => {
  const now = new Date(AT);
  const said = (text: string | undefined) => retryAfterMs(text, now);
  expect(said("7")).toBe(7000);
  expect(said("Tue, 01 Jan 2030 00:01:00 GMT")).toBe(60_000);
  expect(said("Mon, 31 Dec 2029 00:00:00 GMT")).toBe(0);
  expect(said("999999999")).toBe(86_400_000);
  for (const nothing of [undefined, "", "soon", "-1", "1.5", "2030-01-01", "1e3", "Tue, 99 Foo"])
    expect(said(nothing)).toBeUndefined();
});

test("patterns are types, beginnings of types, or everything; rooms are one or every one", () => {
  const hook = { room: "hall", events: ["stream.alarm_*", "job.failed"] };
  const hears = (type: string, room = "hall", one = hook) => wants(one, { type, room });
  expect(["stream.alarm_raised", "stream.alarm_", "job.failed"].map((type) => hears(type))).toEqual([true, true, true]);
  expect(["stream.alarm", "job.failed_twice", "job", "x.stream.alarm_raised"].map((type) => hears(type))).toEqual(
    new Array(4).fill(false),
  );
  expect(hears("job.failed", "annex")).toBe(false);
  expect(hears("job.failed", "annex", { ...hook, room: "*" })).toBe(true);
  expect(hears("anything", "hall", { room: "hall", events: ["*"] })).toBe(true);
});
