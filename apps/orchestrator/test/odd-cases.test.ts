import { describe, expect, test } from "@jest/globals";
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
      const { id } = await house.submit();
      const running = await house.jobIn(id, "RUNNING");
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
    await using house = await House.open({ heartbeatIntervalMs: 200 });
    const first = await house.agent({ slots: 2, modern: {} });
    const { id } = await house.submit();
    await house.jobIn(id, "RUNNING");
    const modern = { activeJobs: [{ jobId: id, status: "RUNNING", epoch: 1 }] };
    let last = first;
    for (let n = 0; n < 20; n += 1) {
      const next = await house.agent({ slots: 2, modern: n % 2 === 0 ? {} : modern });
      expect(await last.closed).toMatchObject({ code: 4003 });
      last = next;
    }
    await last.roundTrip();
    expect(await house.job(id)).toMatchObject({ status: "RUNNING", epoch: 1 });
    const second = await house.submit();
    await house.jobIn(second.id, "RUNNING");
    expect(last.assignments.map(({ jobId }) => jobId)).toEqual([second.id]);
    expect((await house.api("GET", "/v1/agents")).body).toMatchObject([{ currentJobIds: [id, second.id] }]);
  });
});
