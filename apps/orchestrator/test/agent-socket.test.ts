import { describe, expect, test } from "@jest/globals";
import { measured, waitFor } from "@stream-control/test-kit";
import { House } from "./house.js";

describe("the hello", () => {
  test("is answered with the times that count", async () => {
    await using house = await House.open({
      heartbeatIntervalMs: 3000,
      heartbeatTimeoutMs: 10_000,
      stopGraceMs: 10_000,
      killAfterMs: 5000,
    });
    const agent = await house.agent();
    expect(agent.received[0]).toMatchObject({
      type: "orchestrator.hello.ok",
      msgId: expect.any(String),
      ts: expect.any(String),
      payload: { heartbeatIntervalMs: 3000, heartbeatTimeoutMs: 10_000, stopGraceMs: 10_000, killAfterMs: 5000 },
    });
    expect(await house.agentIn("agent-123", "IDLE")).toMatchObject({ capabilities: { slots: 1 } });
  });

  test("with a wrong token closes with 4001, and the agent is not listed", async () => {
    await using house = await House.open();
    const agent = await house.stranger({ token: "guess" });
    agent.hello();
    expect(await agent.closed).toMatchObject({ code: 4001 });
    expect((await house.api("GET", "/v1/agents")).body).toEqual([]);
    expect(agent.received).toEqual([]);
  });

  test("after a wrong token on the same socket comes too late", async () => {
    await using house = await House.open();
    const agent = await house.stranger({ token: "guess" });
    agent.hello();
    agent.hello({ auth: { token: "secret" } });
    expect(await agent.closed).toMatchObject({ code: 4001 });
    expect((await house.api("GET", "/v1/agents")).body).toEqual([]);
  });

  test.each([
    ["a report", JSON.stringify({ type: "agent.job.update", payload: { jobId: "x", status: "RUNNING" } })],
    ["a heartbeat", JSON.stringify({ type: "agent.heartbeat" })],
    ["an unknown type", JSON.stringify({ type: "agent.dance", payload: {} })],
    ["bad JSON", "{"],
    ["a broken hello", JSON.stringify({ type: "agent.hello", payload: { agentId: "a" } })],
  ])("must come first: %s closes with 4002", async (_what, text) => {
    await using house = await House.open();
    const agent = await house.stranger();
    agent.sendRaw(text);
    expect(await agent.closed).toMatchObject({ code: 4002 });
  });

  test("must come in time", async () => {
    await using house = await House.open({ heartbeatTimeoutMs: 100 });
    const agent = await house.stranger();
    expect(await agent.closed).toMatchObject({ code: 4002 });
  });

  test("of a second agent on one socket is refused", async () => {
    await using house = await House.open();
    const agent = await house.agent({ agentId: "first" });
    agent.hello({ agentId: "second" });
    expect(await agent.closed).toMatchObject({ code: 4002 });
    const { body } = await house.api("GET", "/v1/agents");
    expect(body.map(({ id }: { id: string }) => id)).toEqual(["first"]);
  });

  test("again on the same socket changes what the agent said of itself", async () => {
    await using house = await House.open();
    const agent = await house.agent();
    agent.hello({ name: "Renamed", capabilities: { slots: 2 } });
    await agent.next("orchestrator.hello.ok", undefined, { since: 1 });
    const jobs = [await house.submit(), await house.submit()];
    for (const { id } of jobs) await house.jobIn(id, "RUNNING");
    expect(await house.agentIn("agent-123", "RUNNING")).toMatchObject({ name: "Renamed" });
  });

  test("on another socket takes the place of the first, whose jobs go on", async () => {
    await using house = await House.open({ heartbeatIntervalMs: 50 });
    const first = await house.agent();
    const { id } = await house.submit();
    await house.jobIn(id, "RUNNING");
    const second = await house.agent({ activeJob: { jobId: id, status: "RUNNING" } });
    expect(await first.closed).toMatchObject({ code: 4003 });
    // Stopping through the new socket shows whose the job is, and that nothing has ended it meanwhile.
    await house.agentIn("agent-123", "RUNNING");
    await house.api("POST", `/v1/jobs/${id}/stop`);
    await second.next("orchestrator.job.stop", (payload) => payload.jobId === id);
    expect(await house.jobIn(id, "STOPPED")).toMatchObject({ agentId: "agent-123", epoch: 1, restarts: 0 });
    expect((await house.eventsOf(id)).map(({ type }) => type)).not.toContain("job.unknown");
  });
});

describe("messages that are not understood", () => {
  test("an unknown type is ignored and the connection stays usable", async () => {
    await using house = await House.open();
    const agent = await house.agent();
    agent.send("agent.telepathy", { anything: true }, { msgId: "m1" });
    agent.send("orchestrator.assign.start", { jobId: "x" });
    agent.send("__proto__", {});
    const { id } = await house.submit();
    await house.jobIn(id, "RUNNING");
    expect(agent.ofType("orchestrator.error")).toEqual([]);
  });

  test("extra fields are ignored", async () => {
    await using house = await House.open();
    const agent = await house.agent({ onAssign: () => undefined });
    const { id } = await house.submit();
    agent.ack(await agent.assignment(), { mood: "good", nested: { deep: [1] } });
    await house.jobIn(id, "ACCEPTED");
    expect(agent.ofType("orchestrator.error")).toEqual([]);
  });

  test.each([
    ["agent.job.update", { jobId: "j" }, "payload.status"],
    ["agent.job.update", { jobId: "j", status: "FLYING" }, "payload.status"],
    ["agent.job.update", { jobId: 7, status: "RUNNING" }, "payload.jobId"],
    ["agent.assign.ack", { jobId: "j", accepted: "yes" }, "payload.accepted"],
    ["agent.job.stopped", { jobId: "j", status: "CANCELED" }, "payload.status"],
    ["agent.job.mute", { jobId: "j" }, "payload.success"],
    ["agent.error", { message: "?" }, "payload.code"],
    ["agent.job.log", null, "payload"],
  ])("a broken %s is answered with the field: %j", async (type, payload, field) => {
    await using house = await House.open();
    const agent = await house.agent();
    agent.sendRaw(JSON.stringify({ type, msgId: "m-17", payload }));
    const { correlationId, payload: answer } = await agent.next("orchestrator.error");
    expect(correlationId).toBe("m-17");
    expect(answer).toMatchObject({ code: "INVALID_MESSAGE", field });
    expect(answer.message).toContain(field);
    const { id } = await house.submit();
    await house.jobIn(id, "RUNNING");
  });

  test.each(["{", "", "null", "[]", "42", '"agent.heartbeat"', '{"type":7}', '{"payload":{}}'])(
    "%j is answered with an error and does no harm",
    async (text) => {
      await using house = await House.open();
      const agent = await house.agent();
      const sentAt = performance.now();
      agent.sendRaw(text);
      await agent.next("orchestrator.error");
      measured("broken messages from anybody", { from: sentAt, to: performance.now() });
      const { id } = await house.submit();
      await house.jobIn(id, "RUNNING");
    },
  );

  test("binary frames are read as text, in UTF-8", async () => {
    await using house = await House.open();
    const agent = await house.agent();
    agent.sendRaw(Buffer.from([0xff, 0x00, 0xfe]));
    await agent.next("orchestrator.error", ({ code }) => code === "INVALID_JSON");
    const error = { code: "OBS_CRASHED", message: "Fenêtre fermée — 終" };
    agent.sendRaw(Buffer.from(JSON.stringify({ type: "agent.error", payload: error })));
    expect(await house.agentIn("agent-123", "ERROR")).toMatchObject({ error });
  });

  test("an oversized frame closes with 1009 and leaves the others alone", async () => {
    await using house = await House.open();
    const big = await house.agent({ agentId: "big" });
    const other = await house.agent({ agentId: "other" });
    big.sendRaw(`{"type":"agent.heartbeat","payload":{"pad":"${"x".repeat(1024 * 1024)}"}}`);
    expect(await big.closed).toMatchObject({ code: 1009 });
    await house.agentIn("big", "OFFLINE");
    const { id } = await house.submit();
    expect(await house.jobIn(id, "RUNNING")).toMatchObject({ agentId: other.agentId });
  });

  test("a hundred broken ones close the socket", async () => {
    await using house = await House.open();
    const agent = await house.agent();
    for (let n = 0; n < 100; n += 1) agent.sendRaw("{");
    expect(await agent.closed).toMatchObject({ code: 1008 });
  });
});

describe("heartbeats", () => {
  test("a silent agent is closed and OFFLINE", async () => {
    await using house = await House.open({ heartbeatIntervalMs: 50, heartbeatTimeoutMs: 200 });
    const agent = await house.agent({ silent: true });
    expect(await agent.closed).toMatchObject({ code: 4004 });
    expect(await house.agentIn("agent-123", "OFFLINE")).toMatchObject({ currentJobId: null });
  });

  test("an agent that sends them stays, well beyond the timeout", async () => {
    await using house = await House.open({ heartbeatIntervalMs: 100, heartbeatTimeoutMs: 1000 });
    const quiet = await house.agent({ agentId: "quiet", silent: true });
    const agent = await house.agent({ agentId: "lively" });
    // The silent one's end shows that the timeout has passed; a second silent one, that it has passed twice.
    expect(await quiet.closed).toMatchObject({ code: 4004 });
    const second = await house.agent({ agentId: "quiet", silent: true });
    expect(await second.closed).toMatchObject({ code: 4004 });
    const { id } = await house.submit();
    expect(await house.jobIn(id, "RUNNING")).toMatchObject({ agentId: "lively" });
    const { body } = await house.api("GET", "/v1/agents/lively");
    expect(Date.now() - Date.parse(body.lastSeenAt)).toBeLessThan(1000);
    await agent.cut();
    await house.agentIn("lively", "OFFLINE");
  });

  test("an agent that reported an error gets no jobs until it is heard well again", async () => {
    await using house = await House.open();
    const agent = await house.agent();
    const error = { code: "OBS_CRASHED", message: "The encoder crashed." };
    agent.send("agent.error", error);
    await house.agentIn("agent-123", "ERROR");
    const { id } = await house.submit();
    expect(await house.job(id)).toMatchObject({ status: "PENDING", passedOver: [{ code: "FAULTY" }] });
    agent.heartbeat();
    await house.jobIn(id, "RUNNING");
    expect(await house.agentIn("agent-123", "RUNNING")).toMatchObject({ error });
  });
});

describe("drain", () => {
  test("keeps new jobs away, lets running ones go on, survives reconnects and restarts", async () => {
    await using house = await House.open();
    const agent = await house.agent({ slots: 2 });
    const running = await house.submit();
    await house.jobIn(running.id, "RUNNING");
    const drained = await house.api("POST", "/v1/agents/agent-123/drain", { drain: true });
    expect(drained.status).toBe(200);
    expect(drained.body).toMatchObject({ ok: true, agent: { id: "agent-123", drain: true, state: "DRAINING" } });
    const waiting = await house.submit();
    expect(await house.job(waiting.id)).toMatchObject({
      status: "PENDING",
      passedOver: [{ agentId: "agent-123", code: "DRAINING" }],
    });
    const activeJob = { jobId: running.id, status: "RUNNING" };

    await agent.cut();
    await house.agentIn("agent-123", "OFFLINE");
    await house.agent({ slots: 2, activeJob });
    await house.agentIn("agent-123", "DRAINING");

    await house.stop();
    await house.start();
    await house.agent({ slots: 2, activeJob });
    expect(await house.agentIn("agent-123", "DRAINING")).toMatchObject({ drain: true, currentJobId: running.id });
    expect(await house.job(waiting.id)).toMatchObject({ status: "PENDING" });

    await house.api("POST", "/v1/agents/agent-123/drain", { drain: false });
    await house.jobIn(waiting.id, "RUNNING");
    expect((await house.job(running.id)).status).toBe("RUNNING");
  });

  test("that the agent itself asks for counts too", async () => {
    await using house = await House.open();
    await house.agent({ drain: true });
    await house.agentIn("agent-123", "DRAINING");
    const { id } = await house.submit();
    expect((await house.job(id)).pendingReason).toContain("draining");
    await house.api("POST", "/v1/agents/agent-123/drain", { drain: false });
    await house.jobIn(id, "RUNNING");
  });

  test.each([{}, { drain: "yes" }, { drain: null }])("%j is refused", async (body) => {
    await using house = await House.open();
    await house.agent();
    expect((await house.api("POST", "/v1/agents/agent-123/drain", body)).status).toBe(422);
  });
});

test("an agent that leaves is seen as OFFLINE without waiting for a timeout", async () => {
  await using house = await House.open();
  const agent = await house.agent();
  await house.agentIn("agent-123", "IDLE");
  await agent.cut();
  await waitFor(async () => (await house.api("GET", "/v1/agents?state=OFFLINE")).body.items.length === 1);
});
