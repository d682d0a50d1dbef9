import type { LoadBalancingStrategy } from "@stream-control/protocol";
import TinyQueue from "tinyqueue";
import { Dispatcher } from "../dispatcher.js";
import { AgentPerformance } from "../history/agent-performance.js";
import { pixelsOf } from "../model/render-features.js";
import { RenderTimeModel } from "../model/render-time-model.js";
import { Chooser } from "../strategies/chooser.js";
import { normal, seededRandom } from "./random.js";
import { type SimulatedAgent, type SimulatedJob, simulatedFleet, simulatedJob } from "./simulated-work.js";

export interface SimulationOptions {
  strategy: LoadBalancingStrategy;
  seed: number;
  /** Renders that are done before the measurement begins: what the strategies learn from. */
  warmUp: number;
  /** Renders that are measured. */
  jobs: number;
  /** Between two renders, in the mean; 0 has all of them come at once. They come at random moments. */
  meanGapMs: number;
  /** Deviation of the logarithm of the time that a render takes. */
  noise: number;
}

export interface SimulationResult {
  /** From the first submission to the last end. */
  makespanMs: number;
  /** From the submission to the start. */
  p95WaitMs: number;
  /** From the submission to the end. */
  p95DoneMs: number;
  /** Of the learned model, at the end. */
  errorPercent: number | null;
}

const WARM_UP_GAP_MS = 15_000;
const PAUSE_MS = 86_400_000;

interface Happening {
  readonly atMs: number;
  readonly act: () => void;
}

/** Runs the scheduler's own decisions over a fleet that is not there, on a clock that is not there either. */
export function simulate({ strategy, seed, warmUp, jobs, meanGapMs, noise }: SimulationOptions): SimulationResult {
  const random = seededRandom(seed);
  const agents = simulatedFleet();
  const free = new Set(agents);
  const clock = { nowMs: 0 };
  const queue = new TinyQueue<Happening>([], (a, b) => a.atMs - b.atMs);
  const at = (atMs: number, act: () => void) => queue.push({ atMs, act });
  const performance = new AgentPerformance();
  const model = new RenderTimeModel();
  const byId = new Map<string, SimulatedJob>();
  const waits: number[] = [];
  const done: number[] = [];
  let firstMs = Number.POSITIVE_INFINITY;
  let lastMs = 0;

  const end = (job: SimulatedJob, agent: SimulatedAgent, beside: number, ms: number) => {
    agent.used -= 1;
    free.add(agent);
    dispatcher.ended(job.waiting.id);
    performance.rendered(agent.id, pixelsOf(job.features), ms);
    performance.ended(agent.id, false);
    model.learn({ features: job.features, agentId: agent.id, beside, ms });
    if (job.waiting.seq < warmUp) return;
    done.push(clock.nowMs - job.submittedMs);
    lastMs = clock.nowMs;
  };
  const dispatcher: Dispatcher<SimulatedAgent> = new Dispatcher({
    freeIn: () => free,
    all: () => agents,
    chooser: new Chooser({ performance, model, monotonic: () => clock.nowMs }),
    settings: () => ({ ...SETTINGS, strategy }),
    asOfNow: (job) => job,
    give: (waiting, agent) => {
      const job = byId.get(waiting.id);
      if (job === undefined) throw new Error("A job was given away that does not wait.");
      byId.delete(waiting.id);
      if (waiting.seq >= warmUp) waits.push(clock.nowMs - job.submittedMs);
      const beside = agent.used;
      const ms = agent.timeFor(job, Math.exp(noise * normal(random)));
      agent.used += 1;
      agent.assigned += 1;
      if (agent.used >= agent.capabilities.slots) free.delete(agent);
      at(clock.nowMs + ms, () => end(job, agent, beside, ms));
    },
  });

  // What comes when is settled beforehand, so that every strategy has the same.
  let comesMs = 0;
  const coming = seededRandom(seed + 1);
  for (let seq = 0; seq < warmUp + jobs; seq += 1) {
    // The measurement begins with a fleet that has nothing to do.
    if (seq === warmUp) comesMs += PAUSE_MS;
    comesMs += -(seq < warmUp ? WARM_UP_GAP_MS : meanGapMs) * Math.log(1 - coming());
    const job = simulatedJob(seq, comesMs, coming);
    if (seq >= warmUp) firstMs = Math.min(firstMs, comesMs);
    at(comesMs, () => {
      byId.set(job.waiting.id, job);
      dispatcher.waiting.putBack(job.waiting);
    });
  }
  let wakeAtMs = Number.POSITIVE_INFINITY;
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    clock.nowMs = next.atMs;
    next.act();
    const lookAgainAtMs = dispatcher.round();
    if (lookAgainAtMs === Number.POSITIVE_INFINITY || (wakeAtMs > clock.nowMs && wakeAtMs <= lookAgainAtMs)) continue;
    wakeAtMs = lookAgainAtMs;
    at(lookAgainAtMs, () => {});
  }
  if (byId.size > 0) throw new Error(`${byId.size} simulated jobs were never given away.`);
  const { state } = model;
  return {
    makespanMs: lastMs - firstMs,
    p95WaitMs: percentile(waits, 0.95),
    p95DoneMs: percentile(done, 0.95),
    errorPercent: state.ready ? state.errorPercent : null,
  };
}

const SETTINGS = {
  priorityWeights: { low: 1, normal: 2, high: 3, critical: 4 },
  maxRenders: 0,
  failover: { enabled: true, threshold: 0.8 },
} as const;

const percentile = (values: readonly number[], part: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? 0;
