import { describe, expect, test } from "@jest/globals";
import type { Logger } from "@stream-control/service-kit";
import { measured } from "@stream-control/test-kit";
import { House } from "./house.js";

describe("an agent that sends ten thousand messages a second", () => {
  /** How long a submission takes until the agent has it, in milliseconds, some times in a row. */
  async function latencies(house: House, agent: Awaited<ReturnType<House["agent"]>>, times: number): Promise<number[]> {
    const taken: number[] = [];
    for (let n = 0; n < times; n += 1) {
      const index = agent.assignments.length;
      const from = performance.now();
      const { id } = await house.submit();
      await agent.assignment(index);
      taken.push(performance.now() - from);
      await house.jobIn(id, "STOPPED");
    }
    return taken.sort((a, b) => a - b);
  }

  test("is slowed down, delays nobody else, loses nothing, and costs bounded memory", async () => {
    await using house = await House.open();
    const good = await house.agent({
      agentId: "good",
      onAssign: (self, given) => {
        self.run(given);
        self.stopped(given.jobId);
      },
    });
    const flood = await house.agent({ agentId: "flood", slots: 0 });
    const line = JSON.stringify({
      type: "agent.job.log",
      payload: { jobId: "none", level: "info", message: "x".repeat(500) },
    });
    const before = process.memoryUsage().rss;
    // Six seconds' worth, at ten thousand a second.
    for (let n = 0; n < 60_000; n += 1) flood.sendRaw(line);
    const taken = await latencies(house, good, 30);
    // It waits in the flooding agent's own buffers, not in the orchestrator.
    expect(flood.socket.bufferedAmount).toBeGreaterThan(0);
    expect(process.memoryUsage().rss - before).toBeLessThan(300 * 1024 * 1024);
    expect(taken[Math.floor(taken.length / 2)]).toBeLessThan(250);
    for (const ms of taken) measured("an agent sends 10,000 messages a second", ms);
    expect(flood.socket.readyState).toBe(flood.socket.OPEN);
    // It is still heard, in its turn.
    await house.agentIn("flood", "IDLE");
  });

  test("and they are all reports: every one is taken, in order, and its jobs end right", async () => {
    await using house = await House.open();
    const agent = await house.agent();
    const { id } = await house.submit();
    await house.jobIn(id, "RUNNING");
    for (let n = 1; n <= 5000; n += 1) agent.update(id, "RUNNING", { progress: { frame: n, fps: 30 } });
    agent.stopped(id);
    expect(await house.jobIn(id, "STOPPED")).toMatchObject({ progress: { frame: 5000 } });
  });
});

describe("an agent whose clock is an hour off", () => {
  test.each([-3_600_000, 3_600_000])(
    "by %d ms, in every time that it gives, is treated as any other",
    async (offMs) => {
      await using house = await House.open({ heartbeatIntervalMs: 100, heartbeatTimeoutMs: 1000 });
      const ts = () => new Date(Date.now() + offMs).toISOString();
      const agent = await house.agent({
        onAssign: (self, { jobId, msgId }) => {
          self.send("agent.assign.ack", { jobId, accepted: true }, { ts: ts(), correlationId: msgId });
          self.send("agent.job.update", { jobId, status: "RUNNING" }, { ts: ts() });
        },
      });
      const submittedAt = performance.now();
      const { id } = await house.submit();
      const running = await house.jobIn(id, "RUNNING");
      measured("an agent's clock is an hour off", { from: submittedAt, to: performance.now() });
      agent.send("agent.job.log", { jobId: id, level: "info", message: "A line.", ts: ts() }, { ts: ts() });
      agent.send("agent.heartbeat", {}, { ts: ts() });
      await agent.roundTrip();
      const aMinute = 60_000;
      const near = (time: string) => expect(Math.abs(Date.parse(time) - Date.now())).toBeLessThan(aMinute);
      near(running.startedAt);
      near((await house.agentIn("agent-123", "RUNNING")).lastSeenAt);
      agent.send("agent.job.stopped", { jobId: id, status: "STOPPED" }, { ts: ts() });
      near((await house.jobIn(id, "STOPPED")).endedAt);
      for (const { ts: at } of (await house.api("GET", `/v1/jobs/${id}/events?limit=100`)).body.items) near(at);
    },
  );
});

describe("two agents with one id", () => {
  test("that displace each other again and again: jobs stay with the one that has them, and none is doubled", async () => {
    await using house = await House.open();
    const first = await house.agent({ slots: 2, modern: {} });
    const { id } = await house.submit();
    await house.jobIn(id, "RUNNING");
    const modern = { activeJobs: [{ jobId: id, status: "RUNNING", epoch: 1 }] };
    let last = first;
    for (let n = 0; n < 20; n += 1) {
      const from = performance.now();
      const next = await house.agent({ slots: 2, modern: n % 2 === 0 ? {} : modern });
      expect(await last.closed).toMatchObject({ code: 4003 });
      measured("two agents with one id", { from, to: performance.now() }, { until: "the older one is closed" });
      last = next;
    }
    await last.roundTrip();
    expect(await house.job(id)).toMatchObject({ status: "RUNNING", epoch: 1 });
    const second = await house.submit();
    await house.jobIn(second.id, "RUNNING");
    expect(last.assignments.map(({ jobId }) => jobId)).toEqual([second.id]);
    expect((await house.api("GET", "/v1/agents")).body).toMatchObject([{ currentJobIds: [id, second.id] }]);
  });

  test("of which the second does not have a job that goes on while cut off: nobody can say, until the first is back", async () => {
    await using house = await House.open({ heartbeatIntervalMs: 100 });
    const first = await house.agent({ modern: {} });
    const { id } = await house.submit();
    await house.jobIn(id, "RUNNING");
    const twin = await house.agent({ modern: {} });
    await first.closed;
    expect(await house.jobIn(id, "UNKNOWN")).toMatchObject({ reason: { code: "AGENT_REPLACED" }, endedAt: null });
    const back = await house.agent({ modern: { activeJobs: [{ jobId: id, status: "RUNNING", epoch: 1 }] } });
    await twin.closed;
    expect(await house.jobIn(id, "RUNNING")).toMatchObject({ epoch: 1, error: null });
    expect(back.ofType("orchestrator.job.stop")).toEqual([]);
  });
});

test("an agent that comes back with an old try of its job must end it, and the present one counts as lost", async () => {
  const restart = { maxRestarts: 5, baseMs: 1, maxMs: 1, goodRunMs: 60_000 };
  await using house = await House.open({ heartbeatIntervalMs: 100, restart });
  const agent = await house.agent({ modern: {} });
  const { id } = await house.submit({ restartPolicy: "onFailure" });
  await house.jobIn(id, "RUNNING");
  agent.fail(id);
  await house.jobWhere(id, (job) => job.status === "RUNNING" && job.epoch === 2, "running again");
  await agent.cut();
  const back = await house.agent({
    modern: { activeJobs: [{ jobId: id, status: "RUNNING", epoch: 1 }] },
    onStop: (self, jobId) => self.stopped(jobId, "STOPPED", { epoch: 1 }),
  });
  await back.next("orchestrator.job.stop", ({ reason }) => reason === "NOT_YOURS");
  await house.jobWhere(id, (job) => job.status === "RUNNING" && job.epoch === 3, "running anew");
  expect((await house.eventsOf(id)).map(({ data }) => data?.code)).toContain("JOB_LOST");
});

test("an agent that says something unknown all the time fills no log", async () => {
  const lines: unknown[] = [];
  const quiet = () => undefined;
  const note = (fields: { type?: string }) => void lines.push(fields.type);
  const logger = { fatal: note, error: note, warn: note, info: quiet, debug: quiet, trace: quiet, child: () => logger };
  await using house = await House.open({ logger: logger as unknown as Logger });
  const agent = await house.agent();
  for (let n = 0; n < 500; n += 1) agent.send("agent.of.tomorrow", {});
  for (let n = 0; n < 500; n += 1) agent.send(`agent.number.${n}`, {});
  await agent.roundTrip();
  expect(lines.filter((type) => type === "agent.of.tomorrow")).toHaveLength(1);
  expect(lines.length).toBeLessThan(60);
});
