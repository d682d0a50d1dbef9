import { describe, expect, test } from "@jest/globals";
import { fencedAgent, QUICK_LEASES } from "./fenced.js";
import { House } from "./house.js";
import type { SeedAgent } from "./seed-agent.js";

const waits = () => undefined;
const PAUSED = { maxRestarts: 3, baseMs: 60_000, maxMs: 60_000, goodRunMs: 60_000 };
const FINAL = new Set(["job.stopped", "job.failed", "job.canceled"]);

interface Scene {
  house: House;
  agent: SeedAgent;
  id: string;
  /** What follows the stop, beside an agent that does as it is told. */
  after?: () => Promise<unknown>;
}

const reports = (status: string) => async (): Promise<Scene> => {
  const house = await House.open();
  const agent = await house.agent({
    onAssign: (self, given) => {
      self.ack(given);
      if (status !== "ACCEPTED") self.update(given.jobId, status);
    },
  });
  const { id } = await house.submit();
  await house.jobIn(id, status);
  return { house, agent, id };
};

async function away(options: object, body: object = {}): Promise<Scene> {
  const house = await House.open({ heartbeatIntervalMs: 100, heartbeatTimeoutMs: 500, ...options });
  const agent = await fencedAgent(house, "agent-123");
  const { id } = await house.submit(body);
  await house.jobIn(id, "RUNNING");
  await agent.cut();
  await house.jobIn(id, "UNKNOWN");
  return { house, agent, id };
}

const SCENES: [what: string, final: string, make: () => Promise<Scene>][] = [
  [
    "waits for an agent",
    "CANCELED",
    async () => {
      const house = await House.open();
      const agent = await house.agent({ slots: 0 });
      return { house, agent, id: (await house.submit()).id };
    },
  ],
  [
    "waits between two tries",
    "CANCELED",
    async () => {
      const house = await House.open({ restart: PAUSED });
      const agent = await house.agent();
      const { id } = await house.submit({ restartPolicy: "onFailure" });
      await house.jobIn(id, "RUNNING");
      agent.fail(id);
      await house.jobIn(id, "PENDING");
      return { house, agent, id };
    },
  ],
  [
    "waits for the end of a lease",
    "CANCELED",
    async () => {
      const house = await House.open({
        ...QUICK_LEASES,
        heartbeatTimeoutMs: 60_000,
        leaseMs: 60_000,
        ackTimeoutMs: 50,
      });
      const agent = await fencedAgent(house, "mute", { onAssign: waits, onStop: waits });
      const { id } = await house.submit({ restartPolicy: "onFailure" });
      await house.jobIn(id, "PENDING");
      await agent.next("orchestrator.job.stop");
      return { house, agent, id };
    },
  ],
  [
    "is assigned, but not acknowledged",
    "STOPPED",
    async () => {
      const house = await House.open();
      const agent = await house.agent({ onAssign: waits });
      const { id } = await house.submit();
      await agent.assignment();
      await house.jobIn(id, "ASSIGNED");
      return { house, agent, id };
    },
  ],
  ["is accepted", "STOPPED", reports("ACCEPTED")],
  ["is starting", "STOPPED", reports("STARTING")],
  ["is running", "STOPPED", reports("RUNNING")],
  ["is being stopped by its agent already", "STOPPED", reports("STOPPING")],
  [
    "is leaving its agent for another",
    "STOPPED",
    async () => {
      const house = await House.open();
      const agent = await house.agent({ onStop: waits });
      const { id } = await house.submit({ restartPolicy: "onFailure" });
      await house.jobIn(id, "RUNNING");
      await house.agent({ agentId: "other" });
      await house.api("POST", "/v1/agents/agent-123/drain", { drain: true, migrate: true });
      await agent.next("orchestrator.job.stop", ({ reason }) => reason === "MOVE_REQUESTED");
      const after = async () => {
        await agent.next("orchestrator.job.stop", ({ reason }) => reason === "STOP_REQUESTED");
        agent.stopped(id);
      };
      return { house, agent, id, after };
    },
  ],
  [
    "is unknown, and its agent comes back with it",
    "STOPPED",
    async () => {
      const scene = await away({});
      const after = () => scene.house.agent({ activeJob: { jobId: scene.id, status: "RUNNING" } });
      return { ...scene, after };
    },
  ],
  [
    "is unknown, and its agent comes back without it",
    "STOPPED",
    async () => {
      const scene = await away({});
      return { ...scene, after: () => scene.house.agent() };
    },
  ],
  ["is unknown for ever, without a lease", "FAILED", () => away({ stopGraceMs: 100, killAfterMs: 100 })],
  [
    "is unknown for ever, with a lease",
    "STOPPED",
    () => away({ stopGraceMs: 100, killAfterMs: 100, leaseMs: 700 }, { restartPolicy: "onFailure" }),
  ],
  [
    "runs on an agent that ignores it",
    "FAILED",
    async () => {
      const house = await House.open({ stopGraceMs: 100, killAfterMs: 100 });
      const agent = await house.agent({ onStop: waits });
      const { id } = await house.submit({ restartPolicy: "onFailure" });
      await house.jobIn(id, "RUNNING");
      return { house, agent, id, after: () => agent.next("orchestrator.job.kill") };
    },
  ],
];

describe("a stop of a job that", () => {
  test.concurrent.each(SCENES)("%s ends it as %s, once", async (_what, final, make) => {
    const { house, agent, id, after } = await make();
    await using _house = house;
    const asked = await Promise.all([1, 2, 3].map(() => house.api("POST", `/v1/jobs/${id}/stop`)));
    expect(asked.map(({ status }) => status)).toEqual([202, 202, 202]);
    await after?.();
    const ended = await house.jobIn(id, final);
    expect(ended).toMatchObject({ wantedStatus: "STOPPED", endedAt: expect.any(String) });
    if (final !== "CANCELED") expect(ended.error?.code ?? null).toBe(final === "FAILED" ? "STOP_FAILED" : null);
    // Whatever is still said about it, and another stop, change nothing.
    if (agent.socket.readyState === agent.socket.OPEN) {
      for (const status of ["RUNNING", "STOPPING", "FAILED"]) agent.update(id, status);
      agent.stopped(id, "FAILED");
      await agent.roundTrip();
    }
    await house.api("POST", `/v1/jobs/${id}/stop`);
    expect(await house.job(id)).toEqual(ended);
    expect((await house.eventsOf(id)).filter(({ type }) => FINAL.has(type))).toHaveLength(1);
    const agents = (await house.api("GET", "/v1/agents")).body;
    for (const { currentJobIds } of agents) expect(currentJobIds).toEqual([]);
  });
});
