import { type LoadBalancingStrategy, PRIORITIES } from "@stream-control/protocol";
import { Dispatcher } from "../dispatcher.js";
import { AgentPerformance } from "../history/agent-performance.js";
import { pixelsOf } from "../model/render-features.js";
import { RenderTimeModel } from "../model/render-time-model.js";
import { Chooser } from "../strategies/chooser.js";
import { normal, oneOf, seededRandom } from "./random.js";
import { SimulatedAgent, simulatedJob } from "./simulated-work.js";

/** How long decisions took, in milliseconds of this machine. */
export interface DecisionTimes {
  decisions: number;
  p50Ms: number;
  p99Ms: number;
  worstMs: number;
}

/** Slots that come free before the measurement: the code is compiled, the model fitted. */
const WARM_UP = 500;

/**
 * Measures the scheduler's own decisions while many renders of all priorities and several kinds wait: a slot of one of many agents
 * comes free, and is given away. For each that leaves, another render comes.
 *
 * @param clock in milliseconds, monotonic.
 */
export function measureDecisions({
  strategy,
  waiting,
  agents: fleetSize,
  decisions,
  clock,
}: {
  strategy: LoadBalancingStrategy;
  waiting: number;
  agents: number;
  decisions: number;
  clock: () => number;
}): DecisionTimes {
  const random = seededRandom(1);
  const agents = Array.from(
    { length: fleetSize },
    (_, n) => new SimulatedAgent(`agent-${n}`, 4000 * Math.exp(random() * 3), 1, 0.4),
  );
  const free = new Set<SimulatedAgent>();
  const performance = new AgentPerformance();
  const model = new RenderTimeModel();
  for (let n = 0; n < 400; n += 1) {
    const job = simulatedJob(n, 0, random);
    const agent = oneOf(random, agents as [SimulatedAgent, ...SimulatedAgent[]]);
    const ms = agent.timeFor(job, Math.exp(0.2 * normal(random)));
    performance.rendered(agent.id, pixelsOf(job.features), ms);
    model.learn({ features: job.features, agentId: agent.id, beside: 0, ms });
  }
  const holds = new Map<SimulatedAgent, string>();
  const dispatcher: Dispatcher<SimulatedAgent> = new Dispatcher({
    freeIn: () => free,
    all: () => agents,
    chooser: new Chooser({ performance, model, monotonic: clock }),
    settings: () => ({
      ...{ priorityWeights: { low: 1, normal: 2, high: 3, critical: 4 }, maxRenders: 0, strategy },
      failover: { enabled: true, threshold: 0.8 },
    }),
    asOfNow: (job) => job,
    give: (job, agent) => {
      holds.set(agent, job.id);
      agent.used = 1;
      agent.assigned += 1;
      free.delete(agent);
    },
  });
  let seq = 0;
  const submit = () => {
    const { waiting: job } = simulatedJob(seq, 0, random);
    dispatcher.waiting.putBack({ ...job, priority: oneOf(random, PRIORITIES) });
    seq += 1;
  };
  const release = (agent: SimulatedAgent) => {
    const jobId = holds.get(agent);
    if (jobId !== undefined) dispatcher.ended(jobId);
    holds.delete(agent);
    agent.used = 0;
    free.add(agent);
  };
  while (seq < waiting) submit();
  for (const agent of agents) release(agent);
  dispatcher.round();
  const times: number[] = [];
  for (let n = 0; n < WARM_UP + decisions; n += 1) {
    while (dispatcher.waiting.size < waiting) submit();
    release(oneOf(random, agents as [SimulatedAgent, ...SimulatedAgent[]]));
    const begun = clock();
    dispatcher.round();
    if (n >= WARM_UP) times.push(clock() - begun);
  }
  times.sort((a, b) => a - b);
  const at = (part: number) => times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0;
  return { decisions, p50Ms: at(0.5), p99Ms: at(0.99), worstMs: at(1) };
}
