import type { JobRecord } from "@stream-control/protocol";
import { type RtmpServer, runnersIn, signal, startRtmpServer } from "@stream-control/test-kit";
import { type Service, startAgent, startOrchestrator, waitUntil } from "./service.js";
import { post, SMALL_VIDEO } from "./small-job.js";

const ROUNDS = 3;
/** The orchestrator's defaults, and what may come on top. */
export const FAILOVER_WANTED_MS = 10_000 + 12_000 + 2000;

export interface FailoverResult {
  /** From the death of the machine to the first media of the next one at the RTMP server, in each round. */
  elsewhereMs: number[];
}

/**
 * A machine with a job that may move dies: agent, runner and ffmpegs in one moment. Two real agents, a real RTMP server,
 * default times.
 */
export async function measureFailover(): Promise<FailoverResult> {
  const service = await startOrchestrator();
  const rtmp = await startRtmpServer();
  const agents = new Map<string, Service>();
  const elsewhereMs: number[] = [];
  try {
    for (const id of ["one", "two"]) agents.set(id, await startAgent(service.port, { AGENT_ID: id, SLOTS: "1" }));
    for (let round = 0; round < ROUNDS; round += 1) elsewhereMs.push(await dieOnce(service, rtmp, agents, round));
  } finally {
    for (const agent of agents.values()) await agent.stop();
    await service.stop();
    await rtmp.close();
  }
  return { elsewhereMs };
}

async function dieOnce(
  { port }: Service,
  rtmp: RtmpServer,
  agents: Map<string, Service>,
  round: number,
): Promise<number> {
  const name = `failover-${round}`;
  const job = await post<JobRecord>(port, "/v1/jobs", {
    inlineConfig: {
      source: { type: "test" },
      destinations: [{ type: "rtmp", url: rtmp.url(name) }],
      video: SMALL_VIDEO,
    },
    restartPolicy: "onFailure",
  });
  const get = async () => (await (await fetch(`http://127.0.0.1:${port}/v1/jobs/${job.id}`)).json()) as JobRecord;
  await waitUntil(async () => (await get()).status === "RUNNING" && rtmp.live.has(`/live/${name}`), 30_000);
  const { agentId } = await get();
  const victim = agents.get(agentId ?? "");
  if (agentId === null || victim === undefined) throw new Error("Nobody knows which agent runs the job.");

  const runners = await runnersIn(victim.dataDir);
  const died = Date.now();
  const gone = victim.kill();
  for (const { pid } of runners) signal(-pid, "SIGKILL");
  await gone;
  const next = () =>
    rtmp.sessions.find(
      ({ streamPath, since, spans }) => streamPath === `/live/${name}` && since > died && spans.length > 0,
    );
  await waitUntil(async () => next() !== undefined, 60_000);
  const elapsed = (next()?.spans[0]?.from ?? Number.NaN) - died;

  await post(port, `/v1/jobs/${job.id}/stop`);
  await waitUntil(async () => (await get()).status === "STOPPED", 30_000);
  await victim.stop();
  agents.set(agentId, await startAgent(port, { AGENT_ID: agentId, SLOTS: "1" }));
  return elapsed;
}
