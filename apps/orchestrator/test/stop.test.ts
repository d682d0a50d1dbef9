import { describe, expect, test } from "@jest/globals";
import { measured } from "@stream-control/test-kit";
import { House } from "./house.js";

const waits = () => undefined;
const QUICK = { stopGraceMs: 100, killAfterMs: 100 };

describe("an agent that does not stop its job", () => {
  test("is told to kill it after the grace, and the job fails when nothing comes", async () => {
    await using house = await House.open(QUICK);
    const agent = await house.agent({ onStop: waits });
    const { id } = await house.submit({ restartPolicy: "onFailure" });
    await house.jobIn(id, "RUNNING");
    const askedAt = performance.now();
    await house.api("POST", `/v1/jobs/${id}/stop`);
    expect((await agent.next("orchestrator.job.stop")).payload).toMatchObject({ jobId: id, deadlineMs: 100 });
    expect((await agent.next("orchestrator.job.kill")).payload).toEqual({ jobId: id, reason: "STOP_TIMEOUT" });
    expect(await house.jobIn(id, "FAILED")).toMatchObject({
      error: { code: "STOP_FAILED" },
      reason: { fault: "agent" },
      restarts: 0,
    });
    measured(
      "a stop that the agent does not confirm",
      { from: askedAt, to: performance.now() },
      { setting: { name: "STOP_GRACE_MS + KILL_AFTER_MS", ms: QUICK.stopGraceMs + QUICK.killAfterMs } },
    );
    // The slot counts as free, and what the agent still runs is stopped when it speaks of it.
    const next = await house.submit();
    await house.jobIn(next.id, "RUNNING");
    agent.update(id, "RUNNING");
    await agent.next("orchestrator.job.stop", ({ reason }) => reason === "NOT_YOURS");
    expect((await house.job(id)).status).toBe("FAILED");
  });

  test("may end it by the kill", async () => {
    await using house = await House.open({ stopGraceMs: 50, killAfterMs: 60_000 });
    const agent = await house.agent({ onStop: waits, onKill: (self, jobId) => self.stopped(jobId) });
    const { id } = await house.submit();
    await house.jobIn(id, "RUNNING");
    await house.api("POST", `/v1/jobs/${id}/stop`);
    expect(await house.jobIn(id, "STOPPED")).toMatchObject({ error: null });
    expect(agent.ofType("orchestrator.job.kill")).toHaveLength(1);
  });

  test("is told again when the stop is asked for again; the job ends once", async () => {
    await using house = await House.open();
    const agent = await house.agent({ onStop: waits });
    const { id } = await house.submit();
    await house.jobIn(id, "RUNNING");
    for (let n = 1; n <= 3; n += 1) {
      const { status, body } = await house.api("POST", `/v1/jobs/${id}/stop`);
      expect([status, body.job.status]).toEqual([202, "STOPPING"]);
    }
    await agent.roundTrip();
    expect(agent.ofType("orchestrator.job.stop")).toHaveLength(3);
    agent.update(id, "RUNNING");
    agent.update(id, "STOPPING");
    agent.stopped(id);
    agent.stopped(id);
    await house.jobIn(id, "STOPPED");
    await agent.roundTrip();
    await house.api("PUT", `/v1/jobs/${id}/metadata`, { viewers: 1 });
    const types = (await house.eventsOf(id)).map(({ type }) => type);
    expect(types.filter((type) => type === "job.stopping")).toHaveLength(1);
    expect(types.filter((type) => type === "job.stopped")).toHaveLength(1);
  });

  test("that it had begun to stop by itself can be stopped for good", async () => {
    await using house = await House.open({ restart: { maxRestarts: 3, baseMs: 1, maxMs: 1, goodRunMs: 1000 } });
    const agent = await house.agent({ onStop: waits });
    const { id } = await house.submit({ restartPolicy: "onFailure" });
    await house.jobIn(id, "RUNNING");
    agent.update(id, "STOPPING");
    await house.jobIn(id, "STOPPING");
    const { body } = await house.api("POST", `/v1/jobs/${id}/stop`);
    expect(body.job).toMatchObject({ status: "STOPPING", wantedStatus: "STOPPED" });
    await agent.next("orchestrator.job.stop");
    agent.fail(id);
    expect(await house.jobIn(id, "FAILED")).toMatchObject({ epoch: 1 });
  });
});

describe("a stop that meets an assignment", () => {
  test("before the agent has answered: it is told after its assignment, and its late yes starts nothing", async () => {
    await using house = await House.open();
    const agent = await house.agent({ onAssign: waits, onStop: waits });
    const { id } = await house.submit();
    const given = await agent.assignment();
    await house.api("POST", `/v1/jobs/${id}/stop`);
    await agent.next("orchestrator.job.stop");
    agent.run(given);
    agent.stopped(id);
    expect(await house.jobIn(id, "STOPPED")).toMatchObject({ startedAt: null });
    await house.agentIn("agent-123", "IDLE");
  });

  test("that the agent declines: the job is canceled and nobody waits for its end", async () => {
    await using house = await House.open();
    const agent = await house.agent({ onAssign: waits, onStop: waits });
    const { id } = await house.submit();
    const given = await agent.assignment();
    await house.api("POST", `/v1/jobs/${id}/stop`);
    await agent.next("orchestrator.job.stop");
    agent.ack(given, { accepted: false, reason: "busy" });
    expect(await house.jobIn(id, "CANCELED")).toMatchObject({
      agentId: null,
      error: null,
      endedAt: expect.any(String),
    });
    await house.agentIn("agent-123", "IDLE");
  });

  test("in the same moment, a hundred times: every job ends and every slot comes free", async () => {
    await using house = await House.open({ stopGraceMs: 60_000 });
    const agent = await house.agent({ slots: 4 });
    await Promise.all(
      Array.from({ length: 100 }, async () => {
        const { id } = await house.submit();
        const askedAt = performance.now();
        await house.api("POST", `/v1/jobs/${id}/stop`);
        await house.jobIn(id, "CANCELED", "STOPPED");
        measured(
          "a stop, in any status",
          { from: askedAt, to: performance.now() },
          { until: "end, of a hundred at once" },
        );
      }),
    );
    expect(await house.agentIn("agent-123", "IDLE")).toMatchObject({ currentJobIds: [] });
    for (const { jobId } of agent.assignments) expect((await house.job(jobId)).status).toBe("STOPPED");
  });
});
