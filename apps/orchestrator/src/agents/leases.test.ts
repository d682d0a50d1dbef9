import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { Leases } from "./leases.js";
import type { AgentRegistry } from "./registry.js";
import type { AgentSession } from "./session.js";

const LEASE_MS = 1000;
const JOB = "job";

/** An agent as the orchestrator sees it, and its own count of its lease by a clock that runs a little wrong. */
interface Side {
  session: AgentSession;
  jobs: Map<string, { status: string; epoch: number; fenced: boolean }>;
  beats: Map<string, number>;
  /** Until when it may run the job, by true time. */
  untilMs: number;
  epoch: number;
}

/** What happens next, after a while: times are kept in order by the queue below. */
const event = fc.record({
  afterMs: fc.nat(400),
  agent: fc.nat(1),
  what: fc.constantFrom("beat", "beat", "beat", "beat", "take away", "take away"),
  /** How long the heartbeat and its answer are under way; undefined where they are lost. */
  upMs: fc.option(fc.nat(1500), { nil: undefined, freq: 5 }),
  downMs: fc.option(fc.nat(1500), { nil: undefined, freq: 5 }),
  /** How long it takes to write that the job was taken away. */
  commitMs: fc.nat(300),
});

test("the right to run a job is never with two agents at once, whatever is late, lost or written slowly", () => {
  let moves = 0;
  fc.assert(
    fc.property(
      fc.array(event, { minLength: 20, maxLength: 120, size: "max" }),
      fc.tuple(fc.double({ min: 0.992, max: 1.008, noNaN: true }), fc.double({ min: 0.992, max: 1.008, noNaN: true })),
      (events, rates) => {
        let nowMs = 50_000;
        const queue: { atMs: number; order: number; act: () => void }[] = [];
        const later = (ms: number, act: () => void) => queue.push({ atMs: nowMs + ms, order: queue.length, act });
        const sides = new Map<string, Side>();
        const registry = {
          get: (id: string) => ({ knows: () => true, jobs: sides.get(id)?.jobs ?? new Map() }),
        } as unknown as AgentRegistry;
        const leases = new Leases({ registry, leaseMs: LEASE_MS, monotonic: () => nowMs });
        const grant = (side: Side, beat: string, epoch: number, rate: number) => {
          const from = side.beats.get(beat);
          if (from === undefined || epoch < side.epoch) return;
          side.epoch = epoch;
          side.untilMs = Math.max(side.untilMs, from + LEASE_MS / rate);
        };
        let downMs: number | undefined;
        for (const [n, rate] of rates.entries()) {
          const side: Side = {
            ...{ jobs: new Map(), beats: new Map([["hello", nowMs]]), untilMs: 0, epoch: 0 },
            session: {
              agentId: `${n}`,
              lastBeatId: "hello",
              send: (_type: string, { jobs }: { jobs: { epoch: number }[] }, extra: { correlationId: string }) => {
                const epoch = jobs[0]?.epoch;
                if (downMs !== undefined && epoch !== undefined)
                  later(downMs, () => grant(side, extra.correlationId, epoch, rate));
                return true;
              },
            } as unknown as AgentSession,
          };
          sides.set(`${n}`, side);
        }
        let epoch = 0;
        let writing = false;
        const assign = (id: string, delayMs: number | undefined) => {
          const side = sides.get(id) as Side;
          epoch += 1;
          const given = epoch;
          side.jobs.set(JOB, { status: "RUNNING", epoch, fenced: true });
          leases.begin(side.session);
          const msgId = side.session.lastBeatId;
          if (delayMs !== undefined && msgId !== undefined)
            later(delayMs, () => grant(side, msgId, given, rates[Number(id)] ?? 1));
        };
        assign("0", 0);

        const happen = ({ agent, what, upMs, downMs: answerMs, commitMs }: (typeof events)[number]) => {
          const side = sides.get(`${agent}`) as Side;
          if (what === "beat") {
            const id = `${agent}-${side.beats.size}`;
            side.beats.set(id, nowMs);
            if (upMs === undefined) return;
            later(upMs, () => {
              downMs = answerMs;
              leases.renew(side.session, id);
            });
            return;
          }
          const [holder, other] = sides.get("0")?.jobs.has(JOB) ? ["0", "1"] : ["1", "0"];
          const held = sides.get(holder)?.jobs.get(JOB);
          if (writing || held === undefined || leases.remainingMs(holder) > 0) return;
          leases.letGo({ id: JOB, epoch: held.epoch }, holder);
          writing = true;
          later(commitMs, () => {
            writing = false;
            moves += 1;
            sides.get(holder)?.jobs.delete(JOB);
            assign(other, answerMs);
          });
        };
        let atMs = nowMs;
        for (const step of events) {
          atMs += step.afterMs;
          queue.push({ atMs, order: queue.length, act: () => happen(step) });
        }
        for (;;) {
          queue.sort((a, b) => a.atMs - b.atMs || a.order - b.order);
          const next = queue.shift();
          if (next === undefined) return;
          nowMs = next.atMs;
          next.act();
          const alive = [...sides.values()].filter(({ untilMs }) => untilMs > nowMs);
          expect(alive.length).toBeLessThanOrEqual(1);
        }
      },
    ),
    { numRuns: 400 },
  );
  expect(moves).toBeGreaterThan(400);
});

test("a lease that is let go ends when it would have ended then, and can be kept after all", () => {
  let nowMs = 0;
  const jobs = new Map([[JOB, { status: "RUNNING", epoch: 3, fenced: true }]]);
  const registry = { get: () => ({ knows: () => true, jobs }) } as unknown as AgentRegistry;
  const leases = new Leases({ registry, leaseMs: LEASE_MS, monotonic: () => nowMs });
  const renewed: string[] = [];
  const session = {
    ...{ agentId: "a", lastBeatId: undefined },
    send: (type: string) => renewed.push(type) > 0,
  } as unknown as AgentSession;
  const whole = leases.remainingMs("a");
  expect(whole).toBeGreaterThan(LEASE_MS);
  nowMs = 400;
  expect(leases.letGo({ id: JOB, epoch: 3 }, "a")).toBe(whole - 400);
  leases.renew(session, "beat-1");
  expect(renewed).toEqual([]);
  nowMs = 600;
  expect(leases.letGo({ id: JOB, epoch: 3 }, "a")).toBe(whole - 600);
  expect(leases.heldMs({ id: JOB, epoch: 3 })).toBe(whole - 600);
  leases.keep(JOB);
  leases.renew(session, "beat-2");
  expect(renewed).toHaveLength(1);
  expect(leases.remainingMs("a")).toBe(whole);
  // Of a try that nobody remembers, such as after a restart, the time counts from the start.
  expect(leases.heldMs({ id: "other", epoch: 1 })).toBe(whole - 600);
});
