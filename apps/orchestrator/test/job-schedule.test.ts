import { describe, expect, test } from "@jest/globals";
import { waitFor } from "@stream-control/test-kit";
import { House } from "./house.js";

const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();
const HOUR_MS = 3_600_000;
const passed = (moment: string) => waitFor(() => Date.now() > Date.parse(moment), { what: `${moment} to be over` });

describe("a job with a start", () => {
  test("waits for it, says so, keeps nobody behind it waiting, and is given to an agent then", async () => {
    await using house = await House.open();
    const agent = await house.agent({ slots: 2 });
    const startAt = inMs(2000);
    const later = await house.submit({ schedule: { startAt } });
    expect(later).toMatchObject({
      status: "PENDING",
      schedule: { startAt, stopAt: null, stopAfterMinutes: null },
      pendingReason: `The job is to start at ${startAt}.`,
    });
    const now = await house.submit();
    await house.jobIn(now.id, "RUNNING");
    expect(await house.job(later.id)).toMatchObject({ status: "PENDING", passedOver: [] });
    const { startedAt } = await house.jobIn(later.id, "RUNNING");
    expect(Date.parse(startedAt)).toBeGreaterThanOrEqual(Date.parse(startAt));
    expect(agent.assignments.map(({ jobId }) => jobId)).toEqual([now.id, later.id]);
  });

  test("waits through a restart, and is started late where that took longer than its start", async () => {
    await using house = await House.open();
    const soon = await house.submit({ schedule: { startAt: inMs(500) } });
    const far = await house.submit({ schedule: { startAt: inMs(60 * 24 * HOUR_MS) } });
    await house.stop();
    await passed(soon.schedule.startAt);
    await house.start();
    await house.agent({ slots: 2 });
    await house.jobIn(soon.id, "RUNNING");
    expect(await house.job(far.id)).toMatchObject({
      status: "PENDING",
      pendingReason: expect.stringContaining("start"),
    });
  });

  test("is not started any more when its stop has come by then, and says why", async () => {
    await using house = await House.open();
    const stopAt = inMs(700);
    const { id } = await house.submit({ schedule: { startAt: inMs(300), stopAt } });
    await house.stop();
    await passed(stopAt);
    await house.start();
    const agent = await house.agent();
    const job = await house.jobIn(id, "CANCELED");
    expect(job.reason).toMatchObject({ code: "SCHEDULE_MISSED", message: expect.stringContaining(stopAt) });
    const next = await house.submit();
    await house.jobIn(next.id, "RUNNING");
    expect(agent.assignments.map(({ jobId }) => jobId)).toEqual([next.id]);
    const { body } = await house.api("GET", "/v1/audit?type=job.canceled");
    expect(body.items).toMatchObject([{ actor: "system", subject: `job:${id}` }]);
  });
});

describe("a job with a stop", () => {
  test.each([
    ["at a moment", () => ({ stopAt: inMs(1500) }), "The job was to stop at"],
    ["after some minutes of running", () => ({ stopAfterMinutes: 0.02 }), "The job was to run for 0.02 minutes."],
  ])("%s is stopped gracefully then, with the reason", async (_, schedule, words) => {
    await using house = await House.open();
    const agent = await house.agent({ onStop: () => {} });
    const { id } = await house.submit({ schedule: schedule() });
    const { startedAt } = await house.jobIn(id, "RUNNING");
    const job = await house.jobIn(id, "STOPPING");
    expect(job).toMatchObject({
      wantedStatus: "STOPPED",
      reason: { code: "SCHEDULED_STOP", message: expect.stringContaining(words) },
    });
    if (job.schedule.stopAfterMinutes !== null) expect(Date.now() - Date.parse(startedAt)).toBeGreaterThanOrEqual(1200);
    await agent.next("orchestrator.job.stop", (payload) => payload.jobId === id);
    agent.stopped(id);
    await house.jobIn(id, "STOPPED");
  });

  test("that came while the orchestrator was away is stopped when its agent is back", async () => {
    await using house = await House.open();
    await house.agent({ modern: {} });
    const stopAt = inMs(1000);
    const { id } = await house.submit({ schedule: { stopAt } });
    await house.jobIn(id, "RUNNING");
    await house.stop();
    await passed(stopAt);
    await house.start();
    const agent = await house.agent({ modern: { activeJobs: [{ jobId: id, status: "RUNNING", epoch: 1 }] } });
    await agent.next("orchestrator.job.stop", (payload) => payload.jobId === id);
    await house.jobIn(id, "STOPPED");
  });

  test("whose pause between two tries outlasts it is not started anew", async () => {
    await using house = await House.open({ restart: { maxRestarts: 5, baseMs: 60_000, maxMs: 60_000, goodRunMs: 1 } });
    const agent = await house.agent({ modern: {} });
    const { id } = await house.submit({ restartPolicy: "onFailure", schedule: { stopAt: inMs(1500) } });
    await house.jobIn(id, "RUNNING");
    agent.fail(id);
    await house.jobIn(id, "PENDING");
    expect(await house.jobIn(id, "CANCELED")).toMatchObject({ reason: { code: "SCHEDULED_STOP" } });
    expect(agent.assignments).toHaveLength(1);
  });
});

describe("PUT /v1/jobs/:id/schedule", () => {
  test("moves a start, takes it away, and gives a running job a stop", async () => {
    await using house = await House.open();
    await house.agent();
    const { id } = await house.submit({ schedule: { startAt: inMs(HOUR_MS) } });
    const put = (body: object) => house.api("PUT", `/v1/jobs/${id}/schedule`, body);
    const startAt = inMs(2 * HOUR_MS);
    const moved = await put({ startAt });
    expect(moved).toMatchObject({ status: 200, body: { ok: true, job: { schedule: { startAt }, status: "PENDING" } } });
    expect(moved.body.job.pendingReason).toContain(startAt);
    expect((await put({})).body.job.schedule).toBeNull();
    await house.jobIn(id, "RUNNING");
    expect(await put({ startAt })).toMatchObject({ status: 409, body: { code: "JOB_STARTED" } });
    expect((await put({ stopAt: inMs(HOUR_MS) })).status).toBe(200);
    expect((await put({ stopAfterMinutes: 0.0001 })).status).toBe(200);
    await house.jobIn(id, "STOPPED");
    expect(await put({ stopAt: inMs(HOUR_MS) })).toMatchObject({ status: 409, body: { code: "JOB_ENDED" } });
    const changes = (await house.eventsOf(id)).filter(({ type }) => type === "job.schedule_changed");
    expect(changes.map(({ data }) => data?.schedule)).toMatchObject([
      { startAt },
      null,
      { stopAt: expect.any(String) },
      { stopAfterMinutes: 0.0001 },
    ]);
    expect((await house.api("PUT", "/v1/jobs/none/schedule", {})).status).toBe(404);
  });

  test.each([
    [() => ({ stopAt: inMs(-1000) }), "is over already"],
    [() => ({ startAt: inMs(2000), stopAt: inMs(1000) }), "stopAt: must be later than startAt"],
    [() => ({ startAt: "tomorrow" }), "startAt"],
    [() => ({ stopAfterMinutes: 0 }), "stopAfterMinutes"],
    [() => ({ stopAfterMinutes: 1e9 }), "stopAfterMinutes"],
  ])("and a new job refuse what cannot be: %#", async (make, words) => {
    await using house = await House.open();
    const { id } = await house.submit();
    for (const answer of [
      await house.api("PUT", `/v1/jobs/${id}/schedule`, make()),
      await house.api("POST", "/v1/jobs", { inlineConfig: {}, schedule: make() }),
    ]) {
      expect(answer).toMatchObject({ status: 422, body: { code: "VALIDATION_FAILED" } });
      expect(answer.body.error).toContain(words);
    }
  });
});
