import { describe, expect, test } from "@jest/globals";
import { House } from "./house.js";
import type { SeedAgent, SeedAgentOptions } from "./seed-agent.js";

const KEY = "live-key-7Qx9";
const CONFIG = {
  source: { type: "test" },
  destinations: [{ type: "rtmp", url: "rtmp://one.example/live", streamKey: "first-key-11" }],
};
const SECOND = { type: "rtmp", url: "rtmp://two.example/live", streamKey: KEY };
const RESTART = { maxRestarts: 3, baseMs: 1, maxMs: 1, goodRunMs: 60_000 };
const FEATURES = ["destinations", "input", "pause"];

/** Answers every command in the same way. */
function answering(agent: SeedAgent, reply: object = { success: true }): SeedAgent {
  agent.onMessage(({ payload }) => {
    const { commandId, jobId } = payload ?? {};
    if (commandId !== undefined) agent.send("agent.job.command.ack", { jobId, commandId, ...reply });
  });
  return agent;
}

async function running(options: SeedAgentOptions = {}, settings: object = {}, body: object = {}) {
  const house = await House.open({ restart: RESTART, ...settings });
  const agent = await house.agent({ features: FEATURES, modern: {}, ...options });
  const { id } = await house.submit({ inlineConfig: CONFIG, restartPolicy: "onFailure", ...body });
  await house.jobIn(id, "RUNNING");
  return { house, agent, id };
}

/** The config that the job is given with after a failure. */
async function nextConfig(house: House, agent: SeedAgent, id: string) {
  const known = agent.assignments.length;
  agent.fail(id);
  const { config } = await agent.assignment(known);
  await house.jobIn(id, "RUNNING");
  return config;
}

describe("the overlay", () => {
  const OVERLAY = {
    lines: [
      { id: "home", text: "0" },
      { id: "away", text: "0" },
      { id: "time", kind: "clock" },
    ],
  };
  const body = { inlineConfig: { ...CONFIG, overlay: OVERLAY } };

  test("gets new texts while the stream is on air, also for the next try, and is left alone where they are wrong", async () => {
    const { house, agent, id } = await running({ features: [...FEATURES, "overlay"] }, {}, body);
    await using _house = house;
    answering(agent);
    const put = (texts: object) => house.api("PUT", `/v1/jobs/${id}/overlay`, { texts });
    const changed = await put({ home: "4" });
    expect([changed.status, changed.body.ok]).toEqual([200, true]);
    const told = agent.ofType("orchestrator.job.overlay.set").map(({ payload }) => payload.texts);
    expect(told).toEqual([{ home: "4" }]);
    for (const texts of [{ nobody: "1" }, { time: "12:00" }, {}, { home: "\u0007" }, { home: "x".repeat(201) }])
      expect((await put(texts)).status).toBe(422);
    expect(agent.ofType("orchestrator.job.overlay.set")).toHaveLength(1);
    const { lines } = (await nextConfig(house, agent, id)).overlay;
    expect(lines).toMatchObject([
      { id: "home", text: "4" },
      { id: "away", text: "0" },
      { id: "time", kind: "clock" },
    ]);
  });

  test("of an agent that cannot draw, or refuses, stays as it is", async () => {
    const { house, agent, id } = await running({}, {}, body);
    await using _house = house;
    expect(await house.api("PUT", `/v1/jobs/${id}/overlay`, { texts: { home: "4" } })).toMatchObject({
      ...{ status: 409, body: { code: "NOT_SUPPORTED" } },
    });
    expect((await nextConfig(house, agent, id)).overlay.lines[0].text).toBe("0");
  });
});

describe("a destination", () => {
  test("is added and taken away while the stream is on air, once the agent says so, also for the next try", async () => {
    const { house, agent, id } = await running();
    await using _house = house;
    answering(agent);
    const added = await house.api("POST", `/v1/jobs/${id}/destinations`, { destination: SECOND });
    expect([added.status, added.body.ok, added.body.destinationId]).toEqual([201, true, "rtmp-2"]);
    const told = agent.ofType("orchestrator.job.destination.add");
    expect(told.map(({ payload }) => payload)).toMatchObject([{ jobId: id, destination: { ...SECOND, id: "rtmp-2" } }]);
    expect((await nextConfig(house, agent, id)).destinations).toMatchObject([
      { id: "rtmp-1", url: "rtmp://one.example/live" },
      { id: "rtmp-2", streamKey: KEY },
    ]);
    const removed = await house.api("DELETE", `/v1/jobs/${id}/destinations/rtmp-1`);
    expect([removed.status, removed.body.job.id]).toEqual([200, id]);
    expect((await nextConfig(house, agent, id)).destinations).toMatchObject([{ id: "rtmp-2" }]);
    const log = await house.eventsOf(id);
    expect(log.filter(({ type }) => type === "job.config_changed")).toMatchObject([
      { data: { destination: "rtmp-2" } },
      { data: { destination: "rtmp-1" } },
    ]);
  });

  test("never shows its secrets in the log of events, on pages, in answers or in the service's own log", async () => {
    const lines: string[] = [];
    const keep = (fields: unknown, text?: string) => void lines.push(JSON.stringify([fields, text]));
    const logger = { fatal: keep, error: keep, warn: keep, info: keep, debug: keep, trace: keep, child: () => logger };
    const { house, agent, id } = await running({}, { logger });
    await using _house = house;
    const page = await house.page();
    answering(agent);
    const answers = [
      await house.api("POST", `/v1/jobs/${id}/destinations`, { destination: SECOND }),
      await house.api("POST", `/v1/jobs/${id}/destinations`, { destination: { ...SECOND, url: `http://${KEY}` } }),
      await house.api("POST", `/v1/jobs/${id}/destinations`, { destination: { ...SECOND, type: KEY, id: 5 } }),
      await house.api("DELETE", `/v1/jobs/${id}/destinations/rtmp-2`),
      await house.api("GET", `/v1/jobs/${id}`),
      await house.api("GET", `/v1/jobs/${id}/events`),
    ];
    expect(answers.map(({ status }) => status)).toEqual([201, 422, 422, 200, 200, 200]);
    await page.next("ui.job.event", ({ type, message }) => type === "job.config_changed" && /away/.test(message));
    const seen = [...answers.map(({ text }) => text), ...lines, JSON.stringify(page.received)].join("\n");
    expect(seen).not.toContain(KEY);
  });

  test("with an id that there is already is refused with 409 before the agent hears of it", async () => {
    const { house, agent, id } = await running();
    await using _house = house;
    const twice = await house.api("POST", `/v1/jobs/${id}/destinations`, { destination: { ...SECOND, id: "rtmp-1" } });
    expect([twice.status, twice.body.code]).toEqual([409, "DESTINATION_EXISTS"]);
    expect(agent.ofType("orchestrator.job.destination.add")).toEqual([]);
  });
});

describe("the input", () => {
  test("is switched, stays so for the next try, and goes back to what was submitted, also after that try", async () => {
    const { house, agent, id } = await running();
    await using _house = house;
    answering(agent);
    const camera = { type: "srt", url: "srt://camera-2:9000" };
    const other = { type: "file", path: "/media/loop.mp4", loop: true };
    for (const source of [camera, other]) {
      const { status } = await house.api("POST", `/v1/jobs/${id}/input`, { source });
      expect(status).toBe(200);
    }
    expect((await nextConfig(house, agent, id)).source).toMatchObject(other);
    expect((await house.api("POST", `/v1/jobs/${id}/input`, { source: null })).status).toBe(200);
    // To the agent, the source that it was given last is the job's own: it must be told which one is meant.
    expect(agent.ofType("orchestrator.job.input.switch").at(-1)?.payload.source).toMatchObject({ type: "test" });
    expect((await nextConfig(house, agent, id)).source).toMatchObject({ type: "test" });
    expect((await house.job(id)).inlineConfig).toEqual(CONFIG);
  });

  test("that was never switched is taken back by the agent alone, from a backup or a slate", async () => {
    const { house, agent, id } = await running();
    await using _house = house;
    answering(agent);
    expect((await house.api("POST", `/v1/jobs/${id}/input`, { source: null })).status).toBe(200);
    expect(agent.ofType("orchestrator.job.input.switch").at(-1)?.payload.source).toBeNull();
  });
});

describe("a change that does not come about leaves the config as it was", () => {
  test.each([
    ["refused by the agent", { success: false, error: { code: "SOURCE_UNREACHABLE", message: "No route to it." } }],
    ["refused without a word", { success: false }],
  ])("%s", async (_what, reply) => {
    const { house, agent, id } = await running();
    await using _house = house;
    answering(agent, reply);
    const answer = await house.api("POST", `/v1/jobs/${id}/destinations`, { destination: SECOND });
    expect([answer.status, answer.body.code]).toEqual([422, "AGENT_REFUSED"]);
    expect(answer.body.error).toBe(
      "error" in reply ? reply.error?.message : "The agent refused it and did not say why.",
    );
    expect((await nextConfig(house, agent, id)).destinations).toHaveLength(1);
  });

  test("not answered in time", async () => {
    const { house, agent, id } = await running({}, { liveChangeMs: 100 });
    await using _house = house;
    const answer = await house.api("POST", `/v1/jobs/${id}/input`, { source: { type: "test" } });
    expect([answer.status, answer.body.code]).toEqual([504, "AGENT_TIMEOUT"]);
    // Its late answer, and one to a command that nobody gave, change nothing.
    const { commandId } = (await agent.next("orchestrator.job.input.switch")).payload;
    for (const late of [commandId, "nobody-asked"])
      agent.send("agent.job.command.ack", { jobId: id, commandId: late, success: true });
    await agent.roundTrip();
    expect((await house.eventsOf(id)).map(({ type }) => type)).not.toContain("job.config_changed");
  });

  test("while the orchestrator stops: the caller is told, and the stop does not wait for the agent", async () => {
    const { house, agent, id } = await running();
    await using _house = house;
    const asked = house.api("POST", `/v1/jobs/${id}/input`, { source: { type: "test" } });
    await agent.next("orchestrator.job.input.switch");
    await house.stop();
    const answer = await asked;
    expect([answer.status, answer.body.code]).toEqual([503, "SHUTTING_DOWN"]);
  });

  test("by an agent that cannot do it, for a job that does not run, or that is away or unknown", async () => {
    const { house, agent, id } = await running({ features: [] });
    await using _house = house;
    const code = async (job: string) => {
      const answers = [
        await house.api("POST", `/v1/jobs/${job}/destinations`, { destination: SECOND }),
        await house.api("DELETE", `/v1/jobs/${job}/destinations/rtmp-1`),
        await house.api("POST", `/v1/jobs/${job}/input`, { source: { type: "test" } }),
      ];
      return [...new Set(answers.map(({ status, body }) => `${status} ${body.code}`))].join();
    };
    expect(await code(id)).toBe("409 NOT_SUPPORTED");
    const waiting = await house.submit({ inlineConfig: CONFIG });
    expect(await code(waiting.id)).toBe("409 JOB_NOT_RUNNING");
    expect(await code("nothing")).toBe("404 JOB_NOT_FOUND");
    await agent.cut();
    await house.agentIn(agent.agentId, "OFFLINE");
    expect(await code(id)).toBe("409 AGENT_OFFLINE");
  });

  test("for a wrong body", async () => {
    const { house, agent, id } = await running();
    await using _house = house;
    for (const [path, body] of [
      ["destinations", {}],
      ["destinations", { destination: { type: "rtmp", url: "http://web.example" } }],
      ["destinations", { destination: { ...SECOND, id: "x".repeat(65) } }],
      ["input", {}],
      ["input", { source: { type: "tape" } }],
    ] as const) {
      const { status, body: answer } = await house.api("POST", `/v1/jobs/${id}/${path}`, body);
      expect([status, answer.code]).toEqual([422, "VALIDATION_FAILED"]);
    }
    expect(agent.received.filter(({ payload }) => payload.commandId !== undefined)).toEqual([]);
  });
});

describe("pause", () => {
  test("is answered with 202, and shows in the metadata once the agent says so; so is its end", async () => {
    const { house, agent, id } = await running();
    await using _house = house;
    for (const [command, done, paused] of [
      ["pause", "agent.job.paused", true],
      ["unpause", "agent.job.unpaused", false],
    ] as const) {
      const { status, body } = await house.api("POST", `/v1/jobs/${id}/${command}`);
      expect([status, body.ok, body.job.streamMetadata.isPaused ?? false]).toEqual([202, true, !paused]);
      expect((await agent.next(`orchestrator.job.${command}`)).payload).toEqual({ jobId: id });
      agent.send(done, { jobId: id, success: true });
      await house.jobWhere(id, (job) => job.streamMetadata.isPaused === paused, `${command}d`);
    }
    agent.send("agent.job.paused", { jobId: id, success: false, error: { code: "X", message: "No picture to hold." } });
    await house.jobWhere(
      id,
      async () => (await house.eventsOf(id)).some(({ type }) => type === "job.pause_failed"),
      "noted",
    );
    expect((await house.job(id)).streamMetadata.isPaused).toBe(false);
  });

  test("and mute outlive a failure: the next try is told at once that it is to be silent", async () => {
    const { house, agent, id } = await running();
    await using _house = house;
    agent.send("agent.job.paused", { jobId: id, success: true });
    agent.send("agent.job.mute", { jobId: id, success: true });
    await house.jobWhere(id, ({ streamMetadata: { isPaused, isMuted } }) => isPaused && isMuted, "paused and muted");
    await nextConfig(house, agent, id);
    await agent.next("orchestrator.job.pause");
    await agent.next("orchestrator.job.mute");
  });

  test("of a job that waits, has ended, is unknown, or whose agent is away is refused", async () => {
    const { house, agent, id } = await running();
    await using _house = house;
    const codes = async (job: string) => {
      const [one, two] = [
        await house.api("POST", `/v1/jobs/${job}/pause`),
        await house.api("POST", `/v1/jobs/${job}/unpause`),
      ];
      expect(one.body.code).toBe(two.body.code);
      return [one.status, one.body.code];
    };
    const waiting = await house.submit();
    expect(await codes(waiting.id)).toEqual([409, "JOB_NOT_RUNNING"]);
    await house.api("POST", `/v1/jobs/${waiting.id}/stop`);
    expect(await codes(waiting.id)).toEqual([409, "JOB_ENDED"]);
    expect(await codes("nothing")).toEqual([404, "JOB_NOT_FOUND"]);
    await agent.cut();
    await house.agentIn(agent.agentId, "OFFLINE");
    expect(await codes(id)).toEqual([409, "AGENT_OFFLINE"]);
  });
});

describe("what an agent says happened to its job", () => {
  const lost = (jobId: string, more: object = {}) => ({
    ...{ jobId, type: "stream.source_lost", message: "The camera is gone.", data: { fault: "source" } },
    ...more,
  });

  test("is in the event log and on pages, if it is the job's agent and its present try", async () => {
    const { house, agent, id } = await running();
    await using _house = house;
    const page = await house.page();
    const other = await house.agent({ agentId: "other", modern: {}, slots: 0 });
    other.send("agent.job.event", lost(id, { message: "not mine" }));
    other.send("agent.job.event", lost("no-such-job"));
    await other.roundTrip();
    await nextConfig(house, agent, id);
    const { epoch } = await house.job(id);
    agent.send("agent.job.event", lost(id, { epoch: epoch - 1, message: "of the old try" }));
    agent.send("agent.job.event", lost(id, { epoch }));
    const seen = await page.next("ui.job.event", ({ type }) => type === "stream.source_lost");
    expect(seen.payload).toMatchObject({ jobId: id, message: "The camera is gone.", data: { fault: "source" } });
    expect(seen.seq).toBe(seen.payload.seq);
    const logged = (await house.eventsOf(id)).filter(({ type }) => type === "stream.source_lost");
    expect(logged.map(({ message }) => message)).toEqual(["The camera is gone."]);
  });

  test("after its end, or is found out too late, is not added: the end is the last entry of the log", async () => {
    const { house, agent, id } = await running();
    await using _house = house;
    agent.stopped(id);
    agent.send("agent.job.event", lost(id));
    agent.send("agent.job.mute", { jobId: id, success: true });
    await agent.roundTrip();
    await house.jobIn(id, "STOPPED");
    expect((await house.eventsOf(id)).at(-1)).toMatchObject({ type: "job.stopped" });
  });

  test("is bounded per job, and nobody else can use up a job's share", async () => {
    const { house, agent, id } = await running();
    await using _house = house;
    const other = await house.agent({ agentId: "other", modern: {} });
    for (let n = 0; n < 200; n += 1) other.send("agent.job.event", lost(id));
    await other.roundTrip();
    for (let n = 0; n < 500; n += 1) agent.send("agent.job.event", lost(id, { message: `number ${n}` }));
    for (let n = 0; n < 200; n += 1) agent.send("agent.error", { jobId: id, code: "X", message: "again" });
    await agent.roundTrip();
    agent.stopped(id);
    await house.jobIn(id, "STOPPED");
    const kept = (await house.eventsOf(id)).filter(({ type }) => /source_lost|agent.error/.test(type));
    expect(kept[0]?.message).toBe("number 0");
    // Fifty at once, and a few more for the time that it took.
    expect(kept.length).toBeGreaterThanOrEqual(50);
    expect(kept.length).toBeLessThan(100);
  });
});
