import type { OrchestratorOptions } from "../src/index.js";
import type { House } from "./house.js";
import type { SeedAgent, SeedAgentOptions } from "./seed-agent.js";

/** Quick leases: an agent that is silent is missed after 300 ms, and its jobs may move after a second. */
export const LEASE_MS = 1000;
export const QUICK_LEASES: OrchestratorOptions = {
  heartbeatIntervalMs: 100,
  heartbeatTimeoutMs: 300,
  leaseMs: LEASE_MS,
  restart: { maxRestarts: 5, baseMs: 1, maxMs: 1, goodRunMs: 60_000 },
};

/** An agent that knows leases. */
export const fencedAgent = (house: House, agentId: string, options: SeedAgentOptions = {}): Promise<SeedAgent> =>
  house.agent({ agentId, modern: {}, features: ["leases"], ...options });

/** When the agent's right to go on with a job ends, by `performance.now()`: counted from the sending of what was answered. */
export function leaseEnd(agent: SeedAgent, jobId: string): number {
  const ends = agent.received.flatMap(({ type, payload, correlationId }) => {
    const renews =
      type === "orchestrator.lease.renewed" && payload.jobs.some((job: { jobId: string }) => job.jobId === jobId);
    const begins = type === "orchestrator.assign.start" && payload.jobId === jobId;
    const sentAt = agent.beats.get((begins ? payload.leaseFrom : correlationId) ?? "");
    return (renews || begins) && sentAt !== undefined ? [sentAt + payload.leaseMs] : [];
  });
  return Math.max(...ends);
}
