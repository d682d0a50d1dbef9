import { describe, expect, test } from "@jest/globals";
import { measured } from "@stream-control/test-kit";
import { fencedAgent, QUICK_LEASES } from "./fenced.js";
import { House } from "./house.js";

const waits = () => undefined;
const drain = (house: House, agentId: string, body: object) => house.api("POST", `/v1/agents/${agentId}/drain`, body);

/** An agent "leaving" with movable jobs and one that is not movable, all running. */
async function leaving({ movable = 2, slots = 4, options = {} } = {}) {
  const house = await House.open(options);
  const agent = await house.agent({ agentId: "leaving", slots });
  const moving: string[] = [];
  for (let n = 0; n < movable; n += 1) moving.push((await house.submit({ restartPolicy: "onFailure" })).id);
  const staying: string = (await house.submit()).id;
  for (const id of [...moving, staying]) await house.jobIn(id, "RUNNING");
  return { house, agent, moving, staying };
}

describe("a drain with a deadline", () => {
  test("lets what runs finish before it, then moves what may move and stops the rest", async () => {
    const { house, agent, moving, staying } = await leaving();
    await using _house = house;
    const finished = (await house.submit()).id;
    await house.jobIn(finished, "RUNNING");
    const askedAt = performance.now();
    const { status, body } = await drain(house, "leaving", { drain: true, deadlineMs: 400 });
    expect([status, body.ok, body.agent.drain]).toEqual([200, true, true]);
    expect(Date.parse(body.agent.drainDeadlineAt)).toBeGreaterThan(Date.now() - 10_000);
    agent.stopped(finished);
    await house.jobIn(finished, "STOPPED");
    await house.agent({ agentId: "other", slots: 4 });
    for (const id of moving)
      expect(
        await house.jobWhere(id, (job) => job.agentId === "other" && job.status === "RUNNING", "moved"),
      ).toMatchObject({ epoch: 2, restarts: 0, wantedStatus: "RUNNING", error: null });
    expect(await house.jobIn(staying, "STOPPED")).toMatchObject({ wantedStatus: "STOPPED" });
    measured(
      "a drain with a deadline",
      { from: askedAt, to: performance.now() },
      { setting: { name: "deadlineMs", ms: 400 } },
    );
    const log = await house.eventsOf(moving[0] ?? "");
    expect(log.map(({ type }) => type)).toEqual(expect.arrayContaining(["job.moving", "job.moved"]));
    expect((await house.eventsOf(staying)).find(({ type }) => type === "job.stopping")?.message).toContain("deadline");
    // It is empty, and stays out of service until the operator says otherwise.
    expect(await house.agentIn("leaving", "DRAINING")).toMatchObject({ currentJobIds: [] });
  });

  test("moves a job that is still starting, too", async () => {
    await using house = await House.open();
    const agent = await house.agent({ agentId: "leaving", onAssign: (self, given) => self.ack(given) });
    const { id } = await house.submit({ restartPolicy: "onFailure" });
    await house.jobIn(id, "ACCEPTED");
    await house.agent({ agentId: "other" });
    await drain(house, "leaving", { drain: true, deadlineMs: 0 });
    expect(await house.jobIn(id, "RUNNING")).toMatchObject({ agentId: "other" });
    expect(agent.ofType("orchestrator.job.stop")[0]?.payload).toMatchObject({ jobId: id, reason: "MOVE_REQUESTED" });
  });

  test("survives reconnects of the agent and a restart of the orchestrator, which carries it out", async () => {
    const { house, agent, moving, staying } = await leaving({ movable: 1 });
    await using _house = house;
    await drain(house, "leaving", { drain: true, deadlineMs: 1500 });
    const named = [...moving, staying].map((jobId) => ({ jobId, status: "RUNNING", epoch: 1 }));
    const options = { agentId: "leaving", slots: 4, modern: { activeJobs: named } };
    await agent.cut();
    await (await house.agent(options)).cut();
    await house.stop();
    await house.start();
    const { body } = await house.api("GET", "/v1/agents/leaving");
    expect([body.drain, typeof body.drainDeadlineAt]).toEqual([true, "string"]);
    await house.agent(options);
    await house.agent({ agentId: "other" });
    await house.jobWhere(moving[0] ?? "", (job) => job.agentId === "other" && job.status === "RUNNING", "moved");
    await house.jobIn(staying, "STOPPED");
  });

  test("whose deadline passed while everybody was away tells the agent when it is back", async () => {
    const { house, agent, moving, staying } = await leaving({ movable: 1 });
    await using _house = house;
    await drain(house, "leaving", { drain: true, deadlineMs: 100 });
    await agent.cut();
    await house.jobIn(staying, "STOPPING");
    await house.jobIn(moving[0] ?? "", "STOPPING");
    await house.agent({ agentId: "other" });
    const named = [...moving, staying].map((jobId) => ({ jobId, status: "RUNNING", epoch: 1 }));
    await house.agent({ agentId: "leaving", slots: 4, modern: { activeJobs: named } });
    await house.jobWhere(moving[0] ?? "", (job) => job.agentId === "other" && job.status === "RUNNING", "moved");
    await house.jobIn(staying, "STOPPED");
  });
});

describe("a drain that migrates", () => {
  test("moves one job at a time, only where there is room, and leaves the others running", async () => {
    const { house, agent, moving, staying } = await leaving({ movable: 3 });
    await using _house = house;
    let stopping = 0;
    let most = 0;
    const count = (change: number) => {
      stopping += change;
      most = Math.max(most, stopping);
    };
    agent.onMessage(({ type }) => type === "orchestrator.job.stop" && count(1));
    await drain(house, "leaving", { drain: true, migrate: true });
    await agent.roundTrip();
    expect(agent.ofType("orchestrator.job.stop")).toEqual([]);
    const other = await house.agent({
      agentId: "other",
      slots: 2,
      onAssign: (self, given) => {
        count(-1);
        self.run(given);
      },
    });
    await other.assignment(1);
    for (const { jobId } of other.assignments) await house.jobIn(jobId, "RUNNING");
    // There is no more room: the third stays until there is.
    const left = moving.filter((id) => !other.assignments.some(({ jobId }) => jobId === id));
    expect(left).toHaveLength(1);
    await house.api("PUT", `/v1/jobs/${left[0]}/metadata`, { viewers: 1 });
    expect(await house.job(left[0] ?? "")).toMatchObject({ status: "RUNNING", agentId: "leaving", epoch: 1 });
    await house.agent({
      agentId: "third",
      onAssign: (self, given) => {
        count(-1);
        self.run(given);
      },
    });
    await house.jobWhere(left[0] ?? "", (job) => job.agentId === "third" && job.status === "RUNNING", "moved");
    expect(most).toBe(1);
    expect(await house.job(staying)).toMatchObject({ status: "RUNNING", agentId: "leaving" });
  });

  test("goes on after a restart of the orchestrator", async () => {
    const { house, moving, staying } = await leaving({ movable: 1 });
    await using _house = house;
    await drain(house, "leaving", { drain: true, migrate: true });
    await house.stop();
    await house.start();
    const named = [...moving, staying].map((jobId) => ({ jobId, status: "RUNNING", epoch: 1 }));
    await house.agent({ agentId: "leaving", slots: 4, modern: { activeJobs: named } });
    await house.agent({ agentId: "other" });
    await house.jobWhere(moving[0] ?? "", (job) => job.agentId === "other" && job.status === "RUNNING", "moved");
  });

  test("of an agent that does not let go: the job runs elsewhere once its lease has run out", async () => {
    await using house = await House.open({
      ...QUICK_LEASES,
      ...{ heartbeatTimeoutMs: 60_000, stopGraceMs: 50, killAfterMs: 50 },
    });
    const stuck = await fencedAgent(house, "leaving", { onStop: waits });
    const { id } = await house.submit({ restartPolicy: "onFailure" });
    await house.jobIn(id, "RUNNING");
    await house.agent({ agentId: "other" });
    await drain(house, "leaving", { drain: true, migrate: true });
    await stuck.next("orchestrator.job.kill");
    expect(
      await house.jobWhere(id, (job) => job.agentId === "other" && job.status === "RUNNING", "moved"),
    ).toMatchObject({
      epoch: 2,
    });
  });
});

describe("a drain", () => {
  test("can be ended before its deadline: nothing is moved or stopped, and the agent takes jobs again", async () => {
    const { house, agent, moving, staying } = await leaving({ movable: 1 });
    await using _house = house;
    await drain(house, "leaving", { drain: true, deadlineMs: 300 });
    const waiting = await house.submit();
    expect((await house.job(waiting.id)).status).toBe("PENDING");
    const { body } = await drain(house, "leaving", { drain: false });
    expect(body.agent).toMatchObject({ drain: false, drainDeadlineAt: null, state: "RUNNING" });
    await house.jobIn(waiting.id, "RUNNING");
    // A second deadline, on an empty agent, shows that the time of the first has passed.
    await house.agent({ agentId: "witness", drain: true });
    await drain(house, "witness", { drain: false });
    const witnessed = await house.submit({ inlineConfig: { kind: "test", video: { height: 100 } } });
    const { agentId } = await house.jobIn(witnessed.id, "RUNNING");
    await drain(house, agentId, { drain: true, deadlineMs: agentId === "witness" ? 400 : 604_800_000 });
    if (agentId === "witness") await house.jobIn(witnessed.id, "STOPPED");
    for (const id of [...moving, staying]) expect((await house.job(id)).status).toBe("RUNNING");
    expect(agent.ofType("orchestrator.job.stop")).toEqual([]);
  });

  test.each([
    {},
    { drain: "yes" },
    { drain: true, deadlineMs: -1 },
    { drain: true, deadlineMs: 1.5 },
    { drain: true, deadlineMs: 604_800_001 },
    { drain: true, migrate: "all" },
    [],
  ])("is not begun by a wrong body: %j", async (body) => {
    await using house = await House.open();
    await house.agent({ agentId: "leaving" });
    const answer = await drain(house, "leaving", body);
    expect([answer.status, answer.body.code]).toEqual([422, "VALIDATION_FAILED"]);
    expect((await house.api("GET", "/v1/agents/leaving")).body.drain).toBe(false);
    expect((await drain(house, "nobody", { drain: true })).status).toBe(404);
  });
});
