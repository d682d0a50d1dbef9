import { AgentClient, accept } from "@stream-control/agent-sdk";
import type { AgentRecord, JobRecord } from "@stream-control/protocol";
import { type Service, startOrchestrator, waitUntil } from "./service.js";

const AGENTS = 1000;
/** At the same time; more would wait for their answers in the client. */
const REQUESTS = 50;
const DEADLINE_MS = 60_000;
/** An orchestrator that is started again at once, and one that was away until every pause had grown to its bound. */
const OUTAGES_MS = [0, 20_000] as const;

export interface ReconcileResult {
  outageMs: number;
  /** From the start of the orchestrator's process until all agents are connected and all jobs are RUNNING. */
  allBackMs: number;
}

/**
 * An orchestrator with 1,000 agents, each running a job, is killed and started again on the same data. The agents are real
 * clients of the SDK with its default pauses.
 */
export async function measureReconcile(): Promise<ReconcileResult[]> {
  let service = await startOrchestrator();
  const fleet = Array.from({ length: AGENTS }, (_, index) => standIn(service.port, index));
  const results: ReconcileResult[] = [];
  try {
    for (const agent of fleet) agent.start();
    await waitUntil(async () => fleet.every(({ online }) => online), DEADLINE_MS);
    await submitAll(service.port);
    await waitUntil(() => allBack(service), DEADLINE_MS);
    for (const outageMs of OUTAGES_MS) {
      await service.kill();
      await new Promise((resolve) => setTimeout(resolve, outageMs));
      const start = performance.now();
      service = await startOrchestrator({}, service);
      await waitUntil(() => allBack(service), DEADLINE_MS);
      results.push({ outageMs, allBackMs: performance.now() - start });
    }
  } finally {
    await Promise.all(fleet.map((agent) => agent.stop()));
    await service.stop();
  }
  return results;
}

/** An agent that runs whatever it is given, without media. */
function standIn(port: number, index: number): AgentClient {
  const agent = new AgentClient({
    url: `ws://127.0.0.1:${port}/agent`,
    token: "dev-shared-token",
    agentId: `bench-${index}`,
    name: `Bench ${index}`,
    version: "1.0.0",
    handlers: {
      onAssign: ({ jobId }) => {
        agent.update(jobId, "RUNNING");
        return accept();
      },
      onStop: ({ jobId }) => agent.stopped(jobId, "STOPPED"),
    },
  });
  return agent;
}

async function submitAll(port: number): Promise<void> {
  let left = AGENTS;
  const submitter = async () => {
    while (left > 0) {
      left -= 1;
      const response = await fetch(`http://127.0.0.1:${port}/v1/jobs`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ inlineConfig: { streamUrl: "rtmp://example.com/live" } }),
      });
      if (response.status !== 201) throw new Error(`A job was answered with ${response.status}.`);
      await response.arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: REQUESTS }, submitter));
}

/** After a start the jobs are RUNNING by the log alone; only with their agents back is that known. */
async function allBack({ port }: Service): Promise<boolean> {
  const get = async <T>(path: string) => (await (await fetch(`http://127.0.0.1:${port}${path}`)).json()) as T;
  const agents = await get<AgentRecord[]>("/v1/agents");
  if (agents.filter(({ state }) => state === "RUNNING").length < AGENTS) return false;
  const jobs = await get<JobRecord[]>("/v1/jobs");
  return jobs.filter(({ status }) => status === "RUNNING").length === AGENTS;
}
