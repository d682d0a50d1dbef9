import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RenderRequestInput, RenderStatusBody } from "@stream-control/protocol";
import { ffmpeg } from "@stream-control/test-kit";
import { type Service, startAgent, startOrchestrator, waitUntil } from "./service.js";

const ROUNDS = 3;
const SECONDS = 40;
/** Processors that the agents are limited to, one each. */
const CORES = [0, 1] as const;

/** Medians, in milliseconds, from the request to the file in its place. */
export interface DistributedResult {
  seconds: number;
  oneAgentMs: number;
  twoAgentsMs: number;
  /** Of each round on its own: what else the machine does changes from round to round. */
  timesAsFast: number;
}

/** The same composition rendered by an agent that has one core, and in parts by two that have one core each, in turns. */
export async function measureDistributed(): Promise<DistributedResult> {
  const folder = await mkdtemp(join(tmpdir(), "sc-bench-distributed-"));
  const source = [
    "-f",
    "lavfi",
    "-i",
    `testsrc2=s=1280x720:r=30:d=${SECONDS}`,
    "-f",
    "lavfi",
    "-i",
    `sine=d=${SECONDS}`,
  ];
  await ffmpeg([...source, "-shortest", "-preset", "veryfast", "-pix_fmt", "yuv420p", join(folder, "clip.mp4")]);
  const request: RenderRequestInput = {
    ...{ width: 1280, height: 720, fps: 30 },
    elements: [
      { type: "video", source: "clip.mp4" },
      { type: "shape", x: "10%", y: "10%", width: "20%", height: "20%", opacity: 0.5 },
    ],
  };
  const orchestrator = await startOrchestrator({ MEDIA_DIR: folder });
  const agents = new Map<number, Service>();
  const oneAgent: number[] = [];
  const twoAgents: number[] = [];
  try {
    for (const core of CORES) agents.set(core, await pinnedAgent(orchestrator.port, core, folder));
    for (let round = 0; round < ROUNDS; round += 1) {
      // No composition is the same as an earlier one, whose pictures would be taken instead: nobody sees the background.
      const [one, two] = [`#0000${round}0`, `#0000${round}1`];
      oneAgent.push(await render(orchestrator.port, { ...request, background: one, template: "balanced_async" }));
      twoAgents.push(await render(orchestrator.port, { ...request, background: two, template: "distributed" }));
    }
  } finally {
    for (const agent of agents.values()) await agent.stop();
    await orchestrator.stop();
    await rm(folder, { recursive: true, force: true });
  }
  const ratios = oneAgent.map((ms, round) => ms / (twoAgents[round] ?? ms));
  const timesAsFast = median(ratios);
  return { seconds: SECONDS, oneAgentMs: median(oneAgent), twoAgentsMs: median(twoAgents), timesAsFast };
}

/** Its ffmpegs have no other core either. */
const pinnedAgent = (port: number, core: number, folder: string): Promise<Service> =>
  startAgent(
    port,
    { AGENT_ID: `core-${core}`, OUTPUT_DIRS: folder, INPUT_DIRS: folder, SLOTS: "1" },
    { launcher: ["taskset", "-c", String(core)] },
  );

async function render(port: number, request: RenderRequestInput): Promise<number> {
  const from = performance.now();
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/orchestrate`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Prefer: "respond-async" },
    body: JSON.stringify(request),
  });
  if (response.status !== 202) throw new Error(`A render was answered with ${response.status}.`);
  const { jobId } = (await response.json()) as { jobId: string };
  await waitUntil(async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/jobs/${jobId}/status`);
    return ((await answer.json()) as RenderStatusBody).status === "completed";
  }, 600_000);
  return performance.now() - from;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
