import { describe, expect, test } from "@jest/globals";
import type { BroadcastRecord } from "@stream-control/protocol";
import { waitFor } from "@stream-control/test-kit";
import { GuardedHouse } from "./guarded-house.js";
import type { YouTubeHouse } from "./youtube-house.js";
import { eventOf, inLife, openQuick } from "./youtube-shows.js";

const HOUR_MS = 3_600_000;
const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();
const announce = async ({ house }: YouTubeHouse, body: object = {}, status = 201) => {
  const answer = await house.api("POST", "/v1/broadcasts", {
    title: "Final",
    scheduledStartTime: inMs(HOUR_MS),
    sheetKey: "A",
    ...body,
  });
  if (answer.status !== status) throw new Error(`The broadcast was answered with ${answer.status}: ${answer.text}`);
  return answer.body;
};
const recordWhere = (
  { house }: YouTubeHouse,
  id: string,
  holds: (record: BroadcastRecord) => boolean,
  what: string,
): Promise<BroadcastRecord> =>
  waitFor(
    async () => {
      const { body } = await house.api("GET", `/v1/broadcasts/${id}`);
      return holds(body) ? body : undefined;
    },
    { what: `the broadcast to be ${what}` },
  );
const jobsOf = async ({ house }: YouTubeHouse) => (await house.api("GET", "/v1/jobs")).body;

describe("an announced broadcast", () => {
  test("is made at YouTube for its time, shown with everything, changed, refreshed and taken away again", async () => {
    await using youtube = await openQuick();
    const { house, fake } = youtube;
    const start = inMs(HOUR_MS);
    const made = await announce(youtube, {
      scheduledStartTime: start,
      description: "At last",
      autoStopEnabled: true,
      autoStopMinutes: 90,
    });
    const [broadcast] = fake.broadcasts;
    const [stream] = fake.streams;
    expect(made).toMatchObject({
      ...{ broadcastId: broadcast?.id, videoId: broadcast?.id, streamId: stream?.id, streamKey: stream?.streamName },
      ...{ streamUrl: "rtmps://127.0.0.1/live2", sheetKey: "A", title: "Final", description: "At last" },
      ...{ scheduledStartTime: start, publicUrl: `https://youtube.com/watch?v=${broadcast?.id}` },
      adminUrl: `https://studio.youtube.com/video/${broadcast?.id}/livestreaming`,
      ...{
        autoStart: false,
        autoStopEnabled: true,
        autoStopMinutes: 90,
        autoStopAt: null,
        jobId: null,
        state: "ready",
      },
      ...{ createdAt: expect.any(String), updatedAt: expect.any(String), problem: null },
    });
    expect(broadcast).toMatchObject({ title: "Final", privacyStatus: "unlisted", lifeCycle: "ready" });
    expect(Math.abs(Date.parse(broadcast?.scheduledStartTime ?? "") - Date.parse(start))).toBeLessThan(1000);
    expect((await house.api("GET", "/v1/broadcasts")).body.map(({ id }: { id: string }) => id)).toEqual([made.id]);

    const later = inMs(2 * HOUR_MS);
    const path = `/v1/broadcasts/${made.broadcastId}`;
    expect((await house.api("PUT", path, { scheduledStartTime: later })).body).toMatchObject({
      scheduledStartTime: later,
    });
    await waitFor(() => Math.abs(Date.parse(broadcast?.scheduledStartTime ?? "") - Date.parse(later)) < 1000);
    expect((await house.api("PUT", `${path}/metadata`, { title: "Semi-final" })).body).toMatchObject({
      title: "Semi-final",
    });
    await waitFor(() => broadcast?.title === "Semi-final");
    expect((await house.api("GET", `${path}/refresh`)).body).toMatchObject({ lifeCycleStatus: "ready" });
    expect((await house.api("POST", "/v1/broadcasts/refresh-all")).body).toMatchObject([{ lifeCycleStatus: "ready" }]);
    expect((await house.api("DELETE", path)).status).toBe(204);
    await waitFor(() => fake.broadcasts.length === 0 && fake.streams.length === 0);
    await waitFor(async () => (await house.api("GET", path)).status === 404);
    expect((await house.api("DELETE", path)).body).toMatchObject({ code: "BROADCAST_NOT_FOUND" });
  });

  test("is filled by a job that names it, once, with its texts; the job's end completes it", async () => {
    await using youtube = await openQuick();
    const { house, fake } = youtube;
    const made = await announce(youtube);
    await using agent = await house.agent();
    const job = await house.submit({ broadcastId: made.broadcastId, idempotencyKey: "the final" });
    expect(job.streamMetadata).toMatchObject({
      title: "Final",
      youtube: { streamKey: made.streamKey, broadcastId: made.broadcastId },
    });
    expect((await agent.assignmentOf(job.id)).payload.streamMetadata.youtube.streamKey).toBe(made.streamKey);
    expect((await house.api("POST", "/v1/jobs", { inlineConfig: {}, broadcastId: made.id })).body).toMatchObject({
      code: "BROADCAST_IN_USE",
    });
    expect(
      (await house.api("POST", "/v1/jobs", { inlineConfig: {}, broadcastId: made.id, idempotencyKey: "the final" }))
        .status,
    ).toBe(200);
    expect((await house.api("DELETE", `/v1/broadcasts/${made.id}`)).body).toMatchObject({ code: "BROADCAST_IN_USE" });
    expect((await house.api("POST", "/v1/jobs", { inlineConfig: {}, broadcastId: "nobody" })).body).toMatchObject({
      code: "BROADCAST_NOT_FOUND",
    });
    fake.push(made.broadcastId);
    await eventOf(youtube, job.id, "broadcast.live");
    await house.api("PUT", `/v1/broadcasts/${made.id}/metadata`, { title: "The final" });
    expect((await house.job(job.id)).streamMetadata.title).toBe("The final");
    await house.api("POST", `/v1/jobs/${job.id}/stop`);
    await eventOf(youtube, job.id, "broadcast.completed");
    expect(fake.broadcasts).toMatchObject([{ lifeCycle: "complete" }]);
  });

  test("stays announced where its job ends before it was on air", async () => {
    await using youtube = await openQuick();
    const { house, fake } = youtube;
    const made = await announce(youtube);
    const first = await house.submit({ broadcastId: made.broadcastId });
    await house.api("POST", `/v1/jobs/${first.id}/stop`);
    await recordWhere(youtube, made.id, ({ jobId }) => jobId === null, "free again");
    const second = await house.submit({ broadcastId: made.broadcastId });
    expect(second.streamMetadata.youtube.broadcastId).toBe(made.broadcastId);
    expect(fake.countOf("liveBroadcasts.insert")).toBe(1);
  });

  test("stops by itself: so many minutes after it went live, or at a time; a job may ask for it too", async () => {
    await using youtube = await openQuick();
    const { house, fake } = youtube;
    await using _agent = await house.agent({ slots: 3 });
    const made = await announce(youtube, { autoStopEnabled: true, autoStopMinutes: 10 });
    const job = await house.submit({ broadcastId: made.id });
    fake.push(made.broadcastId);
    const live = await recordWhere(youtube, made.id, ({ state }) => state === "live", "live");
    expect(Math.abs(Date.parse(live.autoStopAt ?? "") - Date.now() - 600_000)).toBeLessThan(20_000);
    await house.api("PUT", `/v1/broadcasts/${made.id}`, { autoStopAt: inMs(200) });
    await house.jobIn(job.id, "STOPPED");
    expect((await eventOf(youtube, job.id, "job.stopping")).message).toContain("by itself");
    await eventOf(youtube, job.id, "broadcast.completed");
    const own = await house.submit({ autoStopEnabled: true, autoStopMinutes: 5 });
    const { streamMetadata } = await house.jobWhere(
      own.id,
      (one) => one.streamMetadata.youtube !== undefined,
      "with a broadcast",
    );
    fake.push(streamMetadata.youtube.broadcastId);
    await eventOf(youtube, own.id, "broadcast.live");
    const [record] = (await house.api("GET", "/v1/broadcasts")).body;
    expect(record).toMatchObject({
      jobId: own.id,
      autoStopEnabled: true,
      autoStopMinutes: 5,
      autoStopAt: expect.any(String),
    });
    expect(
      (
        await house.api("POST", "/v1/jobs", {
          inlineConfig: {},
          youtube: false,
          autoStopEnabled: true,
          autoStopMinutes: 5,
        })
      ).body,
    ).toMatchObject({
      code: "NOT_SUPPORTED",
      error: expect.stringContaining("stopAfterMinutes"),
    });
  });

  test("is refused in words where YouTube refuses it, and where something is missing", async () => {
    await using youtube = await openQuick();
    const { house, fake } = youtube;
    fake.faults.plan("liveBroadcasts.insert", { kind: "error", reason: "liveStreamingNotEnabled" });
    const refused = await announce(youtube, {}, 422);
    expect(refused).toMatchObject({ code: "YOUTUBE_REFUSED", error: expect.stringContaining("youtube.com/features") });
    for (const [body, field] of [
      [{ autoStart: true, scheduledStartTime: null }, "scheduledStartTime"],
      [{ autoStart: true, sheetKey: null }, "sheetKey"],
      [{ autoStopEnabled: true }, "autoStopMinutes"],
    ] as const)
      expect((await announce(youtube, body, 422)).error).toContain(field);
    expect((await house.api("GET", "/v1/broadcasts")).body).toEqual([]);
  });

  test("is answered while YouTube is slow, and made all the same", async () => {
    await using youtube = await openQuick();
    const { fake } = youtube;
    fake.faults.plan("liveStreams.insert", { kind: "hang" });
    const made = await announce(youtube, {}, 202);
    expect(made).toMatchObject({ state: "preparing", broadcastId: null });
    await recordWhere(youtube, made.id, ({ state }) => state === "ready", "ready");
  });
});

describe("a broadcast that starts by itself", () => {
  const AUTO = { autoStart: true, sheetKey: "sheet-a" };

  test("has an agent kept free for it, and starts on that one at its time, also with others waiting", async () => {
    await using youtube = await openQuick();
    const { house, fake } = youtube;
    await using agent = await house.agent({ agentId: "box-a" });
    const made = await announce(youtube, { ...AUTO, scheduledStartTime: inMs(2500) });
    expect(made).toMatchObject({ reservedAgentId: "box-a" });
    await house.agentIn("box-a", "RESERVED");
    // Nobody else is to have it: neither a job that waits nor another broadcast.
    const other = await house.submit({ youtube: false });
    expect((await house.job(other.id)).passedOver).toMatchObject([{ agentId: "box-a", code: "BUSY" }]);
    expect(await announce(youtube, { ...AUTO, scheduledStartTime: inMs(3000) }, 409)).toMatchObject({
      code: "NO_AGENT_TO_RESERVE",
    });
    const started = await recordWhere(youtube, made.id, ({ jobId }) => jobId !== null, "started");
    await recordWhere(youtube, made.id, ({ reservedAgentId }) => reservedAgentId === null, "without a reservation");
    const assignment = await agent.assignmentOf(started.jobId ?? "");
    expect(assignment.payload.streamMetadata).toMatchObject({ title: "Final", youtube: { streamKey: made.streamKey } });
    expect((await house.job(other.id)).status).toBe("PENDING");
    fake.push(made.broadcastId);
    await eventOf(youtube, started.jobId ?? "", "broadcast.live");
  });

  test("takes the template that is named like its sheet, or what it was told to run", async () => {
    await using youtube = await openQuick();
    const { house } = youtube;
    await using _agent = await house.agent({ slots: 5 });
    await house.api("POST", "/v1/templates", { id: "sheet-a", name: "A", config: { source: { type: "test" } } });
    await announce(youtube, { ...AUTO, scheduledStartTime: inMs(400) });
    await announce(youtube, {
      ...AUTO,
      scheduledStartTime: inMs(400),
      job: { inlineConfig: { kind: "own" }, restartPolicy: "onFailure" },
    });
    const jobs = await waitFor(async () => {
      const all = await jobsOf(youtube);
      return all.length === 2 ? all : undefined;
    });
    expect(jobs.find((job: { templateId: string }) => job.templateId === "sheet-a")).toBeDefined();
    expect(jobs.find((job: { templateId: string }) => job.templateId === null)).toMatchObject({
      inlineConfig: { kind: "own" },
      restartPolicy: "onFailure",
    });
    expect(await announce(youtube, { ...AUTO, job: { templateId: "gone" } }, 404)).toMatchObject({
      code: "TEMPLATE_NOT_FOUND",
    });
  });

  test("finds no agent where none is there that could have it", async () => {
    await using youtube = await openQuick();
    expect(await announce(youtube, AUTO, 409)).toMatchObject({
      code: "NO_AGENT_TO_RESERVE",
      error: expect.stringContaining("No agent has registered yet"),
    });
    expect(youtube.fake.broadcasts).toEqual([]);
  });

  test("keeps its time and its agent over a restart; missed by a little it starts, by a lot it does not and says so", async () => {
    await using youtube = await openQuick({ YOUTUBE_LATE_START_MS: "60000" });
    const { house, fake } = youtube;
    const agent = await house.agent({ agentId: "box-a", slots: 3 });
    const soon = await announce(youtube, { ...AUTO, scheduledStartTime: inMs(600_000) });
    const little = await announce(youtube, { ...AUTO, scheduledStartTime: inMs(700) });
    await house.stop();
    await agent.cut();
    await waitFor(() => Date.now() > Date.parse(little.scheduledStartTime) + 50);
    await house.start();
    await using _back = await house.agent({ agentId: "box-a", slots: 3 });
    expect(await recordWhere(youtube, soon.id, ({ state }) => state === "ready", "there")).toMatchObject({
      reservedAgentId: "box-a",
      jobId: null,
    });
    const late = await recordWhere(youtube, little.id, ({ jobId }) => jobId !== null, "started late");
    await house.jobIn(late.jobId ?? "", "RUNNING");
    await house.stop();
    // Eleven minutes later.
    await house.start({ youtube: { ...youtube.settings, due: { ...youtube.settings.due, lateMs: -1 } } });
    await house.api("PUT", `/v1/broadcasts/${soon.id}`, { scheduledStartTime: inMs(50) });
    const missed = await recordWhere(
      youtube,
      soon.id,
      ({ problem, reservedAgentId }) => problem?.reason === "START_MISSED" && reservedAgentId === null,
      "missed",
    );
    expect(missed).toMatchObject({ autoStart: false, jobId: null });
    expect(missed.problem?.message).toContain("start it by hand");
    expect(await jobsOf(youtube)).toHaveLength(1);
    expect(fake.broadcasts).toHaveLength(2);
  });

  test("is started once, whatever breaks in that moment", async () => {
    await using youtube = await openQuick();
    const { house } = youtube;
    await using _agent = await house.agent();
    const made = await announce(youtube, { ...AUTO, scheduledStartTime: inMs(300) });
    const { jobId } = await recordWhere(youtube, made.id, (record) => record.jobId !== null, "started");
    await house.stop();
    await house.start();
    expect(await jobsOf(youtube)).toHaveLength(1);
    expect((await house.api("GET", `/v1/broadcasts/${made.id}`)).body.jobId).toBe(jobId);
  });
});

describe("broadcasts of a room", () => {
  test("are seen by those of the room; their keys by those who may stream", async () => {
    await using youtube = await openQuick();
    await using guarded = await GuardedHouse.open({ youtube: youtube.settings });
    await waitFor(async () => (await guarded.admin.api("GET", "/oauth/status")).body.connected);
    const [operator, viewer, elsewhere] = [
      await guarded.let({ hall: "operator" }),
      await guarded.let({ hall: "viewer" }),
      await guarded.let({ annex: "operator" }),
    ];
    const made = await operator.api("POST", "/v1/broadcasts", { title: "Final", scheduledStartTime: inMs(HOUR_MS) });
    expect(made).toMatchObject({ status: 201, body: { room: "hall", streamKey: expect.stringMatching(/^S/) } });
    const { id, streamKey } = made.body;
    expect((await viewer.api("GET", "/v1/broadcasts")).text).not.toContain(streamKey);
    expect((await viewer.api("GET", `/v1/broadcasts/${id}`)).body).toMatchObject({
      title: "Final",
      streamKey: "[secret]",
    });
    expect((await viewer.api("DELETE", `/v1/broadcasts/${id}`)).status).toBe(403);
    expect((await elsewhere.api("GET", "/v1/broadcasts")).body).toEqual([]);
    expect((await elsewhere.api("GET", `/v1/broadcasts/${id}`)).status).toBe(404);
    expect((await elsewhere.api("POST", "/v1/jobs", { inlineConfig: {}, broadcastId: id })).status).toBe(404);
    await inLife(youtube.fake.broadcasts[0] as never, "ready");
  });
});
