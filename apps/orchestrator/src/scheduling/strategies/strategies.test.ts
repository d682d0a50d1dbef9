import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { AgentPerformance } from "../history/agent-performance.js";
import { leastConnections, leastLoaded } from "./by-load.js";
import { Chooser, type ChooserOptions } from "./chooser.js";
import { type Credits, roundRobin, weighted } from "./in-turn.js";
import { performanceBased } from "./performance-based.js";
import type { Rated, Some } from "./picked.js";
import { soonestDone } from "./soonest-done.js";

const agent = (id: string, more: { slots?: number; used?: number; cpu?: number; assigned?: number } = {}): Rated => ({
  ...{ id, room: "default", connected: true, draining: false, faulty: false },
  capabilities: { slots: more.slots ?? 1 },
  used: more.used ?? 0,
  assigned: more.assigned ?? 0,
  load: more.cpu === undefined ? null : { cpuPercent: more.cpu },
});
const some = (...agents: Rated[]) => agents as unknown as Some<Rated>;
const ABC = some(agent("a"), agent("b"), agent("c"));

describe("a strategy", () => {
  test("least_loaded goes by parts, least_connections by numbers", () => {
    const agents = some(agent("large", { slots: 10, used: 3 }), agent("small", { slots: 2, used: 1 }));
    expect(leastLoaded(agents)).toMatchObject({
      agent: { id: "large" },
      why: expect.stringContaining("3 of 10 slots"),
    });
    expect(leastConnections(agents)).toMatchObject({ agent: { id: "small" }, why: expect.stringContaining("1 jobs") });
  });

  test("round_robin takes all of them before anybody twice, whoever comes and goes", () => {
    let last: string | undefined;
    const taken = Array.from({ length: 7 }, () => {
      last = roundRobin(ABC, last).agent.id;
      return last;
    });
    expect(taken.join("")).toBe("abcabca");
    expect(roundRobin(some(agent("a"), agent("d")), "b").agent.id).toBe("d");
    expect(roundRobin(some(agent("a"), agent("b")), "zzz").agent.id).toBe("a");
  });

  test("weighted gives each as many as its part of the room that there is, and in between one another", () => {
    const size = fc.integer({ min: 1, max: 8 });
    fc.assert(
      fc.property(size, size, size, (a, b, c) => {
        const agents = some(agent("a", { slots: a }), agent("b", { slots: b }), agent("c", { slots: c }));
        let credits: Credits = new Map();
        const got = new Map<string, number>();
        for (let n = 0; n < a + b + c; n += 1) {
          const picked = weighted(agents, credits);
          credits = picked.credits;
          got.set(picked.agent.id, (got.get(picked.agent.id) ?? 0) + 1);
        }
        expect([got.get("a"), got.get("b"), got.get("c")]).toEqual([a, b, c]);
      }),
    );
    // Twice the slots, but its processor has no room.
    const busy = some(agent("busy", { slots: 4, cpu: 95 }), agent("idle", { slots: 2, cpu: 5 }));
    expect(weighted(busy, new Map()).agent.id).toBe("idle");
  });

  test("performance_based takes who was fast and did not fail, as far as it is idle, and knows when it knows nothing", () => {
    const shown = new AgentPerformance();
    expect(performanceBased(ABC, "render", shown)).toEqual({ unknown: "no render has been measured yet" });
    for (let n = 0; n < 10; n += 1) {
      shown.rendered("a", 1e6, 1000);
      shown.rendered("b", 1e6, 250);
      shown.streamed("a", 1);
      shown.streamed("b", 0.5);
    }
    expect(performanceBased(ABC, "render", shown)).toMatchObject({ agent: { id: "b" } });
    expect(performanceBased(ABC, "stream", shown)).toMatchObject({ agent: { id: "a" } });
    const [a, , c] = ABC as readonly Rated[];
    const hot = some(a as Rated, agent("b", { cpu: 90 }), c as Rated);
    expect(performanceBased(hot, "render", shown)).not.toMatchObject({ agent: { id: "b" } });
    for (let n = 0; n < 8; n += 1) shown.ended("b", true);
    expect(performanceBased(ABC, "render", shown)).not.toMatchObject({ agent: { id: "b" } });
  });

  test("soonest done: who is predicted to be, and waiting only where it gains more than the prediction may be wrong by", () => {
    const slow = { agent: agent("slow"), freeInMs: 0, predictedMs: 10_000 };
    const fast = { agent: agent("fast"), freeInMs: 3000, predictedMs: 2000 };
    expect(soonestDone([slow], [fast], 10)).toMatchObject({ option: fast, insteadOf: slow });
    expect(soonestDone([slow], [fast], 50)).toMatchObject({ option: slow });
    expect(soonestDone([slow], [{ ...fast, freeInMs: 9000 }], 10)).toMatchObject({ option: slow });
    expect(soonestDone([slow, { ...fast, freeInMs: 0 }], [], 10).option.agent.id).toBe("fast");
  });
});

describe("the choice", () => {
  const MS: Record<string, number> = { fast: 1000, slow: 10_000 };
  const ready = { ready: true, basedOn: 50, errorPercent: 10 } as const;
  const predict = () => (id: string) => ({ ms: MS[id] ?? 5000, p10: 0, p90: 0 });
  const build = (options: Partial<ChooserOptions> = {}) => {
    const clock = { nowMs: 0 };
    const model = { state: ready, predict };
    const chooser = new Chooser<Rated>({
      ...{ performance: new AgentPerformance(), model, monotonic: () => clock.nowMs },
      ...options,
    });
    return { clock, chooser };
  };
  const FAILOVER = { enabled: true, threshold: 0.8 };
  const render = (id: string) => ({ id, kind: "render", room: "default", features: [1, 1] }) as const;
  const fast = agent("fast", { used: 1 });
  const around = { free: some(agent("slow")), busy: () => [fast], queued: 1 };

  test("lets a job wait for a fast agent that is free soon, the next one take what is free, and no job wait for ever", () => {
    const { clock, chooser } = build();
    chooser.started("running", "fast", 4000);
    clock.nowMs = 2000;
    chooser.begin();
    // Free in 2 s, done in 3: against 10 s at the slow one.
    expect(chooser.choose(render("1"), "ai_driven", around, FAILOVER)).toMatchObject({ waitFor: { id: "fast" } });
    const jobs = Array.from({ length: 9 }, (_, n) => chooser.choose(render(`${n + 2}`), "ai_driven", around, FAILOVER));
    // Each of them comes after the one before, until the slow one is as good.
    expect(jobs.findIndex((choice) => "agent" in choice)).toBe(2);
    // Its agent does not get done: the job waits for as long as that could have been a gain, and is not put off again.
    clock.nowMs = 10_900;
    chooser.begin();
    expect(chooser.choose(render("1"), "ai_driven", around, FAILOVER)).toMatchObject({ waitFor: { id: "fast" } });
    clock.nowMs = 11_100;
    chooser.begin();
    expect(chooser.choose(render("1"), "ai_driven", around, FAILOVER)).toMatchObject({ agent: { id: "slow" } });
  });

  test("waits for nobody of whose work nothing is predicted", () => {
    const { chooser } = build();
    chooser.started("stream", "fast", undefined);
    expect(chooser.choose(render("1"), "ai_driven", around, FAILOVER)).toMatchObject({
      agent: { id: "slow" },
      note: { strategy: "ai_driven", predictedMs: 10_000, errorPercent: 10 },
    });
  });

  test("is always one of those that are free, with every strategy, for every kind of job", () => {
    const strategies = [
      ...(["least_loaded", "round_robin", "weighted", "least_connections", "performance_based", "ai_driven"] as const),
    ];
    const anyAgent = fc.record({
      id: fc.constantFrom("a", "b", "c", "fast", "slow"),
      slots: fc.integer({ min: 1, max: 4 }),
      cpu: fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined }),
    });
    const agents = fc.uniqueArray(anyAgent, { minLength: 1, maxLength: 5, selector: ({ id }) => id });
    const step = fc.record({ agents, strategy: fc.constantFrom(...strategies), isRender: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const { chooser } = build();
        for (const [n, { agents: given, strategy, isRender }] of steps.entries()) {
          const free = some(
            ...given.map(({ id, slots, cpu }) => agent(id, { slots, ...(cpu === undefined ? {} : { cpu }) })),
          );
          const job = { id: `${n}`, room: "default", kind: isRender ? "render" : "stream", features: [1] } as const;
          const choice = chooser.choose(job, strategy, { free, busy: () => [], queued: 1 }, FAILOVER);
          expect("agent" in choice && free.includes(choice.agent)).toBe(true);
          if ("agent" in choice) expect(choice.note.why).not.toBe("");
        }
      }),
    );
  });
});
