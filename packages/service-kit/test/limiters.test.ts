import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { FailureLimiter, GuessLimiter, RateLimiter } from "../src/http/index.js";

function limiterAt(options = {}) {
  const clock = { now: 1000 };
  return { clock, limiter: new FailureLimiter({ limit: 3, blockMs: 1000, monotonic: () => clock.now, ...options }) };
}

describe("failures of one key", () => {
  test("are free up to the limit, then each further one doubles the wait", () => {
    const { clock, limiter } = limiterAt({ maxBlockMs: 5000 });
    for (let n = 0; n < 3; n += 1) limiter.failed("a");
    expect(limiter.check("a")).toBe(0);
    for (const waitMs of [1000, 2000, 4000, 5000, 5000]) {
      limiter.failed("a");
      expect(limiter.check("a")).toBe(waitMs);
      expect(limiter.check("b")).toBe(0);
      clock.now += waitMs - 1;
      expect(limiter.check("a")).toBe(1);
      clock.now += 1;
      expect(limiter.check("a")).toBe(0);
    }
  });

  test("are forgotten after a success, and after a long quiet time", () => {
    const { clock, limiter } = limiterAt({ forgetMs: 10_000, maxBlockMs: 2000 });
    for (let n = 0; n < 4; n += 1) limiter.failed("a");
    limiter.succeeded("a");
    limiter.failed("a");
    expect(limiter.check("a")).toBe(0);
    for (let n = 0; n < 4; n += 1) limiter.failed("b");
    clock.now += 10_001;
    limiter.failed("b");
    expect(limiter.check("b")).toBe(0);
  });

  test("take bounded memory however many keys fail, and those that fail most recently stay known", () => {
    const { limiter } = limiterAt({ maxKeys: 100 });
    for (let n = 0; n < 4; n += 1) limiter.failed("mine");
    for (let n = 0; n < 10_000; n += 1) {
      limiter.failed(`other-${n}`);
      if (n % 50 === 0) limiter.check("mine");
    }
    expect(limiter.size).toBeLessThanOrEqual(100);
    expect(limiter.check("mine")).toBeGreaterThan(0);
  });

  test("whatever happens in whatever order, a wait has an end and is never longer than the longest", () => {
    const step = fc.oneof(
      fc.record({ does: fc.constantFrom("fail", "check", "succeed"), key: fc.constantFrom("a", "b") }),
      fc.record({ does: fc.constant("wait"), ms: fc.nat(5000) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const { clock, limiter } = limiterAt({ maxBlockMs: 8000 });
        for (const one of steps) {
          if ("ms" in one) clock.now += one.ms;
          else if (one.does === "fail") limiter.failed(one.key);
          else if (one.does === "succeed") limiter.succeeded(one.key);
          for (const key of ["a", "b"]) expect(limiter.check(key)).toBeLessThanOrEqual(8000);
        }
        clock.now += 8000;
        for (const key of ["a", "b"]) expect(limiter.check(key)).toBe(0);
      }),
    );
  });
});

describe("guesses", () => {
  test("block a name at an address, and nobody else: not the name elsewhere, not others at the address", () => {
    const guesses = new GuessLimiter({ perName: 3 });
    for (let n = 0; n < 4; n += 1) guesses.failed("192.0.2.1", "ada");
    expect(guesses.check("192.0.2.1", "ada")).toBeGreaterThan(0);
    expect(guesses.check("192.0.2.2", "ada")).toBe(0);
    expect(guesses.check("192.0.2.1", "bob")).toBe(0);
  });

  test("with ever new names block the address, but not for names that were let in from it", () => {
    const guesses = new GuessLimiter({ perAddress: 50 });
    guesses.succeeded("2001:db8::1", "encoder-1");
    for (let n = 0; n < 50; n += 1) guesses.failed(`2001:db8::${n.toString(16)}`, `guess-${n}`);
    expect(guesses.check("2001:db8::77", "guess-99")).toBeGreaterThan(0);
    expect(guesses.check("2001:db8::1", "encoder-1")).toBe(0);
    expect(guesses.check("2001:db8:0:1::1", "guess-99")).toBe(0);
  });

  test("are not undone by an account of the guesser's own", () => {
    const guesses = new GuessLimiter({ perAddress: 10 });
    for (let n = 0; n < 10; n += 1) {
      guesses.failed("192.0.2.1", `guess-${n}`);
      guesses.succeeded("192.0.2.1", "my-own");
    }
    expect(guesses.check("192.0.2.1", "guess-10")).toBeGreaterThan(0);
  });
});

describe("a rate", () => {
  const limiterAt = (perMinute: number, burst?: number) => {
    const clock = { now: 5 };
    const monotonic = () => clock.now;
    return { clock, limiter: new RateLimiter({ perMinute, monotonic, ...(burst === undefined ? {} : { burst }) }) };
  };

  test("lets the burst through at once and the rest at an even pace, per key; 0 is without limit", () => {
    const { clock, limiter } = limiterAt(60, 5);
    for (let n = 0; n < 5; n += 1) expect(limiter.take("a")).toBe(0);
    expect(limiter.take("a")).toBeCloseTo(1000);
    expect(limiter.take("b")).toBe(0);
    clock.now += 1000;
    expect(limiter.take("a")).toBe(0);
    expect(limiter.take("a")).toBeCloseTo(1000);
    const { limiter: open } = limiterAt(0);
    for (let n = 0; n < 100; n += 1) expect(open.take("a")).toBe(0);
  });

  test("holds in every span of time, and whoever waits as told is let in", () => {
    const arbitrary = fc.record({
      perMinute: fc.integer({ min: 1, max: 10_000 }),
      burst: fc.integer({ min: 1, max: 50 }),
      pauses: fc.array(fc.double({ min: 0, max: 3000, noNaN: true }), { minLength: 1, maxLength: 200 }),
    });
    fc.assert(
      fc.property(arbitrary, ({ perMinute, burst, pauses }) => {
        const { clock, limiter } = limiterAt(perMinute, burst);
        const admitted: number[] = [];
        for (const pause of pauses) {
          clock.now += pause;
          const waitMs = limiter.take("a");
          if (waitMs > 0) {
            clock.now += waitMs;
            expect(limiter.take("a")).toBe(0);
          }
          admitted.push(clock.now);
        }
        for (const [first, from] of admitted.entries())
          for (const [last, to] of admitted.entries())
            if (last > first)
              expect(last - first + 1).toBeLessThanOrEqual(burst + ((to - from) * perMinute) / 60_000 + 0.01);
      }),
      { numRuns: 100 },
    );
  });

  test("takes bounded memory however many callers come", () => {
    const limiter = new RateLimiter({ perMinute: 5, maxKeys: 100 });
    for (let n = 0; n < 10_000; n += 1) limiter.take(`caller-${n}`);
    expect(limiter.size).toBe(100);
  });
});
