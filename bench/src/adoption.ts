import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { AgentRecord, JobDetail } from "@stream-control/protocol";
import { frameDistances, startRtmpServer, videoPackets } from "@stream-control/test-kit";
import { startAgent, startOrchestrator, waitUntil } from "./service.js";
import { post, SMALL_VIDEO } from "./small-job.js";

const ROUNDS = 5;
const FRAME_MS = 1000 / SMALL_VIDEO.fps;

export interface AdoptionResult {
  /** From the start of the agent's process to the first measurement of the job that came through it, in each round. */
  supervisedMs: number[];
  /** Longest distance between two pictures at the receiver over all rounds; a lost one doubles it. */
  longestFrameMs: number;
  frameMs: number;
}

/** An agent is killed and started again while its runner goes on; what the RTMP server received is recorded meanwhile. */
export async function measureAdoption(): Promise<AdoptionResult> {
  const service = await startOrchestrator();
  const rtmp = await startRtmpServer();
  const env = { AGENT_ID: "bench", SLOTS: "1" };
  let agent = await startAgent(service.port, env);
  const supervisedMs: number[] = [];
  try {
    const { id } = await post<JobDetail>(service.port, "/v1/jobs", {
      inlineConfig: {
        source: { type: "test" },
        destinations: [{ type: "rtmp", url: rtmp.url("adoption") }],
        video: SMALL_VIDEO,
      },
    });
    await waitUntil(async () => rtmp.live.has("/live/adoption"), 30_000);
    const recording = join(service.dataDir, "received.ts");
    const recorder = spawn(
      "ffmpeg",
      ["-v", "error", "-rw_timeout", "20000000", "-i", rtmp.url("adoption"), "-c", "copy", recording],
      { stdio: ["pipe", "ignore", "inherit"] },
    );
    const recorded = once(recorder, "exit");
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = Date.now();
      await waitUntil(() => measuredSince(service.port, id, before), 30_000);
      await agent.kill();
      const start = Date.now();
      const restarted = startAgent(service.port, env, { earlier: agent });
      await waitUntil(() => measuredSince(service.port, id, start), 30_000);
      supervisedMs.push(Date.now() - start);
      agent = await restarted;
    }
    recorder.stdin.end("q");
    await recorded;
    const distances = frameDistances(await videoPackets(recording));
    return { supervisedMs, longestFrameMs: Math.max(...distances) * 1000, frameMs: FRAME_MS };
  } finally {
    await agent.stop();
    await service.stop();
    await rtmp.close();
  }
}

/** Whether the agent is there and has passed on a measurement of the job that was made after that moment. */
async function measuredSince(port: number, jobId: string, moment: number): Promise<boolean> {
  const get = async <T>(path: string) => (await (await fetch(`http://127.0.0.1:${port}${path}`)).json()) as T;
  const [agents, job] = await Promise.all([get<AgentRecord[]>("/v1/agents"), get<JobDetail>(`/v1/jobs/${jobId}`)]);
  const measuredAt = Date.parse(job.progress?.measuredAt ?? "");
  return agents[0]?.state === "RUNNING" && job.status === "RUNNING" && measuredAt > moment;
}
