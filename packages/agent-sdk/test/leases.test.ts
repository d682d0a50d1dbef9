import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { machineClock } from "../src/index.js";
import type { Lease } from "../src/lease.js";
import { LeaseBook } from "../src/leases.js";

const LEASE_MS = 10_000;

/**
 * One heartbeat and what the network does with it and its answers, in milliseconds. `undefined`: lost. Several arrivals:
 * the answer is repeated or replayed.
 */
const exchange = fc.record({
  gapMs: fc.integer({ min: 1, max: 8000 }),
  thereMs: fc.option(fc.integer({ min: 0, max: 30_000 }), { nil: undefined }),
  backMs: fc.array(fc.integer({ min: 0, max: 60_000 }), { maxLength: 3 }),
  leaseMs: fc.constantFrom(LEASE_MS, 2000, 30_000),
  epoch: fc.constantFrom(1, 1, 1, 2),
  reconnects: fc.constantFrom(false, false, false, true),
});

test("an agent never believes in a longer lease than the orchestrator, whatever comes late, twice, never or from before", () => {
  fc.assert(
    fc.property(
      fc.array(exchange, { maxLength: 30 }),
      fc.integer({ min: 0, max: 20_000 }),
      fc.integer({ min: 0, max: 20_000 }),
      fc.integer({ min: -1_000_000, max: 1_000_000 }),
      (exchanges, assignMs, anchorAgeMs, clockOffset) => {
        // Time runs on the orchestrator's clock; the agent's has another zero.
        let time = 0;
        const book = new LeaseBook(() => time + clockOffset);
        // The orchestrator sends the assignment at 0; it arrives later, behind the answer to an earlier ping.
        const lease = book.begin(LEASE_MS, -anchorAgeMs + clockOffset);
        const job = { jobId: "a", epoch: 1, lease };
        let believed = LEASE_MS;
        const events: { at: number; run: () => void }[] = [];
        let sending = assignMs;
        for (const [index, { gapMs, thereMs, backMs, leaseMs, epoch, reconnects }] of exchanges.entries()) {
          sending += gapMs;
          events.push({
            at: sending,
            run: () => {
              if (reconnects) book.opened();
              book.heartbeat(`h${index}`, time + clockOffset);
            },
          });
          if (thereMs === undefined) continue;
          const received = sending + thereMs;
          // An orchestrator renews only the epoch that runs: what it says of another one extends nothing that it believes.
          if (epoch === 1)
            events.push({
              at: received,
              run: () => {
                believed = Math.max(believed, received + leaseMs);
              },
            });
          for (const back of backMs)
            events.push({
              at: received + back,
              run: () => {
                book.renew({ leaseMs, jobs: [{ jobId: "a", epoch }] }, `h${index}`, () => job);
                book.renew({ leaseMs: 1e9, jobs: [{ jobId: "a", epoch: 1 }] }, `h${index}-forged`, () => job);
                book.renew({ leaseMs: 1e9, jobs: [{ jobId: "a", epoch: 1 }] }, undefined, () => job);
              },
            });
        }
        for (const event of events.sort((a, b) => a.at - b.at)) {
          time = event.at;
          event.run();
          expect(time + lease.leftMs).toBeLessThanOrEqual(believed);
        }
      },
    ),
    { numRuns: 1000 },
  );
});

test("a renewal is told once, for the epoch that runs, and never when it is over already", () => {
  let now = 0;
  const book = new LeaseBook(() => now);
  const job: { jobId: string; epoch: number; lease?: Lease } = { jobId: "a", epoch: 3 };
  const renew = (correlationId: string, epoch: number) =>
    book.renew({ leaseMs: 1000, jobs: [{ jobId: "a", epoch }] }, correlationId, (id) => (id === "a" ? job : undefined));
  book.heartbeat("h1", 0);
  expect(renew("h1", 2)).toEqual([]);
  now = 400;
  expect(renew("h1", 3)[0]?.lease.leftMs).toBe(600);
  expect(renew("h1", 3)).toEqual([]);
  book.heartbeat("h2", 400);
  now = 1400;
  expect(renew("h2", 3)).toEqual([]);
  book.heartbeat("h3", 1400);
  book.opened();
  expect(renew("h3", 3)).toEqual([]);
  for (let number = 0; number < 100; number++) book.heartbeat(`n${number}`, 1400);
  expect(renew("n0", 3)).toEqual([]);
  expect(renew("n99", 3)).toHaveLength(1);
});

test("the clock goes on while the machine sleeps, does not care for the time of day, and never goes back", () => {
  let awake = 5000;
  let asleep = 0;
  const clock = machineClock(
    () => awake,
    // The system rounds down to hundredths of a second.
    () => Math.floor((awake + asleep + 777_777) / 10) * 10,
  );
  const start = clock();
  awake += 1234.5;
  expect(clock() - start).toBeCloseTo(1234.5);
  asleep += 3_600_000;
  expect(Math.abs(clock() - start - 3_601_234.5)).toBeLessThanOrEqual(20);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(50), fc.constantFrom(0, 0, 0, 15, 5000))), (steps) => {
      let last = clock();
      for (const [step, sleep] of steps) {
        awake += step;
        asleep += sleep;
        const now = clock();
        expect(now).toBeGreaterThanOrEqual(last + step);
        last = now;
      }
    }),
  );
});
