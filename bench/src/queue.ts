import { type DecisionTimes, measureDecisions } from "@stream-control/orchestrator/simulation";
import { type LoadBalancingStrategy, PRIORITIES } from "@stream-control/protocol";
import { Pool } from "undici";
import { Fleet } from "./fleet.js";
import { percentile } from "./percentile.js";
import { startOrchestrator, waitUntil } from "./service.js";

const WAITING = 10_000;
const AGENTS = 200;
const STRATEGIES = ["least_loaded", "performance_based", "ai_driven"] as const;
/** Assignments that are measured; less than wait, so that the queue stays long. */
const MEASURED = 1000;

export interface QueueResult {
  decisions: (DecisionTimes & { strategy: LoadBalancingStrategy })[];
  full: { p50Ms: number; p99Ms: number };
  empty: { p50Ms: number; p99Ms: number };
}

/**
 * What a long queue costs: the scheduler's decisions by themselves, and the whole way from an agent's report that a job has
 * ended to the next one at that agent, with a durable commit for each change.
 */
export async function measureQueue(): Promise<QueueResult> {
  const clock = () => performance.now();
  const decisions = STRATEGIES.map((strategy) => ({
    ...{ strategy, ...measureDecisions({ strategy, waiting: WAITING, agents: AGENTS, decisions: 2000, clock }) },
  }));
  return { decisions, full: await measureNext(WAITING), empty: await measureNext(200) };
}

/** One agent with one slot, which ends what it gets as soon as it has it, in front of a queue. */
async function measureNext(waiting: number): Promise<{ p50Ms: number; p99Ms: number }> {
  const service = await startOrchestrator();
  const times: number[] = [];
  let lastMs: number | undefined;
  const fleet = new Fleet({
    ...{ port: service.port, agents: 1, slots: 1 },
    onAssigned: () => {
      const nowMs = performance.now();
      if (lastMs !== undefined) times.push(nowMs - lastMs);
      // It reports the end of the job right after this.
      lastMs = nowMs;
    },
  });
  try {
    await submit(service.port, waiting);
    await fleet.connect();
    const wanted = Math.min(MEASURED, waiting - 1);
    await waitUntil(async () => times.length >= wanted, 120_000);
    times.length = wanted;
    return { p50Ms: percentile(times, 0.5), p99Ms: percentile(times, 0.99) };
  } finally {
    await fleet.close();
    await service.stop();
  }
}

async function submit(port: number, jobs: number): Promise<void> {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: 8, pipelining: 8 });
  let left = jobs;
  const worker = async () => {
    while (left > 0) {
      const priority = PRIORITIES[left % PRIORITIES.length];
      left -= 1;
      const { statusCode, body } = await pool.request({
        ...{ method: "POST", path: "/v1/jobs", headers: { "content-type": "application/json" } },
        body: JSON.stringify({ inlineConfig: { streamUrl: "rtmp://example.com/live" }, priority }),
      });
      await body.dump();
      if (statusCode !== 201) throw new Error(`A job was answered with ${statusCode}.`);
    }
  };
  await Promise.all(Array.from({ length: 64 }, worker));
  await pool.close();
}
