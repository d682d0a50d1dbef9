import { describe, expect, test } from "@jest/globals";
import { measured } from "@stream-control/test-kit";
import { fencedAgent, LEASE_MS, leaseEnd, QUICK_LEASES } from "./fenced.js";
import { House } from "./house.js";
import type { SeedAgent } from "./seed-agent.js";

const waits = () => undefined;
const setting = (ms: number) => ({ setting: { name: "LEASE_MS", ms } });
const types = async (house: House, id: string) => (await house.eventsOf(id)).map(({ type }) => type);

/** Notes when an agent is given its first job. */
function givenAt(agent: SeedAgent): Promise<number> {
  return new Promise((resolve) => {
    agent.onMessage(({ type }) => {
      if (type === "orchestrator.assign.start") resolve(performance.now());
    });
  });
}

/** A house in which the agent "first" runs a job that may move, and the agent "second" is free. */
async function running(body: object = { restartPolicy: "onFailure" }, options: object = {}) {
  const house = await House.open({ ...QUICK_LEASES, ...options });
  const first = await fencedAgent(house, "first");
  const { id } = await house.submit(body);
  await house.jobIn(id, "RUNNING");
  const second = await fencedAgent(house, "second");
  return { house, first, second, id };
}

describe("a lease", () => {
  test.concurrent("comes with the assignment, counts from a hello or heartbeat, and is renewed with every heartbeat", async () => {
    const { house, first, id } = await running();
    await using _house = house;
    const { payload } = await first.assignment();
    expect(payload).toMatchObject({ onDisconnect: "fence", leaseMs: LEASE_MS, epoch: 1 });
    expect(first.beats.has(payload.leaseFrom)).toBe(true);
    const renewed = await first.next("orchestrator.lease.renewed");
    expect(renewed.payload).toEqual({ leaseMs: LEASE_MS, jobs: [{ jobId: id, epoch: 1 }] });
    first.heartbeat();
    const last = [...first.beats.keys()].at(-1);
    await house.jobWhere(id, () => first.received.some(({ correlationId }) => correlationId === last), "renewed");
    expect(await house.job(id)).toMatchObject({ onDisconnect: "fence", restartPolicy: "onFailure" });
  });

  test.concurrent.each([
    ["an agent that does not know leases", { features: [] }, { restartPolicy: "onFailure" }],
    ["a job that goes on while cut off", {}, { restartPolicy: "onFailure", onDisconnect: "continue" }],
    ["a job that is not restarted", {}, {}],
  ])("is not given for %s: nobody renews it, and the job never moves", async (_what, agent, body) => {
    await using house = await House.open({ ...QUICK_LEASES, leaseMs: 500, unknownTimeoutMs: 1200 });
    const first = await fencedAgent(house, "first", agent);
    const { id } = await house.submit(body);
    await house.jobIn(id, "RUNNING");
    const second = await fencedAgent(house, "second");
    await first.roundTrip();
    expect((await first.assignment()).payload.leaseMs).toBeUndefined();
    expect(first.ofType("orchestrator.lease.renewed")).toEqual([]);
    await first.cut();
    await house.jobIn(id, "UNKNOWN");
    // What would have moved long ago by its lease fails by the limit of its absence instead.
    expect(await house.jobIn(id, "FAILED")).toMatchObject({ error: { code: "AGENT_OFFLINE" }, epoch: 1, restarts: 0 });
    expect(second.assignments).toEqual([]);
  });

  test.concurrent("may be asked for, for a job that is not restarted: it fails once the lease has run out", async () => {
    const { house, first, second, id } = await running({ onDisconnect: "fence" });
    await using _house = house;
    await first.cut();
    expect(await house.jobIn(id, "FAILED")).toMatchObject({
      error: { code: "AGENT_LOST" },
      reason: { fault: "agent" },
    });
    expect(performance.now()).toBeGreaterThan(leaseEnd(first, id));
    expect(second.assignments).toEqual([]);
  });
});

describe("a job whose agent is lost", () => {
  test.concurrent("is UNKNOWN, and runs on another agent with a new epoch only after the lease has run out", async () => {
    const { house, first, second, id } = await running();
    await using _house = house;
    const moved = givenAt(second);
    const lostAt = performance.now();
    await first.cut();
    await house.jobIn(id, "UNKNOWN");
    expect(await moved).toBeGreaterThan(leaseEnd(first, id));
    expect((await moved) - lostAt).toBeLessThan(300 + LEASE_MS + 2000);
    measured("the machine is dead; the job may move", { from: lostAt, to: await moved }, setting(LEASE_MS));
    expect(await house.jobIn(id, "RUNNING")).toMatchObject({ agentId: "second", epoch: 2, restarts: 1, error: null });
    expect((await house.eventsOf(id)).find(({ type }) => type === "stream.restart_requested")?.data).toMatchObject({
      code: "AGENT_LOST",
      fault: "agent",
    });
    // It is back with what it should have let go of: it is told so, and its reports change nothing.
    const back = await fencedAgent(house, "first", {
      modern: { activeJobs: [{ jobId: id, status: "RUNNING", epoch: 1 }] },
      onStop: waits,
    });
    await back.next("orchestrator.job.stop", ({ reason }) => reason === "NOT_YOURS");
    back.send("agent.job.stopped", { jobId: id, status: "FAILED", epoch: 1 });
    await back.roundTrip();
    expect(await house.job(id)).toMatchObject({ status: "RUNNING", agentId: "second", epoch: 2 });
    expect(back.ofType("orchestrator.lease.renewed")).toEqual([]);
  });

  test.concurrent("stays with the agent when that is back before, and nothing else happens to it", async () => {
    const { house, first, second, id } = await running(undefined, { leaseMs: 60_000 });
    await using _house = house;
    await first.cut();
    await house.jobIn(id, "UNKNOWN");
    const back = await fencedAgent(house, "first", {
      modern: { activeJobs: [{ jobId: id, status: "RUNNING", epoch: 1 }] },
    });
    await house.jobIn(id, "RUNNING");
    await back.next("orchestrator.lease.renewed", ({ jobs }) => jobs[0]?.jobId === id);
    expect(await types(house, id)).not.toContain("job.unassigned");
    expect(await house.job(id)).toMatchObject({ agentId: "first", epoch: 1 });
    expect(second.assignments).toEqual([]);
  });

  test.concurrent("is not given away while the agent is silent but its lease goes on", async () => {
    const { house, first, second, id } = await running(undefined, { leaseMs: 2500 });
    await using _house = house;
    const moved = givenAt(second);
    await first.cut();
    await house.jobIn(id, "UNKNOWN");
    const back = await fencedAgent(house, "first", {
      modern: { activeJobs: [{ jobId: id, status: "RUNNING", epoch: 1 }] },
    });
    await house.jobIn(id, "RUNNING");
    await back.next("orchestrator.lease.renewed");
    await back.cut();
    // The lease that counts is the one that was renewed last.
    expect(await moved).toBeGreaterThan(leaseEnd(back, id));
  });

  test.concurrent("and that is to stop by an operator is STOPPED once its lease has run out", async () => {
    const { house, first, id } = await running(undefined, { stopGraceMs: 50, killAfterMs: 50 });
    await using _house = house;
    await first.cut();
    await house.jobIn(id, "UNKNOWN");
    const askedAt = performance.now();
    await house.api("POST", `/v1/jobs/${id}/stop`);
    expect(await house.jobIn(id, "STOPPED")).toMatchObject({ reason: { code: "LEASE_ENDED" }, error: null, epoch: 1 });
    const endedAt = performance.now();
    expect(endedAt).toBeGreaterThan(leaseEnd(first, id));
    measured("a stop while the agent is away", { from: askedAt, to: endedAt }, setting(LEASE_MS));
    expect((await types(house, id)).filter((type) => /stopped|failed|canceled/.test(type))).toEqual(["job.stopped"]);
  });
});

describe("an assignment of a job that may move", () => {
  test.concurrent("which nobody answers is given to another agent only after its lease", async () => {
    await using house = await House.open({ ...QUICK_LEASES, ackTimeoutMs: 100, heartbeatTimeoutMs: 60_000 });
    const mute = await fencedAgent(house, "first", { onAssign: waits, onStop: waits });
    const { id } = await house.submit({ restartPolicy: "onFailure" });
    await mute.assignment();
    const second = await fencedAgent(house, "second");
    const moved = givenAt(second);
    const waiting = await house.jobIn(id, "PENDING");
    expect(waiting).toMatchObject({ agentId: null, reason: { code: "ASSIGNMENT_EXPIRED" } });
    expect(waiting.notBefore).not.toBeNull();
    expect((await house.job(id)).pendingReason).toContain("tried again");
    await mute.next("orchestrator.job.stop", ({ reason }) => reason === "ASSIGNMENT_EXPIRED");
    expect(await moved).toBeGreaterThan(leaseEnd(mute, id));
    expect(await house.jobIn(id, "RUNNING")).toMatchObject({ agentId: "second", epoch: 2, restarts: 0 });
  });

  test.concurrent("keeps that wait over a restart of the orchestrator, also where the wall clock says that it is over", async () => {
    await using house = await House.open({ ...QUICK_LEASES, ackTimeoutMs: 100, heartbeatTimeoutMs: 60_000 });
    const mute = await fencedAgent(house, "first", { onAssign: waits, onStop: waits });
    const { id } = await house.submit({ restartPolicy: "onFailure" });
    await mute.assignment();
    await house.jobIn(id, "PENDING");
    await house.stop();
    const restarted = performance.now();
    await house.start({ leaseMs: 1500 });
    const second = await fencedAgent(house, "second");
    const moved = givenAt(second);
    expect((await moved) - restarted).toBeGreaterThan(1500);
    measured(
      "the agent is cut off while the orchestrator is started again",
      { from: restarted, to: await moved },
      setting(1500),
    );
  });
});

describe("after a restart of the orchestrator", () => {
  test.concurrent("a whole lease is waited for before anything moves", async () => {
    const { house, first, second, id } = await running();
    await using _house = house;
    await first.cut();
    await second.cut();
    await house.stop();
    const restarted = performance.now();
    await house.start({ leaseMs: 1500 });
    const again = await fencedAgent(house, "second");
    const moved = await givenAt(again);
    expect(moved - restarted).toBeGreaterThan(1500);
    measured("an agent does not come back after it", { from: restarted, to: moved }, setting(1500));
    expect(await house.jobIn(id, "RUNNING")).toMatchObject({ agentId: "second", epoch: 2 });
  });
});

describe("two machines with one agent id", () => {
  test.concurrent("the second displaces the first; a job that it does not name moves only when the first must have let go", async () => {
    const { house, first, second, id } = await running(undefined, { heartbeatTimeoutMs: 60_000 });
    await using _house = house;
    const moved = Promise.race([givenAt(second)]);
    const twin = await fencedAgent(house, "first", { onAssign: waits });
    expect(await first.closed).toMatchObject({ code: 4003 });
    expect(await moved).toBeGreaterThan(leaseEnd(first, id));
    expect(await house.jobIn(id, "RUNNING")).toMatchObject({ agentId: "second", epoch: 2 });
    expect(twin.ofType("orchestrator.lease.renewed")).toEqual([]);
  });

  test.concurrent("when the first comes back with its job, the job is its own as before", async () => {
    const { house, first, second, id } = await running(undefined, { heartbeatTimeoutMs: 60_000, leaseMs: 60_000 });
    await using _house = house;
    const twin = await fencedAgent(house, "first");
    await first.closed;
    const back = await fencedAgent(house, "first", {
      modern: { activeJobs: [{ jobId: id, status: "RUNNING", epoch: 1 }] },
    });
    expect(await twin.closed).toMatchObject({ code: 4003 });
    await back.next("orchestrator.lease.renewed", ({ jobs }) => jobs[0]?.jobId === id);
    expect(await house.job(id)).toMatchObject({ status: "RUNNING", agentId: "first", epoch: 1 });
    expect([...second.assignments, ...twin.assignments]).toEqual([]);
    expect(await types(house, id)).toEqual(["job.created", "job.assigned", "job.accepted", "job.running"]);
  });
});
