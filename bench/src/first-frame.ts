import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { programArguments } from "@stream-control/ffmpeg";
import { streamConfigSchema } from "@stream-control/protocol";
import WebSocket from "ws";
import { percentile } from "./percentile.js";
import { startAgent, startOrchestrator, waitUntil } from "./service.js";

const ROUNDS = 15;

export interface FirstFrameResult {
  productMs: number;
  byHandMs: number;
  /** Median of what the product took more than ffmpeg by hand in the same round. */
  moreMs: number;
  worstMoreMs: number;
}

/**
 * Time to the first encoded frame: from POST to the job's RUNNING at a UI socket, against the very same ffmpeg started by
 * hand, from its start to its first output. Both take turns, so that what else the machine does hits both.
 */
export async function measureFirstFrame(): Promise<FirstFrameResult> {
  const service = await startOrchestrator();
  const agent = await startAgent(service.port, { SLOTS: "1" });
  const ui = new WebSocket(`ws://127.0.0.1:${service.port}/ui`);
  await once(ui, "open");
  const rounds: { product: number; byHand: number }[] = [];
  try {
    for (let round = 0; round <= ROUNDS; round += 1) {
      const config = {
        source: { type: "test" },
        destinations: [{ type: "hls", path: join(agent.dataDir, "media", "b") }],
      };
      const byHand = await startByHand(config);
      const product = await startByProduct(service.port, ui, config);
      // The first round warms the disk's cache for both.
      if (round > 0) rounds.push({ product, byHand });
    }
  } finally {
    ui.terminate();
    await agent.stop();
    await service.stop();
  }
  const more = rounds.map(({ product, byHand }) => product - byHand);
  return {
    productMs: percentile(
      rounds.map(({ product }) => product),
      0.5,
    ),
    byHandMs: percentile(
      rounds.map(({ byHand }) => byHand),
      0.5,
    ),
    moreMs: percentile(more, 0.5),
    worstMoreMs: Math.max(...more),
  };
}

async function startByProduct(port: number, ui: WebSocket, inlineConfig: object): Promise<number> {
  const running = Promise.withResolvers<void>();
  const statuses = new Map<string, string>();
  const onMessage = (data: Buffer) => {
    const { type, payload } = JSON.parse(data.toString()) as { type: string; payload: { id: string; status: string } };
    if (type !== "ui.job.update" || Array.isArray(payload)) return;
    statuses.set(payload.id, payload.status);
    if (payload.status === "RUNNING") running.resolve();
  };
  ui.on("message", onMessage);
  const start = performance.now();
  const response = await fetch(`http://127.0.0.1:${port}/v1/jobs`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ inlineConfig }),
  });
  const { id } = (await response.json()) as { id: string };
  await running.promise;
  const elapsed = performance.now() - start;
  await fetch(`http://127.0.0.1:${port}/v1/jobs/${id}/stop`, { method: "POST" });
  await waitUntil(async () => statuses.get(id) === "STOPPED", 20_000);
  ui.off("message", onMessage);
  return elapsed;
}

async function startByHand(config: object): Promise<number> {
  const args = programArguments(streamConfigSchema.parse(config), {
    hasAudio: true,
    hasVideo: true,
    videoEncoder: "libx264",
    muted: false,
  });
  const start = performance.now();
  const child = spawn("ffmpeg", args, { stdio: ["pipe", "pipe", "ignore", "ignore"] });
  if (child.stdout === null) throw new Error("ffmpeg has no output pipe.");
  await once(child.stdout, "data");
  const elapsed = performance.now() - start;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
  return elapsed;
}
