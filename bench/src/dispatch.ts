import { Pool } from "undici";
import { Fleet } from "./fleet.js";
import { percentile } from "./percentile.js";
import { startOrchestrator, waitUntil } from "./service.js";

const AGENTS = 200;
const CONNECTIONS = 16;

interface Load {
  label: string;
  seconds: number;
  /** Jobs submitted per second; as many as the answers allow where absent. */
  perSecond?: number;
}

export interface DispatchResult {
  submitted: number;
  finishedPerSecond: number;
  p50Ms: number;
  p99Ms: number;
}

/**
 * Jobs through the whole path: HTTP, durable commit, scheduling, WebSocket, acknowledgement, running, ended; 200 agents
 * of one slot each. The time to the assignment is taken from the sending of the request to its arrival at the agent.
 */
export async function measureDispatch(): Promise<{ full: DispatchResult; half: DispatchResult; calm: DispatchResult }> {
  const service = await startOrchestrator();
  const sentAt = new Map<string, number>();
  const latencies: number[] = [];
  const fleet = new Fleet({
    port: service.port,
    agents: AGENTS,
    slots: 1,
    onAssigned: (key) => {
      latencies.push(performance.now() - (sentAt.get(key) ?? Number.NaN));
      sentAt.delete(key);
    },
  });
  const pool = new Pool(`http://127.0.0.1:${service.port}`, { connections: CONNECTIONS, pipelining: 8 });
  let number = 0;

  const submit = async () => {
    number += 1;
    const key = `bench-${number}`;
    sentAt.set(key, performance.now());
    const { statusCode, body } = await pool.request({
      method: "POST",
      path: "/v1/jobs",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ inlineConfig: { streamUrl: "rtmp://example.com/live" }, idempotencyKey: key }),
    });
    await body.dump();
    if (statusCode !== 201) throw new Error(`A job was answered with ${statusCode}.`);
  };

  const run = async ({ seconds, perSecond }: Load): Promise<DispatchResult> => {
    latencies.length = 0;
    const finishedBefore = fleet.finished;
    const submittedBefore = number;
    const start = performance.now();
    const end = start + seconds * 1000;
    if (perSecond === undefined) {
      const worker = async () => {
        while (performance.now() < end) await submit();
      };
      await Promise.all(Array.from({ length: CONNECTIONS * 8 }, worker));
    } else {
      const pending = new Set<Promise<void>>();
      for (let due = 0; performance.now() < end; ) {
        const wanted = Math.floor(((performance.now() - start) / 1000) * perSecond);
        for (; due < wanted; due += 1) {
          const request = submit().finally(() => pending.delete(request));
          pending.add(request);
        }
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await Promise.all(pending);
    }
    const submitted = number - submittedBefore;
    await waitUntil(async () => fleet.finished - finishedBefore >= submitted, 30_000);
    const elapsed = (performance.now() - start) / 1000;
    return {
      submitted,
      finishedPerSecond: submitted / elapsed,
      p50Ms: percentile(latencies, 0.5),
      p99Ms: percentile(latencies, 0.99),
    };
  };

  try {
    await fleet.connect();
    await run({ label: "warm-up", seconds: 3 });
    const full = await run({ label: "full", seconds: 10 });
    const half = await run({ label: "half", seconds: 10, perSecond: full.finishedPerSecond / 2 });
    const calm = await run({ label: "calm", seconds: 5, perSecond: 50 });
    return { full, half, calm };
  } finally {
    await pool.close();
    await fleet.close();
    await service.stop();
  }
}
