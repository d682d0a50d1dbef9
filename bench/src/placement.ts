import { simulate } from "@stream-control/orchestrator/simulation";
import { LOAD_BALANCING_STRATEGIES, type LoadBalancingStrategy } from "@stream-control/protocol";

const SEEDS = [1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000];
const SCENARIOS = [
  { scenario: "200 renders at once", meanGapMs: 0 },
  { scenario: "200 renders, 12 s apart", meanGapMs: 12_000 },
] as const;

export interface PlacementTimes {
  /** From the first submission to the last end. */
  makespanMs: number;
  /** From a submission to its result. */
  p95DoneMs: number;
  /** From a submission to its start. */
  p95WaitMs: number;
}

export interface PlacementResult extends PlacementTimes {
  scenario: string;
  strategy: LoadBalancingStrategy;
  /** The best of the strategies that learn nothing of renders, figure by figure. */
  bestOther: PlacementTimes;
}

/** The strategies on a simulated fleet of eight machines, the fastest over twenty times as fast as the slowest; means of all seeds. */
export function measurePlacement(): PlacementResult[] {
  return SCENARIOS.flatMap(({ scenario, meanGapMs }) => {
    const all = LOAD_BALANCING_STRATEGIES.map((strategy) => ({ strategy, ...meanOf(strategy, meanGapMs) }));
    const others = all.filter(({ strategy }) => strategy !== "ai_driven");
    const best = (figure: keyof PlacementTimes) => Math.min(...others.map((other) => other[figure]));
    const bestOther = { makespanMs: best("makespanMs"), p95DoneMs: best("p95DoneMs"), p95WaitMs: best("p95WaitMs") };
    return all.map((result) => ({ scenario, ...result, bestOther }));
  });
}

function meanOf(strategy: LoadBalancingStrategy, meanGapMs: number): PlacementTimes {
  const results = SEEDS.map((seed) => simulate({ strategy, seed, warmUp: 100, jobs: 200, meanGapMs, noise: 0.2 }));
  const mean = (figure: keyof PlacementTimes) =>
    results.reduce((sum, result) => sum + result[figure], 0) / results.length;
  return { makespanMs: mean("makespanMs"), p95DoneMs: mean("p95DoneMs"), p95WaitMs: mean("p95WaitMs") };
}
