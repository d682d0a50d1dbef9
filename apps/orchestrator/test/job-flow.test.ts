import { describe, expect, test } from "@jest/globals";
import { House } from "./house.js";
import type { Assignment, SeedAgent } from "./seed-agent.js";

/** Nothing is done with the assignment until the test does it. */
const waits = () => undefined;

describe("a job on an agent that knows only the published messages", () => {
  test("is assigned, runs and is stopped", async () => {
    await using house = await House.open();
    const agent = await house.agent();
    const job = await house.submit({
      inlineConfig: { streamUrl: "rtmp://example.com/live" },
      idempotencyKey: "my-job-123",
      metadata: { court: 4 },
    });
    const { payload, config } = await agent.assignment();
    expect(config).toEqual({ streamUrl: "rtmp://example.com/live" });
    expect(payload).toMatchObject({
      jobId: job.id,
      idempotencyKey: "my-job-123",
      expiresAt: expect.stringMatching(/Z$/),
      metadata: { court: 4 },
      streamMetadata: { title: job.streamMetadata.title, isMuted: false },
    });
    const running = await house.jobIn(job.id, "RUNNING");
    expect(running).toMatchObject({ agentId: "agent-123", endedAt: null, error: null, reason: null });
    expect(Date.parse(running.startedAt)).toBeGreaterThanOrEqual(Date.parse(job.createdAt));
    expect(await house.agentIn("agent-123", "RUNNING")).toMatchObject({ currentJobId: job.id });

    const stop = await house.api("POST", `/v1/jobs/${job.id}/stop`);
    expect(stop.status).toBe(202);
    expect(stop.body).toMatchObject({ ok: true, job: { status: "STOPPING", wantedStatus: "STOPPED" } });
    const told = await agent.next("orchestrator.job.stop");
    expect(told.payload).toEqual({ jobId: job.id, reason: "STOP_REQUESTED", deadlineMs: 30_000 });
    expect(await house.jobIn(job.id, "STOPPED")).toMatchObject({ endedAt: expect.any(String), error: null });
    await house.agentIn("agent-123", "IDLE");
    expect((await house.eventsOf(job.id)).map(({ type }) => type)).toEqual([
      "job.created",
      "job.assigned",
      "job.accepted",
      "job.running",
      "job.stopping",
      "job.stopped",
    ]);
    expect((await house.api("POST", `/v1/jobs/${job.id}/stop`)).body.job.status).toBe("STOPPED");
  });

  test("that fails says why, and the slot is free again", async () => {
    await using house = await House.open();
    const agent = await house.agent();
    const { id } = await house.submit();
    await house.jobIn(id, "RUNNING");
    agent.fail(id, "FFMPEG_EXITED", "ffmpeg ended with 187.");
    expect(await house.jobIn(id, "FAILED")).toMatchObject({
      error: { code: "FFMPEG_EXITED", message: "ffmpeg ended with 187." },
      reason: { code: "FFMPEG_EXITED" },
      endedAt: expect.any(String),
    });
    await house.agentIn("agent-123", "IDLE");
  });
});

describe("a job that ends in the same millisecond as its acknowledgment", () => {
  type Step = (agent: SeedAgent, given: Assignment) => void;
  const ack: Step = (agent, given) => agent.ack(given);
  const running: Step = (agent, { jobId }) => agent.update(jobId, "RUNNING");
  const starting: Step = (agent, { jobId }) => agent.update(jobId, "STARTING");
  const stopped: Step = (agent, { jobId }) => agent.stopped(jobId);
  const failed: Step = (agent, { jobId }) => agent.fail(jobId);
  const endedByUpdate: Step = (agent, { jobId }) => agent.update(jobId, "STOPPED");

  test.each<[string, string, Step[]]>([
    ["ack, running, stopped", "STOPPED", [ack, running, stopped]],
    ["ack, stopped, running", "STOPPED", [ack, stopped, running]],
    ["running, ack, stopped", "STOPPED", [running, ack, stopped]],
    ["running, stopped, ack", "STOPPED", [running, stopped, ack]],
    ["stopped, ack, running", "STOPPED", [stopped, ack, running]],
    ["stopped, running, ack", "STOPPED", [stopped, running, ack]],
    ["stopped alone", "STOPPED", [stopped]],
    ["ack, stopped", "STOPPED", [ack, stopped]],
    ["failed, ack", "FAILED", [failed, ack]],
    ["stopped, failed", "STOPPED", [stopped, failed]],
    ["everything twice", "STOPPED", [ack, ack, running, running, stopped, stopped]],
    ["late starting", "STOPPED", [ack, running, starting, stopped]],
    ["an end told as an update", "STOPPED", [ack, endedByUpdate]],
  ])("%s", async (_name, status, steps) => {
    await using house = await House.open();
    // The answers leave in one burst, without a turn of the event loop between them.
    const agent = await house.agent({
      onAssign: (self, given) => {
        for (const step of steps) step(self, given);
      },
      onStop: waits,
    });
    for (let n = 0; n < 3; n += 1) {
      const { id } = await house.submit();
      expect((await agent.assignment(n)).jobId).toBe(id);
      await house.jobIn(id, status);
    }
    await agent.roundTrip();
    expect(await house.agentIn("agent-123", "IDLE")).toMatchObject({ currentJobId: null, currentJobIds: [] });
    const { body } = await house.api("GET", "/v1/jobs");
    expect(body.map((job: { status: string }) => job.status)).toEqual([status, status, status]);
  });

  test("three hundred such jobs on three agents all end, each on one assignment", async () => {
    await using house = await House.open();
    const burst = (self: SeedAgent, given: Assignment) => {
      self.run(given);
      self.stopped(given.jobId);
    };
    const agents = [];
    for (const agentId of ["a", "b", "c"]) agents.push(await house.agent({ agentId, slots: 5, onAssign: burst }));
    const jobs = await Promise.all(Array.from({ length: 300 }, () => house.submit()));
    const last = await house.api("GET", "/v1/jobs?order=desc&limit=1");
    await house.jobIn(last.body.items[0].id, "STOPPED");
    for (const { id } of jobs) expect((await house.jobIn(id, "STOPPED")).epoch).toBe(1);
    expect(agents.flatMap(({ assignments }) => assignments)).toHaveLength(300);
    for (const { agentId } of agents) await house.agentIn(agentId, "IDLE");
  });
});

describe("reports that do not count", () => {
  test("from an agent that does not have the job change nothing, and it is told to stop", async () => {
    await using house = await House.open();
    const owner = await house.agent({ agentId: "owner" });
    const { id } = await house.submit();
    const before = await house.jobIn(id, "RUNNING");
    const foreign = await house.agent({ agentId: "foreign", onStop: waits });
    foreign.update(id, "RUNNING", { progress: { fps: 1 } });
    const told = await foreign.next("orchestrator.job.stop");
    expect(told.payload).toEqual({ jobId: id, reason: "NOT_YOURS", deadlineMs: 0 });
    foreign.stopped(id);
    foreign.fail(id);
    foreign.ack({ jobId: id, msgId: "x" }, { accepted: false });
    foreign.send("agent.job.mute", { jobId: id, success: true });
    foreign.send("agent.job.log", { jobId: id, message: "lies" });
    foreign.send("agent.error", { code: "X", message: "lies", jobId: id });
    foreign.update("no-such-job", "RUNNING");
    await foreign.next("orchestrator.job.stop", (payload) => payload.jobId === "no-such-job");
    await foreign.roundTrip();
    // This write is queued behind everything that the foreign reports could have brought about.
    await house.api("PUT", `/v1/jobs/${id}/metadata`, { viewers: 1 });
    const { updatedAt: _at, streamMetadata, ...after } = await house.job(id);
    expect(before).toMatchObject(after);
    expect(streamMetadata).toMatchObject({ isMuted: false, viewers: 1 });
    expect((await house.eventsOf(id)).map(({ type }) => type)).toEqual([
      "job.created",
      "job.assigned",
      "job.accepted",
      "job.running",
      "job.metadata",
    ]);
    expect((await house.api("GET", `/v1/jobs/${id}/logs`)).body).toEqual([]);
    expect(owner.ofType("orchestrator.job.stop")).toEqual([]);
  });

  test("of an earlier epoch change nothing, and do not stop the present run", async () => {
    await using house = await House.open({
      restart: { maxRestarts: 3, baseMs: 1, maxMs: 1, goodRunMs: 60_000 },
    });
    const agent = await house.agent({ modern: {} });
    const { id } = await house.submit({ restartPolicy: "onFailure" });
    await house.jobIn(id, "RUNNING");
    agent.fail(id);
    const second = await house.jobWhere(id, (job) => job.epoch === 2 && job.status === "RUNNING", "running again");
    const since = agent.received.length;
    agent.fail(id, "FFMPEG_EXITED", "late");
    // The double of the failure above carries the first epoch; `fields` come last.
    agent.stopped(id, "FAILED", { epoch: 1 });
    await house.jobWhere(id, (job) => job.epoch === 3 && job.status === "RUNNING", "running a third time");
    agent.update(id, "RUNNING", { epoch: 1, progress: { fps: 99 } });
    agent.update(id, "STOPPING", { epoch: 2 });
    agent.stopped(id, "STOPPED", { epoch: 2 });
    agent.ack({ jobId: id, msgId: "old" }, { accepted: false, epoch: 1 });
    await agent.roundTrip();
    await house.api("PUT", `/v1/jobs/${id}/metadata`, { viewers: 1 });
    expect(await house.job(id)).toMatchObject({ status: "RUNNING", epoch: 3, progress: null, agentId: second.agentId });
    expect(agent.received.slice(since).filter(({ type }) => type === "orchestrator.job.stop")).toEqual([]);
  });

  test.each(["SOURCE_REFUSED", "DESTINATION_REFUSED"])("%s ends the job, whatever its restart policy", async (code) => {
    await using house = await House.open({
      restart: { maxRestarts: 3, baseMs: 1, maxMs: 1, goodRunMs: 60_000 },
    });
    const agent = await house.agent({ modern: {} });
    const { id } = await house.submit({ restartPolicy: "onFailure" });
    await house.jobIn(id, "RUNNING");
    agent.fail(id, code, "It may not be reached.");
    expect(await house.jobIn(id, "FAILED")).toMatchObject({ error: { code }, restarts: 0 });
    expect(agent.assignments).toHaveLength(1);
  });

  test("an old run that comes to life after its job has ended is told to stop", async () => {
    await using house = await House.open();
    const agent = await house.agent();
    const { id } = await house.submit();
    await house.jobIn(id, "RUNNING");
    agent.stopped(id);
    await house.jobIn(id, "STOPPED");
    agent.update(id, "RUNNING");
    const told = await agent.next("orchestrator.job.stop");
    expect(told.payload).toMatchObject({ jobId: id, reason: "NOT_YOURS" });
    expect((await house.job(id)).status).toBe("STOPPED");
  });
});

describe("an end that is on disk", () => {
  test("is confirmed to agents that said a protocol version, and only to them", async () => {
    await using house = await House.open();
    const modern = await house.agent({ agentId: "modern", modern: {} });
    const { id } = await house.submit();
    await house.jobIn(id, "RUNNING");
    modern.stopped(id);
    const settled = await modern.next("orchestrator.job.settled");
    expect(settled.payload).toEqual({ jobId: id, epoch: 1, status: "STOPPED" });
    expect((await house.job(id)).status).toBe("STOPPED");
    modern.stopped(id);
    await modern.next("orchestrator.job.settled", undefined, { since: modern.received.indexOf(settled) + 1 });
    modern.stopped("forgotten-long-ago");
    await modern.next("orchestrator.job.settled", (payload) => payload.jobId === "forgotten-long-ago");
    await modern.cut();

    const plain = await house.agent({ agentId: "plain" });
    const other = await house.submit();
    await house.jobIn(other.id, "RUNNING");
    plain.stopped(other.id);
    await house.jobIn(other.id, "STOPPED");
    await plain.roundTrip();
    expect(plain.ofType("orchestrator.job.settled")).toEqual([]);
  });
});

describe("progress and log lines", () => {
  test("are shown while the job runs, and the last measurement stays with its end", async () => {
    await using house = await House.open();
    const agent = await house.agent();
    const { id } = await house.submit();
    const { updatedAt } = await house.jobIn(id, "RUNNING");
    agent.update(id, "RUNNING", { progress: { fps: 29.9, frame: 30 } });
    agent.send("agent.job.log", { jobId: id, level: "warn", message: "The source is late." });
    const measured = await house.jobWhere(id, ({ progress }) => progress?.fps === 29.9, "measured");
    // A measurement comes every second and is no change of the job.
    expect(measured.updatedAt).toBe(updatedAt);
    expect((await house.eventsOf(id)).map(({ type }) => type).at(-1)).toBe("job.running");
    expect((await house.api("GET", `/v1/jobs/${id}/logs`)).body).toMatchObject([
      { level: "warn", message: "The source is late." },
    ]);
    agent.stopped(id);
    await house.jobIn(id, "STOPPED");
    expect((await house.job(id)).progress).toMatchObject({ fps: 29.9 });
    await house.stop();
    await house.start();
    expect((await house.job(id)).progress).toMatchObject({ fps: 29.9, frame: 30 });
  });
});

describe("mute", () => {
  test("is asked of the agent and true once the agent says so", async () => {
    await using house = await House.open();
    const agent = await house.agent();
    const { id } = await house.submit();
    expect(await house.jobIn(id, "RUNNING")).toMatchObject({ streamMetadata: { isMuted: false } });
    const isMuted = async () => (await house.job(id)).streamMetadata.isMuted;
    for (const [action, ackType, event, muted] of [
      ["mute", "agent.job.mute", "job.muted", true],
      ["unmute", "agent.job.unmute", "job.unmuted", false],
    ] as const) {
      const { status, body } = await house.api("POST", `/v1/jobs/${id}/${action}`);
      expect(status).toBe(202);
      expect(body).toMatchObject({ ok: true, job: { id, status: "RUNNING" } });
      expect((await agent.next(`orchestrator.job.${action}`)).payload).toEqual({ jobId: id });
      expect(await isMuted()).toBe(!muted);
      agent.send(ackType, { jobId: id, success: true });
      await house.jobWhere(id, (job) => job.streamMetadata.isMuted === muted, action);
      expect((await house.eventsOf(id)).at(-1)?.type).toBe(event);
    }
  });

  test("that the agent could not do is reported and changes nothing", async () => {
    await using house = await House.open();
    const agent = await house.agent();
    const { id } = await house.submit();
    await house.jobIn(id, "RUNNING");
    await house.api("POST", `/v1/jobs/${id}/mute`);
    const error = { code: "NO_MIXER", message: "There is no sound to mute." };
    agent.send("agent.job.mute", { jobId: id, success: false, error });
    await house.jobWhere(id, () => true, "there");
    await agent.roundTrip();
    await house.api("PUT", `/v1/jobs/${id}/metadata`, { viewers: 1 });
    expect((await house.eventsOf(id)).at(-2)).toMatchObject({ type: "job.mute_failed", message: error.message });
    expect((await house.job(id)).streamMetadata.isMuted).toBe(false);
  });

  test("answers 409 when the agent is away, the job waits or has ended", async () => {
    await using house = await House.open();
    const { id } = await house.submit();
    const mute = () => house.api("POST", `/v1/jobs/${id}/mute`);
    expect(await mute()).toMatchObject({ status: 409, body: { code: "JOB_NOT_RUNNING" } });
    const agent = await house.agent();
    await house.jobIn(id, "RUNNING");
    await agent.cut();
    await house.agentIn("agent-123", "OFFLINE");
    expect(await mute()).toMatchObject({ status: 409, body: { code: "AGENT_OFFLINE" } });
    const back = await house.agent({ activeJob: { jobId: id, status: "RUNNING" } });
    back.stopped(id);
    await house.jobIn(id, "STOPPED");
    expect(await mute()).toMatchObject({ status: 409, body: { code: "JOB_ENDED" } });
  });
});
