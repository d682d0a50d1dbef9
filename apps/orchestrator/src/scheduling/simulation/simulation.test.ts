import { describe, expect, test } from "@jest/globals";
import { LOAD_BALANCING_STRATEGIES, type LoadBalancingStrategy } from "@stream-control/protocol";
import { measureDecisions } from "./decisions.js";
import { type SimulationResult, simulate } from "./simulate.js";

const SEEDS = [1000, 2000, 3000, 4000];

function mean(strategy: LoadBalancingStrategy, meanGapMs: number): SimulationResult {
  const results = SEEDS.map((seed) => simulate({ strategy, seed, warmUp: 80, jobs: 150, meanGapMs, noise: 0.2 }));
  const of = (figure: "makespanMs" | "p95WaitMs" | "p95DoneMs") =>
    results.reduce((sum, result) => sum + result[figure], 0) / results.length;
  const errors = results.map(({ errorPercent }) => errorPercent ?? Number.POSITIVE_INFINITY);
  return {
    ...{ makespanMs: of("makespanMs"), p95WaitMs: of("p95WaitMs"), p95DoneMs: of("p95DoneMs") },
    errorPercent: Math.max(...errors),
  };
}

describe("on a fleet of unlike machines", () => {
  const others = LOAD_BALANCING_STRATEGIES.filter((strategy) => strategy !== "ai_driven");

  test("what was learned brings renders that come one by one to their ends sooner than every other strategy", () => {
    const learned = mean("ai_driven", 12_000);
    expect(learned.errorPercent).toBeLessThan(30);
    for (const other of others.map((strategy) => mean(strategy, 12_000))) {
      expect(learned.p95DoneMs).toBeLessThanOrEqual(other.p95DoneMs * 1.02);
      expect(learned.makespanMs).toBeLessThanOrEqual(other.makespanMs * 1.02);
    }
  });

  test("and a heap of renders that comes at once is done no later than with any other", () => {
    const learned = mean("ai_driven", 0);
    for (const other of others.map((strategy) => mean(strategy, 0)))
      expect(learned.makespanMs).toBeLessThanOrEqual(other.makespanMs * 1.02);
  });
});

test("a decision takes far less than a millisecond while 10,000 renders wait", () => {
  for (const strategy of ["least_loaded", "ai_driven"] as const) {
    const decisions = { waiting: 10_000, agents: 200, decisions: 1000, clock: () => performance.now() };
    // The median, since a busy machine may stop at any moment of a single one.
    expect(measureDecisions({ strategy, ...decisions }).p50Ms).toBeLessThan(1);
  }
});
