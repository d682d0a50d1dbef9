import { describe, expect, test } from "@jest/globals";
import { secret } from "@stream-control/test-kit";
import { GuardedHouse } from "./guarded-house.js";
import { House } from "./house.js";
import type { SeedAgent } from "./seed-agent.js";

const SOURCE = { type: "rtmp", url: "rtmp://camera.example/live/one" };
const SEEN = {
  ...{ container: "flv", firstPacketMs: 340, bitrateKbps: 3100 },
  streams: [
    { type: "video", codec: "h264", width: 1280, height: 720, fps: 30 },
    { type: "audio", codec: "aac", sampleRateHz: 48_000, channels: 2 },
  ],
};
const ABLE = { features: ["probe"], modern: {} };

/** Answers every question in the same way. */
function answering(agent: SeedAgent, reply: object = { success: true, probe: SEEN }): SeedAgent {
  agent.onMessage(({ type, payload }) => {
    if (type === "orchestrator.probe") agent.send("agent.probe.result", { probeId: payload.probeId, ...reply });
  });
  return agent;
}

describe("a source that no job uses yet", () => {
  test("is looked into by the agent that was asked, which says what it holds", async () => {
    await using house = await House.open();
    const agent = answering(await house.agent({ agentId: "a", ...ABLE }));
    const answer = await house.api("POST", "/v1/agents/a/probe", { source: SOURCE });
    expect(answer).toMatchObject({ status: 200, body: { ok: true, agentId: "a", probe: SEEN } });
    const [asked] = agent.ofType("orchestrator.probe");
    expect(asked?.payload).toMatchObject({ source: { ...SOURCE, listen: false }, deadlineMs: 10_000 });
    const { body } = await house.api("GET", "/v1/audit?type=agent.probe_requested");
    expect(body.items).toMatchObject([{ subject: "agent:a", data: { source: "rtmp" } }]);
  });

  test.each([
    [{ code: "SOURCE_UNREACHABLE", message: "The source could not be opened: the connection was refused." }, 422],
    [{ code: "AGENT_BUSY", message: "The agent is looking into another source." }, 409],
  ])("that cannot be looked into is answered with the agent's reason: %j", async (error, status) => {
    await using house = await House.open();
    answering(await house.agent({ agentId: "a", ...ABLE }), { success: false, error });
    const answer = await house.api("POST", "/v1/agents/a/probe", { source: SOURCE });
    const code = status === 422 ? "SOURCE_UNREADABLE" : "AGENT_BUSY";
    expect(answer).toMatchObject({ status, body: { code, error: error.message, details: error } });
  });

  test("costs its caller no more than the deadline where the agent says nothing, and the next one is answered", async () => {
    await using house = await House.open();
    const agent = await house.agent({ agentId: "a", ...ABLE });
    const began = performance.now();
    const first = house.api("POST", "/v1/agents/a/probe", { source: SOURCE, deadlineMs: 1000 });
    await agent.next("orchestrator.probe");
    // Meanwhile the agent is asked nothing else.
    expect(await house.api("POST", "/v1/agents/a/probe", { source: SOURCE })).toMatchObject({
      status: 409,
      body: { code: "AGENT_BUSY" },
    });
    expect(await house.api("POST", "/v1/probe", { source: SOURCE })).toMatchObject({ status: 409 });
    expect(await first).toMatchObject({ status: 504, body: { code: "AGENT_TIMEOUT" } });
    expect(performance.now() - began).toBeGreaterThan(1000);
    answering(agent);
    expect((await house.api("POST", "/v1/agents/a/probe", { source: SOURCE })).status).toBe(200);
    expect(agent.ofType("orchestrator.probe")).toHaveLength(2);
  });

  test("is refused in words where the agent is away, does not know how, or is not there", async () => {
    await using house = await House.open();
    await house.agent({ agentId: "old" });
    const gone = await house.agent({ agentId: "gone", ...ABLE });
    await gone.cut();
    await house.agentIn("gone", "OFFLINE");
    const codes = async (path: string, body: object = { source: SOURCE }) => {
      const answer = await house.api("POST", path, body);
      return [answer.status, answer.body.code];
    };
    expect(await codes("/v1/agents/old/probe")).toEqual([409, "NOT_SUPPORTED"]);
    expect(await codes("/v1/agents/gone/probe")).toEqual([409, "AGENT_OFFLINE"]);
    expect(await codes("/v1/agents/none/probe")).toEqual([404, "AGENT_NOT_FOUND"]);
    expect(await codes("/v1/probe")).toEqual([409, "NO_AGENT_TO_PROBE"]);
    expect(await codes("/v1/probe", { source: SOURCE, agentId: "none" })).toEqual([404, "AGENT_NOT_FOUND"]);
    for (const body of [
      {},
      { source: "rtmp://x/y" },
      { source: SOURCE, deadlineMs: 10 },
      { source: SOURCE, deadlineMs: 1e9 },
    ])
      expect(await codes("/v1/agents/old/probe", body)).toEqual([422, "VALIDATION_FAILED"]);
  });

  test("waits for no agent that goes away meanwhile longer than the deadline, and hears no other's answer", async () => {
    await using house = await House.open();
    const asked = await house.agent({ agentId: "asked", ...ABLE });
    const other = await house.agent({ agentId: "other", modern: {} });
    const answer = house.api("POST", "/v1/probe", { source: SOURCE, deadlineMs: 1000 });
    const { payload } = await asked.next("orchestrator.probe");
    other.send("agent.probe.result", { probeId: payload.probeId, success: true, probe: SEEN });
    await other.roundTrip();
    asked.send("agent.probe.result", { probeId: payload.probeId, success: false });
    expect(await answer).toMatchObject({ status: 422, body: { code: "SOURCE_UNREADABLE" } });
  });

  test("is given to the agent that has the least to do and speaks its protocol", async () => {
    await using house = await House.open();
    const busy = await house.agent({ agentId: "busy", ...ABLE });
    const { id } = await house.submit();
    await house.jobIn(id, "RUNNING");
    answering(busy);
    expect((await house.api("POST", "/v1/probe", { source: SOURCE })).body.agentId).toBe("busy");
    answering(await house.agent({ agentId: "idle", ...ABLE }));
    expect((await house.api("POST", "/v1/probe", { source: SOURCE })).body.agentId).toBe("idle");
    expect((await house.api("POST", "/v1/probe", { source: SOURCE, agentId: "busy" })).body.agentId).toBe("busy");
    await house.api("POST", "/v1/agents/idle/drain", { drain: true });
    expect((await house.api("POST", "/v1/probe", { source: SOURCE })).body.agentId).toBe("busy");
  });

  test("is looked into by agents of the caller's rooms alone", async () => {
    await using guarded = await GuardedHouse.open();
    const hall = await guarded.let({ hall: "operator" });
    answering(await guarded.house.agent({ agentId: "away", room: "annex", ...ABLE }));
    expect((await hall.api("POST", "/v1/probe", { source: SOURCE })).body.code).toBe("NO_AGENT_TO_PROBE");
    expect((await hall.api("POST", "/v1/probe", { source: SOURCE, agentId: "away" })).status).toBe(404);
    expect((await hall.api("POST", "/v1/probe", { source: SOURCE, room: "annex" })).status).toBe(404);
    answering(await guarded.house.agent({ agentId: "here", room: "hall", ...ABLE }));
    expect((await hall.api("POST", "/v1/probe", { source: SOURCE })).body.agentId).toBe("here");
  });

  test("leaves none of its secrets in answers, in the audit or in the service's log", async () => {
    const lines: string[] = [];
    const keep = (fields: unknown, text?: string) => void lines.push(JSON.stringify([fields, text]));
    const logger = { fatal: keep, error: keep, warn: keep, info: keep, debug: keep, trace: keep, child: () => logger };
    const settings: object = { logger };
    await using house = await House.open({ ...settings });
    const [password, key] = [secret("password"), secret("stream-key")];
    const message = `rtmp://user:${password}@camera.example/live/${key}: the key ${key} is wrong`;
    const error = { code: "SOURCE_UNREACHABLE", message, detail: { lastLines: [message] } };
    answering(await house.agent({ agentId: "a", ...ABLE }), { success: false, error });
    const source = { type: "rtmp", url: `rtmp://user:${password}@camera.example/live/${key}` };
    const answer = await house.api("POST", "/v1/agents/a/probe", { source });
    expect(answer.status).toBe(422);
    const audit = await house.api("GET", "/v1/audit?limit=100");
    for (const text of [answer.text, audit.text, lines.join("\n")])
      for (const hidden of [password, key]) expect(text).not.toContain(hidden);
    expect(answer.body.error).toContain("is wrong");
  });
});
