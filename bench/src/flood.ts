import { Pool } from "undici";
import { percentile } from "./percentile.js";
import { startOrchestrator } from "./service.js";

/** What one caller may ask for in a minute, as in production by default. */
const PER_MINUTE = 6000;
const TIMES = 10;
const OTHERS_PER_SECOND = 50;
/** Long enough that its first burst, its share and what is refused are in it. */
const SECONDS = 30;
/** In it come enough jobs to fill a page of the list. */
const WARM_UP_SECONDS = 8;

export interface FloodResult {
  normalP50Ms: number;
  normalP99Ms: number;
  /** The same while another caller asks for ten times what it may. */
  floodP50Ms: number;
  floodP99Ms: number;
  refusedPerSecond: number;
  answeredPerSecond: number;
  othersRefused: number;
}

/**
 * One caller (127.0.0.2) asks for ten times what it may, mostly in vain; what do others (127.0.0.1), who submit jobs and
 * read them, notice? Normal and flood are measured one after the other.
 */
export async function measureFlood(): Promise<FloodResult> {
  const service = await startOrchestrator({ RATE_LIMIT_PER_MINUTE: String(PER_MINUTE) });
  const url = `http://127.0.0.1:${service.port}`;
  const others = new Pool(url, { connections: 8 });
  const flooder = new Pool(url, { connections: 32, localAddress: "127.0.0.2" });
  const latencies: number[] = [];
  let othersRefused = 0;
  let number = 0;

  const work = async () => {
    number += 1;
    const start = performance.now();
    const request =
      number % 2 === 0
        ? ({ method: "GET", path: "/v1/jobs?limit=20" } as const)
        : ({
            method: "POST",
            path: "/v1/jobs",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ inlineConfig: { n: number } }),
          } as const);
    const { statusCode, body } = await others.request(request);
    await body.dump();
    latencies.push(performance.now() - start);
    if (statusCode !== 201 && statusCode !== 200) othersRefused += 1;
  };

  const statuses = new Map<number, number>();
  const attack = async () => {
    const { statusCode, body } = await flooder.request({ method: "GET", path: "/v1/jobs?limit=20" });
    await body.dump();
    statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1);
  };

  try {
    // It also warms everything up.
    await atRate(work, OTHERS_PER_SECOND, WARM_UP_SECONDS);
    latencies.length = 0;
    await atRate(work, OTHERS_PER_SECOND, SECONDS);
    const normal = [...latencies];
    latencies.length = 0;
    await Promise.all([atRate(work, OTHERS_PER_SECOND, SECONDS), atRate(attack, (PER_MINUTE / 60) * TIMES, SECONDS)]);
    return {
      normalP50Ms: percentile(normal, 0.5),
      normalP99Ms: percentile(normal, 0.99),
      floodP50Ms: percentile(latencies, 0.5),
      floodP99Ms: percentile(latencies, 0.99),
      refusedPerSecond: (statuses.get(429) ?? 0) / SECONDS,
      answeredPerSecond: (statuses.get(200) ?? 0) / SECONDS,
      othersRefused,
    };
  } finally {
    await Promise.all([others.destroy(), flooder.destroy()]);
    await service.stop();
  }
}

/** Calls at an even pace, whether or not earlier calls have been answered. */
async function atRate(call: () => Promise<void>, perSecond: number, seconds: number): Promise<void> {
  const pending = new Set<Promise<void>>();
  const start = performance.now();
  let due = 0;
  while (performance.now() - start < seconds * 1000) {
    const wanted = Math.floor(((performance.now() - start) / 1000) * perSecond);
    for (; due < wanted; due += 1) {
      const request = call().finally(() => pending.delete(request));
      pending.add(request);
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(pending);
}
