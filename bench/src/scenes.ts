import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryBus } from "@stream-control/bus";
import {
  create,
  fromBinary,
  OrchestratorCommandSchema,
  OrchestratorReplySchema,
  SubscriptionCommandSchema,
  SubscriptionReplySchema,
  toBinary,
} from "@stream-control/proto/scenes";
import { Scenes } from "@stream-control/scenes";
import { percentile } from "./percentile.js";
import { momentOf, SceneSockets } from "./scene-sockets.js";
import { startScenes, usageOf } from "./service.js";

const SUBSCRIBERS = 10_000;
const TIMELINES = 5000;
const TICK_MS = 100;
const SECONDS = 10;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const hour = [{ name: "Show", duration_ms: 3_600_000 }];

export interface FanOutResult {
  subscribers: number;
  updatesPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  /** Of what each should have got. */
  delivered: number;
  kibPerSubscriber: number;
}

/** Ten thousand WebSockets on one timeline at ten updates a second: from the moment that an update tells of to its arrival. */
export async function measureFanOut(): Promise<FanOutResult> {
  const service = await startScenes({ MAX_CONNECTIONS: String(2 * SUBSCRIBERS), SOCKET_LIMIT_PER_MINUTE: "0" });
  const sockets = new SceneSockets(service.port);
  try {
    const response = await fetch(`http://127.0.0.1:${service.port}/streams`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ scenes: hour, tick_interval_ms: TICK_MS, look_ahead_ms: 0 }),
    });
    const { stream_id: id } = (await response.json()) as { stream_id: string };
    const { pid } = service.child;
    if (pid === undefined) throw new Error("The service has no process id.");
    await sockets.open(id, 1);
    const before = await usageOf(pid);
    await sockets.open(id, SUBSCRIBERS - 1);
    await pause(3000);
    sockets.measure();
    const beganAt = performance.now();
    await pause(SECONDS * 1000);
    const { latenciesMs } = sockets;
    const seconds = (performance.now() - beganAt) / 1000;
    const after = await usageOf(pid);
    const updatesPerSecond = latenciesMs.length / seconds;
    return {
      ...{ subscribers: sockets.size, updatesPerSecond },
      ...{ p50Ms: percentile(latenciesMs, 0.5), p99Ms: percentile(latenciesMs, 0.99) },
      delivered: updatesPerSecond / (sockets.size * (1000 / TICK_MS)),
      kibPerSubscriber: ((after.rssMiB - before.rssMiB) * 1024) / (SUBSCRIBERS - 1),
    };
  } finally {
    sockets.close();
    await service.stop();
  }
}

export interface TicksResult {
  timelines: number;
  ticksPerSecond: number;
  /** How far the time between two ticks was from the one that was asked for. */
  p50Ms: number;
  p99Ms: number;
  /** Of one core, with a subscriber for each; and with none. */
  cpuPercent: number;
  quietCpuPercent: number;
  /** Of a timeline without subscribers. */
  kibPerTimeline: number;
}

/** Five thousand timelines in one process at ten ticks a second, with one subscriber each, and with none. */
export async function measureTicks(): Promise<TicksResult> {
  const dataDir = await mkdtemp(join(tmpdir(), "sc-bench-"));
  const bus = new MemoryBus();
  const scenes = new Scenes({ port: 0, host: "127.0.0.1", dataDir, bus });
  await scenes.start();
  try {
    const before = process.memoryUsage().rss;
    const ids = await Promise.all(Array.from({ length: TIMELINES }, (_, index) => makeTimeline(bus, `bench-${index}`)));
    await pause(2000);
    const kibPerTimeline = (process.memoryUsage().rss - before) / 1024 / TIMELINES;
    const quietCpuPercent = await cpuPercentOver(5000);

    const lastAt = new Map<string, number>();
    const jitterMs: number[] = [];
    let isMeasuring = false;
    for (const id of ids)
      await bus.subscribe(`scenes.v1.state.${id}`, ({ data }) => {
        const atMs = momentOf(data, 0, data.length);
        const last = lastAt.get(id);
        lastAt.set(id, atMs);
        if (isMeasuring && last !== undefined) jitterMs.push(Math.abs(atMs - last - TICK_MS));
      });
    await Promise.all(ids.map((id) => follow(bus, id)));
    await pause(2000);
    isMeasuring = true;
    const beganAt = performance.now();
    const cpuPercent = await cpuPercentOver(SECONDS * 1000);
    const seconds = (performance.now() - beganAt) / 1000;
    return {
      ...{ timelines: TIMELINES, ticksPerSecond: jitterMs.length / seconds },
      ...{ p50Ms: percentile(jitterMs, 0.5), p99Ms: percentile(jitterMs, 0.99) },
      ...{ cpuPercent, quietCpuPercent, kibPerTimeline },
    };
  } finally {
    await scenes.stop();
    await bus.close();
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** Makes a timeline that runs from now on, whoever follows it. */
async function makeTimeline(bus: MemoryBus, streamId: string): Promise<string> {
  const scene = { name: "Show", durationMs: 3_600_000n };
  const config = { scenes: [scene, { ...scene, name: "Encore" }], tickIntervalMs: TICK_MS, lifecycle: 2 };
  for (const value of [{ config }, {}]) {
    const command = create(OrchestratorCommandSchema, { streamId, command: { case: "start", value } });
    const answer = await bus.request("scenes.v1.command", toBinary(OrchestratorCommandSchema, command), {
      timeoutMs: 60_000,
    });
    const { problem } = fromBinary(OrchestratorReplySchema, answer);
    if (problem !== undefined) throw new Error(problem.message);
  }
  return streamId;
}

async function follow(bus: MemoryBus, streamId: string): Promise<void> {
  const command = create(SubscriptionCommandSchema, {
    streamId,
    clientId: "bench",
    command: { case: "register", value: {} },
  });
  const answer = await bus.request("scenes.v1.subscription", toBinary(SubscriptionCommandSchema, command), {
    timeoutMs: 60_000,
  });
  const { problem } = fromBinary(SubscriptionReplySchema, answer);
  if (problem !== undefined) throw new Error(problem.message);
}

async function cpuPercentOver(ms: number): Promise<number> {
  const [before, beganAt] = [process.cpuUsage(), performance.now()];
  await pause(ms);
  const { user, system } = process.cpuUsage(before);
  return ((user + system) / 1000 / (performance.now() - beganAt)) * 100;
}
