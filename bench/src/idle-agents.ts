import { Fleet } from "./fleet.js";
import { startOrchestrator, usageOf } from "./service.js";

const AGENTS = 5000;
const SECONDS = 20;

export interface IdleResult {
  agents: number;
  rssMiB: number;
  /** Of one core. */
  cpuPercent: number;
}

/** What agents cost that only send their heartbeats, at the default interval of 3 s. */
export async function measureIdleAgents(): Promise<IdleResult> {
  const service = await startOrchestrator();
  const fleet = new Fleet({ port: service.port, agents: AGENTS, slots: 1 });
  try {
    await fleet.connect();
    const { pid } = service.child;
    if (pid === undefined) throw new Error("The orchestrator has no process id.");
    // The first heartbeats are spread over one interval; measure after it.
    await new Promise((resolve) => setTimeout(resolve, 4000));
    const before = await usageOf(pid);
    await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
    const after = await usageOf(pid);
    const agents = (await (await fetch(`http://127.0.0.1:${service.port}/v1/agents`)).json()) as { state: string }[];
    return {
      agents: agents.filter(({ state }) => state === "IDLE").length,
      rssMiB: after.rssMiB,
      cpuPercent: ((after.cpuSeconds - before.cpuSeconds) / SECONDS) * 100,
    };
  } finally {
    await fleet.close();
    await service.stop();
  }
}
