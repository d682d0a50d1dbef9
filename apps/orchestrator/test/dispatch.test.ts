import { describe, expect, test } from "@jest/globals";
import { measured } from "@stream-control/test-kit";
import { House } from "./house.js";

const waits = () => undefined;

describe("who gets a job", () => {
  test("an agent that declines is passed over, and the job goes to another", async () => {
    await using house = await House.open();
    const error = { code: "NO_CAMERA", message: "The camera is unplugged." };
    const picky = await house.agent({
      agentId: "picky",
      onAssign: (self, given) => self.ack(given, { accepted: false, error }),
    });
    const { id } = await house.submit();
    await picky.assignment();
    const waiting = await house.jobWhere(id, (job) => job.passedOver?.length === 1, "passed over");
    expect(waiting).toMatchObject({
      status: "PENDING",
      agentId: null,
      reason: { code: "NO_CAMERA", message: error.message },
      passedOver: [{ agentId: "picky", code: "TRIED", message: error.message }],
    });
    expect(waiting.pendingReason).toContain("tried");
    await house.agentIn("picky", "IDLE");
    await house.agent({ agentId: "willing" });
    expect(await house.jobIn(id, "RUNNING")).toMatchObject({ agentId: "willing", epoch: 2, reason: null });
    // The agent that declined that one gets the next.
    const next = await house.submit();
    expect((await picky.assignment(1)).jobId).toBe(next.id);
  });

  test("a decline for a wrong config fails the job, whatever its restart policy", async () => {
    await using house = await House.open();
    const error = { code: "CONFIG_INVALID", message: "video.width: must be even" };
    const agent = await house.agent({ onAssign: (self, given) => self.ack(given, { accepted: false, error }) });
    await house.agent({ agentId: "other", drain: true });
    const { id } = await house.submit({ restartPolicy: "onFailure" });
    expect(await house.jobIn(id, "FAILED")).toMatchObject({ error, reason: { fault: "config" } });
    await house.agentIn("agent-123", "IDLE");
    expect(agent.assignments).toHaveLength(1);
  });

  test("an agent that does not answer in time loses the job to another and is told to stop", async () => {
    await using house = await House.open({ ackTimeoutMs: 150 });
    const mute = await house.agent({ agentId: "mute", onAssign: waits, onStop: waits });
    const { id } = await house.submit();
    await mute.assignment();
    const willing = await house.agent({ agentId: "willing" });
    expect(await house.jobIn(id, "RUNNING")).toMatchObject({ agentId: "willing" });
    const told = await mute.next("orchestrator.job.stop");
    expect(told.payload).toMatchObject({ jobId: id, reason: "ASSIGNMENT_EXPIRED" });
    expect((await house.eventsOf(id)).find(({ type }) => type === "job.unassigned")).toMatchObject({
      data: { agentId: "mute", code: "ASSIGNMENT_EXPIRED" },
    });
    // It answers after all: too late, so it is told once more, and the run on the other agent goes on.
    mute.ack({ jobId: id, msgId: "late" });
    await mute.next("orchestrator.job.stop", ({ reason }) => reason === "NOT_YOURS");
    expect(await house.job(id)).toMatchObject({ status: "RUNNING", agentId: "willing" });
    expect(willing.ofType("orchestrator.job.stop")).toEqual([]);
  });

  test("an agent that leaves between choice and answer may have the job: it waits for it, for a time", async () => {
    await using house = await House.open({ ackTimeoutMs: 50, heartbeatTimeoutMs: 100_000, unknownTimeoutMs: 1000 });
    const leaving = await house.agent({ agentId: "leaving", onAssign: (self) => self.socket.terminate() });
    const { id } = await house.submit();
    await leaving.closed;
    const left = performance.now();
    await house.agent({ agentId: "staying" });
    // Two agents with one stream key are worse than a late start: the other one was given the job after 50 ms.
    expect(await house.jobIn(id, "RUNNING")).toMatchObject({ agentId: "staying", epoch: 2 });
    const running = performance.now();
    expect(running - left).toBeGreaterThan(700);
    measured(
      "the answer to an assignment is held up; the job stays",
      { from: left, to: running },
      { setting: { name: "JOB_UNKNOWN_TIMEOUT_MS", ms: 1000 } },
    );
  });

  test("agents with several slots get several jobs, never more than slots, the least loaded first", async () => {
    await using house = await House.open();
    const big = await house.agent({ agentId: "big", slots: 4 });
    const small = await house.agent({ agentId: "small", slots: 2 });
    const none = await house.agent({ agentId: "none", slots: 0 });
    const jobs = [];
    for (let n = 0; n < 9; n += 1) jobs.push(await house.submit());
    for (const { id } of jobs.slice(0, 6)) await house.jobIn(id, "RUNNING");
    expect([big, small, none].map(({ assignments }) => assignments.length)).toEqual([4, 2, 0]);
    expect((await house.agentIn("big", "RUNNING")).currentJobIds).toHaveLength(4);
    for (const { id } of jobs.slice(6)) expect(await house.job(id)).toMatchObject({ status: "PENDING" });
    // Slots that come free go to the waiting jobs, the oldest first.
    const [first, second] = small.assignments;
    small.stopped(first?.jobId ?? "");
    expect(await house.jobIn(jobs[6].id, "RUNNING")).toMatchObject({ agentId: "small" });
    small.stopped(second?.jobId ?? "");
    expect(await house.jobIn(jobs[7].id, "RUNNING")).toMatchObject({ agentId: "small" });
    expect((await house.job(jobs[8].id)).status).toBe("PENDING");
  });

  test("maxResolution is respected, and what fits is not held up by what does not", async () => {
    await using house = await House.open();
    const hd = await house.agent({ agentId: "hd", maxResolution: "720p", slots: 5 });
    const tall = await house.submit({
      inlineConfig: { source: { type: "test" }, video: { width: 1920, height: 1080 } },
    });
    const named = await house.submit({ inlineConfig: { streamUrl: "test:", quality: "1440p" } });
    const fits = await house.submit({ inlineConfig: { source: { type: "test" } } });
    const free = await house.submit();
    await house.jobIn(fits.id, "RUNNING");
    await house.jobIn(free.id, "RUNNING");
    expect(await house.job(tall.id)).toMatchObject({
      status: "PENDING",
      passedOver: [{ agentId: "hd", code: "RESOLUTION", message: expect.stringContaining("1080p") }],
    });
    expect((await house.job(named.id)).passedOver).toMatchObject([{ code: "RESOLUTION" }]);
    await house.agent({ agentId: "uhd", maxResolution: "2160p", slots: 2 });
    for (const { id } of [tall, named]) expect(await house.jobIn(id, "RUNNING")).toMatchObject({ agentId: "uhd" });
    expect(hd.assignments).toHaveLength(2);
  });

  test("a config that says no height is encoded at 720p and needs an agent that does", async () => {
    await using house = await House.open();
    await house.agent({ agentId: "sd", maxResolution: "480p" });
    const { id } = await house.submit({ inlineConfig: { streamUrl: "rtmp://example.com/live" } });
    expect((await house.job(id)).passedOver).toMatchObject([{ code: "RESOLUTION" }]);
    const small = await house.submit({ inlineConfig: { streamUrl: "rtmp://example.com/live", quality: "480p" } });
    expect(await house.jobIn(small.id, "RUNNING")).toMatchObject({ agentId: "sd" });
  });
});

describe("why a job waits", () => {
  test("is said in a sentence, and for each agent", async () => {
    await using house = await House.open();
    const { id } = await house.submit({ inlineConfig: { source: { type: "test" }, video: { height: 1080 } } });
    expect(await house.job(id)).toMatchObject({
      pendingReason: "No agent has registered yet; start one.",
      passedOver: [],
    });

    const gone = await house.agent({ agentId: "gone", drain: true });
    await gone.cut();
    await house.agentIn("gone", "OFFLINE");
    expect((await house.job(id)).pendingReason).toContain("No agent is connected");

    await house.agent({ agentId: "draining", drain: true });
    expect((await house.job(id)).pendingReason).toContain("draining");

    await house.agent({ agentId: "small", maxResolution: "720p" });
    expect((await house.job(id)).pendingReason).toContain("picture of this size");

    const busy = await house.agent({ agentId: "busy", slots: 1 });
    await house.jobIn(id, "RUNNING");
    const second = await house.submit({ inlineConfig: { source: { type: "test" }, video: { height: 1080 } } });
    const { pendingReason, passedOver } = await house.job(second.id);
    expect(pendingReason).toContain("busy");
    expect(Object.fromEntries(passedOver.map(({ agentId, code }: Record<string, string>) => [agentId, code]))).toEqual({
      gone: "OFFLINE",
      draining: "DRAINING",
      small: "RESOLUTION",
      busy: "BUSY",
    });
    for (const { message } of passedOver) expect(message).toMatch(/\.$/);
    expect((await house.api("GET", "/v1/jobs")).body[1].pendingReason).toBe(pendingReason);
    busy.stopped(id);
    expect(await house.jobIn(second.id, "RUNNING")).toMatchObject({ pendingReason: null });
    expect(await house.job(second.id)).not.toHaveProperty("passedOver");
  });
});

describe("restartPolicy", () => {
  const restart = { maxRestarts: 2, baseMs: 40, maxMs: 10_000, goodRunMs: 60_000 };

  test("never: a failure is final", async () => {
    await using house = await House.open({ restart });
    const agent = await house.agent();
    const { id } = await house.submit({ restartPolicy: "never" });
    await house.jobIn(id, "RUNNING");
    agent.fail(id);
    expect(await house.jobIn(id, "FAILED")).toMatchObject({ restarts: 0, epoch: 1 });
  });

  test("onFailure: tried again with growing pauses, then given up", async () => {
    await using house = await House.open({ restart });
    await house.agent({
      onAssign: (self, given) => {
        self.run(given);
        self.fail(given.jobId, "OBS_CRASHED", "The encoder crashed.");
      },
    });
    const { id } = await house.submit({ restartPolicy: "onFailure" });
    const job = await house.jobIn(id, "FAILED");
    expect(job).toMatchObject({
      epoch: 3,
      restarts: 2,
      error: { code: "STREAM_RESTART_EXCEEDED", detail: { lastError: { code: "OBS_CRASHED" } } },
      reason: { code: "STREAM_RESTART_EXCEEDED" },
    });
    expect(job.error.message).toContain("The encoder crashed.");
    const events = await house.eventsOf(id);
    const restarts = events.filter(({ type }) => type.startsWith("stream."));
    expect(restarts.map(({ type, data }) => [type, data?.attempt])).toEqual([
      ["stream.restart_requested", 1],
      ["stream.restart_ready", 1],
      ["stream.restart_requested", 2],
      ["stream.restart_ready", 2],
      ["stream.restart_exhausted", 2],
    ]);
    const pauses = restarts
      .filter(({ type }) => type === "stream.restart_requested")
      .map(({ data }) => Number(data?.delayMs));
    expect(pauses[0]).toBeGreaterThanOrEqual(20);
    expect(pauses[0]).toBeLessThanOrEqual(40);
    expect(pauses[1]).toBeGreaterThanOrEqual(40);
    expect(pauses[1]).toBeLessThanOrEqual(80);
    await house.agentIn("agent-123", "IDLE");
  });

  test("a pause is kept, and said while it lasts", async () => {
    await using house = await House.open({ restart: { ...restart, baseMs: 600_000, maxMs: 600_000 } });
    const agent = await house.agent();
    const { id } = await house.submit({ restartPolicy: "onFailure" });
    await house.jobIn(id, "RUNNING");
    agent.fail(id);
    const waiting = await house.jobIn(id, "PENDING");
    expect(Date.parse(waiting.notBefore) - Date.now()).toBeGreaterThan(250_000);
    expect(waiting).toMatchObject({
      agentId: null,
      error: { code: "FFMPEG_EXITED" },
      pendingReason: expect.stringMatching(/tried again in \d+ s/),
    });
    // Others go on meanwhile, and the paused one can be stopped.
    const other = await house.submit();
    await house.jobIn(other.id, "RUNNING");
    const { body } = await house.api("POST", `/v1/jobs/${id}/stop`);
    expect(body.job).toMatchObject({ status: "CANCELED", notBefore: null });
  });

  test("a pause that is over while no agent is free is told as stream.restart_queued", async () => {
    await using house = await House.open({ restart });
    const agent = await house.agent();
    const first = await house.submit({ restartPolicy: "onFailure" });
    await house.jobIn(first.id, "RUNNING");
    const second = await house.submit();
    agent.fail(first.id);
    await house.jobIn(second.id, "RUNNING");
    await house.jobWhere(
      first.id,
      async () => (await house.eventsOf(first.id)).some(({ type }) => type === "stream.restart_queued"),
      "queued",
    );
    const queued = await house
      .eventsOf(first.id)
      .then((events) => events.filter(({ type }) => type === "stream.restart_queued"));
    expect(queued).toMatchObject([{ data: { attempt: 1 }, message: expect.stringContaining("busy") }]);
    agent.stopped(second.id);
    await house.jobIn(first.id, "RUNNING");
    const types = (await house.eventsOf(first.id)).map(({ type }) => type).filter((type) => type.startsWith("stream."));
    expect(types).toEqual(["stream.restart_requested", "stream.restart_queued", "stream.restart_ready"]);
  });

  test("a job that its agent is stopping by itself is restarted when that ends in a failure", async () => {
    await using house = await House.open({ restart });
    const agent = await house.agent();
    const { id } = await house.submit({ restartPolicy: "onFailure" });
    await house.jobIn(id, "RUNNING");
    agent.update(id, "STOPPING");
    await house.jobIn(id, "STOPPING");
    agent.fail(id);
    expect(await house.jobWhere(id, (job) => job.epoch === 2 && job.status === "RUNNING", "again")).toBeDefined();
  });

  test("a failure of a job that is to stop is not tried again", async () => {
    await using house = await House.open({ restart });
    const agent = await house.agent({ onStop: (self, jobId) => self.fail(jobId) });
    const { id } = await house.submit({ restartPolicy: "onFailure" });
    await house.jobIn(id, "RUNNING");
    await house.api("POST", `/v1/jobs/${id}/stop`);
    expect(await house.jobIn(id, "FAILED")).toMatchObject({ epoch: 1, error: { code: "FFMPEG_EXITED" } });
    expect(agent.assignments).toHaveLength(1);
  });
});
