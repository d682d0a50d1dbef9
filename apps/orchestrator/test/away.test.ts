import { describe, expect, test } from "@jest/globals";
import { measured } from "@stream-control/test-kit";
import { House } from "./house.js";
import type { SeedAgent } from "./seed-agent.js";

/** An agent that is away is missed soon; one that is connected is not expected to say anything for a long time. */
async function houseWithRunningJob(options: object = {}, body: object = {}) {
  const house = await House.open({ heartbeatIntervalMs: 100, heartbeatTimeoutMs: 60_000, ...options });
  const agent = await house.agent();
  const { id } = await house.submit(body);
  await house.jobIn(id, "RUNNING");
  return { house, agent, id };
}

async function leave(house: House, agent: SeedAgent) {
  await agent.cut();
  await house.agentIn(agent.agentId, "OFFLINE");
}

const types = async (house: House, id: string) => (await house.eventsOf(id)).map(({ type }) => type);

describe("while its agent is away", () => {
  test("a job stays what it is until the heartbeat timeout, then it is UNKNOWN, and RUNNING when the agent is back", async () => {
    const { house, agent, id } = await houseWithRunningJob({ heartbeatTimeoutMs: 800 });
    await using _house = house;
    await leave(house, agent);
    const unknown = await house.jobIn(id, "UNKNOWN");
    expect(unknown).toMatchObject({
      agentId: "agent-123",
      endedAt: null,
      reason: { code: "AGENT_OFFLINE", fault: "agent" },
    });
    expect(await house.agentIn("agent-123", "OFFLINE")).toMatchObject({ currentJobId: id });
    const backAt = performance.now();
    const back = await house.agent({ activeJob: { jobId: id, status: "RUNNING" } });
    const running = await house.jobIn(id, "RUNNING");
    measured("away for longer than the heartbeat timeout; the job stays", { from: backAt, to: performance.now() });
    expect(running).toMatchObject({ epoch: 1, startedAt: unknown.startedAt, reason: null });
    back.stopped(id);
    await house.jobIn(id, "STOPPED");
    expect(await types(house, id)).toEqual([
      "job.created",
      "job.assigned",
      "job.accepted",
      "job.running",
      "job.unknown",
      "job.running",
      "job.stopped",
    ]);
  });

  test("and back in time with the job: nothing happened to it", async () => {
    const { house, agent, id } = await houseWithRunningJob();
    await using _house = house;
    await leave(house, agent);
    const back = await house.agent({ activeJob: { jobId: id, status: "RUNNING" } });
    back.stopped(id);
    await house.jobIn(id, "STOPPED");
    expect(await types(house, id)).not.toContain("job.unknown");
  });

  test("and back without the job: it failed with JOB_LOST", async () => {
    const { house, agent, id } = await houseWithRunningJob();
    await using _house = house;
    await leave(house, agent);
    await house.agent();
    expect(await house.jobIn(id, "FAILED")).toMatchObject({ error: { code: "JOB_LOST" }, reason: { fault: "agent" } });
    await house.agentIn("agent-123", "IDLE");
  });

  test("and back without the job: by its policy it is started again", async () => {
    const restart = { maxRestarts: 1, baseMs: 1, maxMs: 1, goodRunMs: 60_000 };
    const { house, agent, id } = await houseWithRunningJob({ restart }, { restartPolicy: "onFailure" });
    await using _house = house;
    await leave(house, agent);
    const back = await house.agent();
    expect((await back.assignment()).jobId).toBe(id);
    await house.jobWhere(id, (job) => job.status === "RUNNING" && job.epoch === 2, "running again");
  });

  test("a job that the agent speaks of after a hello that did not name it goes on", async () => {
    const { house, agent, id } = await houseWithRunningJob();
    await using _house = house;
    const gone = await house.agent({ agentId: "witness" });
    const witnessed = await house.submit();
    await house.jobIn(witnessed.id, "RUNNING");
    await leave(house, agent);
    await leave(house, gone);
    const back = await house.agent();
    back.update(id, "RUNNING");
    // The other agent, back later and without its job, shows that the time for this one has passed too.
    await house.agent({ agentId: "witness" });
    await house.jobIn(witnessed.id, "FAILED");
    expect(await house.job(id)).toMatchObject({ status: "RUNNING", epoch: 1 });
  });

  test("the end that it reports when it is back counts", async () => {
    const { house, agent, id } = await houseWithRunningJob();
    await using _house = house;
    await leave(house, agent);
    const back = await house.agent({ activeJob: null });
    back.fail(id, "OBS_CRASHED", "It crashed meanwhile.");
    expect(await house.jobIn(id, "FAILED")).toMatchObject({ error: { code: "OBS_CRASHED" } });
  });

  test("a stop is kept for it, and told when it is back", async () => {
    const { house, agent, id } = await houseWithRunningJob({ heartbeatTimeoutMs: 800 });
    await using _house = house;
    await leave(house, agent);
    await house.jobIn(id, "UNKNOWN");
    const { status, body } = await house.api("POST", `/v1/jobs/${id}/stop`);
    expect(status).toBe(202);
    expect(body.job).toMatchObject({ status: "STOPPING", wantedStatus: "STOPPED" });
    const back = await house.agent({ activeJob: { jobId: id, status: "RUNNING" } });
    await back.next("orchestrator.job.stop", (payload) => payload.jobId === id);
    expect(await house.jobIn(id, "STOPPED")).toMatchObject({ epoch: 1 });
  });

  test("a stop ends as STOPPED when it comes back without the job", async () => {
    const { house, agent, id } = await houseWithRunningJob({}, { restartPolicy: "onFailure" });
    await using _house = house;
    await leave(house, agent);
    await house.api("POST", `/v1/jobs/${id}/stop`);
    await house.agent();
    expect(await house.jobIn(id, "STOPPED")).toMatchObject({ error: null });
  });

  test("for longer than the limit: the job fails, and is not given to another agent", async () => {
    const { house, agent, id } = await houseWithRunningJob(
      { heartbeatTimeoutMs: 800, unknownTimeoutMs: 100 },
      { restartPolicy: "onFailure" },
    );
    await using _house = house;
    const leftAt = performance.now();
    await leave(house, agent);
    expect(await house.jobIn(id, "FAILED")).toMatchObject({ error: { code: "AGENT_OFFLINE" }, epoch: 1, restarts: 0 });
    measured(
      "the machine is dead; the job stays",
      { from: leftAt, to: performance.now() },
      { setting: { name: "HEARTBEAT_TIMEOUT_MS + JOB_UNKNOWN_TIMEOUT_MS", ms: 900 } },
    );
    // It is back after all: what it still runs is stopped, because the job has been given up.
    const late = await house.agent({ activeJob: { jobId: id, status: "RUNNING" }, onStop: () => undefined });
    await late.next("orchestrator.job.stop", ({ reason }) => reason === "NOT_YOURS");
  });

  test("an agent with several slots names all its jobs, and those it does not name are lost", async () => {
    await using house = await House.open({ heartbeatIntervalMs: 100 });
    const agent = await house.agent({ slots: 3, modern: {} });
    const jobs = [];
    for (let n = 0; n < 3; n += 1) jobs.push(await house.submit());
    for (const { id } of jobs) await house.jobIn(id, "RUNNING");
    await leave(house, agent);
    const [kept, lost, stopping] = jobs.map(({ id }) => id);
    await house.api("POST", `/v1/jobs/${stopping}/stop`);
    const back = await house.agent({
      slots: 3,
      modern: {
        activeJobs: [
          { jobId: kept, status: "RUNNING", epoch: 1 },
          { jobId: stopping, status: "STOPPING", epoch: 1 },
        ],
      },
    });
    expect(await house.jobIn(lost, "FAILED")).toMatchObject({ error: { code: "JOB_LOST" } });
    expect(await house.job(kept)).toMatchObject({ status: "RUNNING" });
    await house.jobIn(stopping, "STOPPED");
    expect(back.ofType("orchestrator.job.stop").map(({ payload }) => payload.jobId)).toEqual([stopping]);
  });

  test("an agent with several slots that names one job has said nothing of the others", async () => {
    await using house = await House.open({ heartbeatIntervalMs: 50 });
    const agent = await house.agent({ slots: 2 });
    const witness = await house.agent({ agentId: "witness", drain: true });
    const [one, two] = [await house.submit(), await house.submit()];
    for (const { id } of [one, two]) await house.jobIn(id, "RUNNING");
    await house.api("POST", "/v1/agents/witness/drain", { drain: false });
    const third = await house.submit();
    await house.jobIn(third.id, "RUNNING");
    await leave(house, agent);
    await leave(house, witness);
    const back = await house.agent({ slots: 2, activeJob: { jobId: one.id, status: "RUNNING" } });
    await house.agent({ agentId: "witness" });
    await house.jobIn(third.id, "FAILED");
    expect((await house.job(two.id)).status).toBe("RUNNING");
    back.stopped(two.id);
    await house.jobIn(two.id, "STOPPED");
  });
});

describe("a job that is someone else's by now", () => {
  test("is stopped on the agent that comes back with it", async () => {
    await using house = await House.open({ ackTimeoutMs: 100, heartbeatIntervalMs: 100 });
    const slow = await house.agent({ agentId: "slow", onAssign: () => undefined });
    const { id } = await house.submit();
    await slow.assignment();
    await house.agent({ agentId: "other" });
    expect(await house.jobIn(id, "RUNNING")).toMatchObject({ agentId: "other" });
    await leave(house, slow);
    const back = await house.agent({ agentId: "slow", activeJob: { jobId: id, status: "RUNNING" } });
    await back.next("orchestrator.job.stop", ({ reason }) => reason === "NOT_YOURS");
    await back.roundTrip();
    await house.api("PUT", `/v1/jobs/${id}/metadata`, { viewers: 1 });
    expect(await house.job(id)).toMatchObject({ status: "RUNNING", agentId: "other" });
  });
});

describe("a restart of the orchestrator", () => {
  test("keeps running jobs RUNNING when their agents come back in time, and waiting ones waiting", async () => {
    await using house = await House.open({ heartbeatIntervalMs: 100 });
    await house.agent();
    const running = await house.submit({ idempotencyKey: "the-one" });
    const before = await house.jobIn(running.id, "RUNNING");
    const waiting = await house.submit();
    await house.stop();
    await house.start();
    expect(await house.job(running.id)).toEqual(before);
    expect(await house.job(waiting.id)).toMatchObject({ status: "PENDING", id: waiting.id });
    expect((await house.api("GET", "/v1/agents")).body).toMatchObject([
      { id: "agent-123", state: "OFFLINE", currentJobId: running.id },
    ]);
    const back = await house.agent({ activeJob: { jobId: running.id, status: "RUNNING" } });
    await house.agentIn("agent-123", "RUNNING");
    // Its slot is still taken: the waiting job starts only when the running one has ended.
    expect((await house.job(waiting.id)).pendingReason).toContain("busy");
    back.stopped(running.id);
    await house.jobIn(waiting.id, "RUNNING");
    expect(await house.job(running.id)).toMatchObject({ status: "STOPPED", epoch: 1, startedAt: before.startedAt });
    const again = await house.api("POST", "/v1/jobs", { inlineConfig: {}, idempotencyKey: "the-one" });
    expect([again.status, again.body.id]).toEqual([200, running.id]);
  });

  test("gives agents the heartbeat timeout to come back before it says UNKNOWN", async () => {
    await using house = await House.open();
    await house.agent();
    const { id } = await house.submit();
    await house.jobIn(id, "RUNNING");
    await house.stop();
    await house.start({ heartbeatTimeoutMs: 800 });
    expect((await house.job(id)).status).toBe("RUNNING");
    await house.jobIn(id, "UNKNOWN");
    await house.agent({ activeJob: { jobId: id, status: "RUNNING" } });
    await house.jobIn(id, "RUNNING");
  });

  test.each([
    ["the agent comes back without it", true],
    ["nobody answers", false],
  ])("assigns again what had not been taken: %s", async (_what, back) => {
    await using house = await House.open({ heartbeatIntervalMs: 50, ackTimeoutMs: back ? 60_000 : 1200 });
    const agent = await house.agent({ onAssign: () => undefined });
    const { id } = await house.submit();
    await agent.assignment();
    await house.jobIn(id, "ASSIGNED");
    await house.stop();
    // The agent counts as away sooner than its answer is missed: that alone must not lose the job.
    await house.start(back ? {} : { heartbeatTimeoutMs: 600, unknownTimeoutMs: 1300 });
    await house.agent({ agentId: back ? "agent-123" : "other" });
    expect(await house.jobIn(id, "RUNNING")).toMatchObject({ epoch: 2, restarts: 0 });
  });

  test("goes on with a stop that was under way", async () => {
    await using house = await House.open();
    await house.agent({ onStop: () => undefined });
    const { id } = await house.submit();
    await house.jobIn(id, "RUNNING");
    await house.api("POST", `/v1/jobs/${id}/stop`);
    await house.stop();
    await house.start();
    expect(await house.job(id)).toMatchObject({ status: "STOPPING", wantedStatus: "STOPPED" });
    const back = await house.agent({ activeJob: { jobId: id, status: "RUNNING" } });
    await back.next("orchestrator.job.stop");
    await house.jobIn(id, "STOPPED");
  });

  test("goes on with a pause before a restart", async () => {
    const restart = { maxRestarts: 3, baseMs: 400, maxMs: 400, goodRunMs: 60_000 };
    await using house = await House.open({ restart });
    const agent = await house.agent();
    const { id } = await house.submit({ restartPolicy: "onFailure" });
    await house.jobIn(id, "RUNNING");
    agent.fail(id);
    await house.jobIn(id, "PENDING");
    await house.stop();
    await house.start();
    await house.agent();
    expect(await house.jobIn(id, "RUNNING")).toMatchObject({ epoch: 2, restarts: 1 });
  });
});
