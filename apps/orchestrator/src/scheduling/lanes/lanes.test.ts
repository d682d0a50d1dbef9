import { describe, expect, test } from "@jest/globals";
import { PRIORITIES, type Priority } from "@stream-control/protocol";
import fc from "fast-check";
import { DEFAULT_CONFIGURATION } from "../../configuration/catalogue.js";
import type { Attempt } from "./lane.js";
import type { PriorityWeights } from "./lane-shares.js";
import { Pauses } from "./pauses.js";
import { RoomLanes } from "./room-lanes.js";

const DEFAULT_PRIORITY_WEIGHTS = DEFAULT_CONFIGURATION.orchestration.priorityWeights;

interface Job {
  seq: number;
  key: string;
  priority: Priority;
}

const priority = fc.constantFrom(...PRIORITIES);
const weight = fc.integer({ min: 1, max: 20 });
const weights: fc.Arbitrary<PriorityWeights> = fc.record({
  low: weight,
  normal: weight,
  high: weight,
  critical: weight,
});

/** Gives one slot to whatever is next. */
function serve(lanes: RoomLanes<Job>, by: PriorityWeights, fits: (job: Job) => boolean = () => true): Job | undefined {
  let taken: Job | undefined;
  const attempt = (job: Job): Attempt => {
    if (!fits(job)) return "noneOfKind";
    lanes.remove(job);
    taken = job;
    return "taken";
  };
  lanes.giveNext(attempt, new Set(), by);
  return taken;
}

const filled = (of: Partial<Record<Priority, number>>) => {
  const lanes = new RoomLanes<Job>();
  let seq = 0;
  for (const [lane, jobs] of Object.entries(of) as [Priority, number][])
    for (let n = 0; n < jobs; n += 1) lanes.add({ seq: seq++, key: "k", priority: lane });
  return lanes;
};

describe("lanes", () => {
  test("nobody waits for ever: before the next job of a lane, each other lane has at most its share, rounded up", () => {
    // A step gives a slot, or lets a job of a lane come.
    const steps = fc.array(fc.option(priority, { nil: undefined }), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(weights, steps, (by, script) => {
        const lanes = new RoomLanes<Job>();
        const size: Record<Priority, number> = { low: 0, normal: 0, high: 0, critical: 0 };
        /** For each lane with jobs, slots that others had since it was served or began to wait. */
        const since = new Map<Priority, Record<Priority, number>>();
        for (const [seq, step] of script.entries()) {
          if (step !== undefined) {
            if (size[step] === 0) since.set(step, { low: 0, normal: 0, high: 0, critical: 0 });
            size[step] += 1;
            lanes.add({ seq, key: "k", priority: step });
            continue;
          }
          const served = serve(lanes, by)?.priority;
          expect(served === undefined).toBe(PRIORITIES.every((lane) => size[lane] === 0));
          if (served === undefined) continue;
          size[served] -= 1;
          since.delete(served);
          if (size[served] > 0) since.set(served, { low: 0, normal: 0, high: 0, critical: 0 });
          for (const [lane, others] of since) {
            if (lane === served) continue;
            others[served] += 1;
            expect(others[served]).toBeLessThanOrEqual(Math.ceil(by[served] / by[lane] + 1e-9));
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  test("lanes that all have more than enough share the slots by their weights, give or take one round", () => {
    fc.assert(
      fc.property(weights, fc.integer({ min: 1, max: 400 }), (by, slots) => {
        const lanes = filled({ low: 400, normal: 400, high: 400, critical: 400 });
        const got: Record<Priority, number> = { low: 0, normal: 0, high: 0, critical: 0 };
        for (let n = 0; n < slots; n += 1) got[serve(lanes, by)?.priority ?? "low"] += 1;
        for (const a of PRIORITIES)
          for (const b of PRIORITIES)
            expect(Math.abs(got[a] / by[a] - got[b] / by[b])).toBeLessThanOrEqual(1 / by[a] + 1 / by[b] + 1e-9);
      }),
    );
    const lanes = filled({ low: 100, normal: 100, high: 100, critical: 100 });
    const first = Array.from({ length: 10 }, () => serve(lanes, DEFAULT_PRIORITY_WEIGHTS)?.priority);
    expect(PRIORITIES.map((lane) => first.filter((given) => given === lane).length)).toEqual([1, 2, 3, 4]);
  });

  test("a critical job that comes while others wait is next, and a lane that was idle has saved nothing up", () => {
    const lanes = filled({ low: 1000, normal: 1000, high: 1000 });
    for (let n = 0; n < 600; n += 1) serve(lanes, DEFAULT_PRIORITY_WEIGHTS);
    for (let n = 0; n < 8; n += 1) lanes.add({ seq: 10_000 + n, key: "k", priority: "critical" });
    const next = Array.from({ length: 12 }, () => serve(lanes, DEFAULT_PRIORITY_WEIGHTS)?.priority);
    expect(next[0]).toBe("critical");
    expect(next.filter((lane) => lane === "critical").length).toBeLessThanOrEqual(6);
  });

  test("what fits nowhere for a while is no credit either", () => {
    const lanes = filled({ low: 1000 });
    lanes.add({ seq: 5000, key: "huge", priority: "high" });
    for (let n = 0; n < 500; n += 1)
      expect(serve(lanes, DEFAULT_PRIORITY_WEIGHTS, ({ key }) => key === "k")).toBeDefined();
    for (let n = 0; n < 20; n += 1) lanes.add({ seq: 6000 + n, key: "k", priority: "high" });
    const next = Array.from({ length: 8 }, () => serve(lanes, DEFAULT_PRIORITY_WEIGHTS)?.priority);
    expect(next.filter((lane) => lane === "low").length).toBeGreaterThanOrEqual(1);
  });

  test("in a lane the oldest that fits is taken, also among those that come back, and nothing is lost or given twice", () => {
    const job = fc.record({ key: fc.constantFrom("a", "b", "c"), seq: fc.nat(200) });
    const step = fc.oneof(
      fc.record({ do: fc.constant("add" as const), job }),
      fc.record({ do: fc.constant("remove" as const), at: fc.nat(50) }),
      // Which kinds fit, and a remainder of numbers that are refused one by one.
      fc.record({ do: fc.constant("give" as const), kinds: fc.subarray(["a", "b", "c"]), not: fc.nat(3) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (script) => {
        const lanes = new RoomLanes<Job>();
        let known: Job[] = [];
        for (const now of script) {
          if (now.do === "add") {
            if (known.some(({ seq }) => seq === now.job.seq)) continue;
            const added = { ...now.job, priority: "normal" as const };
            lanes.add(added);
            known.push(added);
          } else if (now.do === "remove") {
            const gone = known[now.at];
            if (gone === undefined) continue;
            lanes.remove(gone);
            known = known.filter((other) => other !== gone);
          } else {
            const refused = ({ seq }: Job) => seq % 4 === now.not;
            const expected = known
              .filter((one) => now.kinds.includes(one.key) && !refused(one))
              .sort((a, b) => a.seq - b.seq)[0];
            let taken: Job | undefined;
            const offered: Job[] = [];
            const attempt = (one: Job): Attempt => {
              offered.push(one);
              if (refused(one)) return "notThis";
              if (!now.kinds.includes(one.key)) return "noneOfKind";
              lanes.remove(one);
              taken = one;
              return "taken";
            };
            lanes.giveNext(attempt, new Set(), DEFAULT_PRIORITY_WEIGHTS);
            expect(taken).toBe(expected);
            expect(new Set(offered).size).toBe(offered.length);
            known = known.filter((other) => other !== taken);
          }
          expect(lanes.size).toBe(known.length);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("pauses end in the order of their moments, and those that were taken out do not end", () => {
    const pauses = new Pauses<{ readyAtMs: number }>();
    const [a, b, c] = [{ readyAtMs: 30 }, { readyAtMs: 10 }, { readyAtMs: 20 }];
    for (const job of [a, b, c]) pauses.add(job);
    pauses.remove(b);
    expect(pauses.end(5)).toEqual({ over: [], nextAtMs: 20 });
    expect(pauses.end(25)).toEqual({ over: [c], nextAtMs: 30 });
    expect(pauses.end(30)).toEqual({ over: [a], nextAtMs: Number.POSITIVE_INFINITY });
  });
});
