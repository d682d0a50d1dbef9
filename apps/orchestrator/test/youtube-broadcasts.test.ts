import { describe, expect, test } from "@jest/globals";
import { CHANNEL, waitFor } from "@stream-control/test-kit";
import { broadcastOf, eventOf, inLife, modernAgent, openQuick as open, typesOf } from "./youtube-shows.js";

const CONTEXT = { context: "Tournament", drawNumber: 3, sheet: "A", team1: "Team Alpha", team2: "Team Beta" };
const STREAM = { source: { type: "test" } };

describe("a new job", () => {
  test("gets a broadcast and a stream, bound, in its metadata, and is assigned with address and key", async () => {
    await using youtube = await open();
    const { house, fake } = youtube;
    await using agent = await house.agent();
    const { id, streamMetadata } = await house.submit({ inlineConfig: STREAM, streamContext: CONTEXT });
    const { payload } = await agent.next("orchestrator.assign.start");
    const [broadcast] = fake.broadcasts;
    const [stream] = fake.streams;
    expect(broadcast).toMatchObject({
      ...{ title: streamMetadata.title, description: streamMetadata.description, privacyStatus: "unlisted" },
      ...{ lifeCycle: "ready", madeForKids: false, monitorStream: false, boundStreamId: stream?.id },
    });
    expect(broadcast?.title).toMatch(/^Tournament - Draw 3 - Sheet A \(Team Alpha v\. Team Beta\) - \d+\/\d+\/\d{4}$/);
    const metadata = {
      ...{ title: broadcast?.title, description: broadcast?.description, isMuted: false },
      ...{ publicUrl: `https://youtube.com/watch?v=${broadcast?.id}`, streamId: broadcast?.id, platform: "youtube" },
      adminUrl: `https://studio.youtube.com/video/${broadcast?.id}/livestreaming`,
      youtube: {
        ...{ broadcastId: broadcast?.id, videoId: broadcast?.id, streamId: stream?.id, channelId: CHANNEL.id },
        ...{ streamKey: stream?.streamName, streamUrl: "rtmps://127.0.0.1/live2", privacyStatus: "unlisted" },
        scheduledStartTime: broadcast?.scheduledStartTime,
      },
    };
    expect((await house.job(id)).streamMetadata).toEqual(metadata);
    expect(payload.streamMetadata).toEqual(metadata);
    expect((await eventOf(youtube, id, "broadcast.ready")).data).toMatchObject({ broadcastId: broadcast?.id });
    // Its key is shown to nobody in the log.
    expect(JSON.stringify(await house.eventsOf(id))).not.toContain(stream?.streamName);
  });

  test("that starts by itself later has its broadcast now, announced for then, and waits for its own start", async () => {
    await using youtube = await open();
    const { house } = youtube;
    await using agent = await house.agent();
    const startAt = new Date(Date.now() + 3_600_000).toISOString();
    const { id } = await house.submit({ inlineConfig: STREAM, schedule: { startAt } });
    const { scheduledStartTime } = await broadcastOf(youtube, id);
    expect(Math.abs(Date.parse(scheduledStartTime) - Date.parse(startAt))).toBeLessThan(1000);
    expect(await house.job(id)).toMatchObject({ status: "PENDING", pendingReason: expect.stringContaining(startAt) });
    const later = new Date(Date.now() + 7_200_000).toISOString();
    await house.api("PUT", `/v1/jobs/${id}/schedule`, { startAt: later });
    const broadcast = await broadcastOf(youtube, id);
    await waitFor(() => Math.abs(Date.parse(broadcast.scheduledStartTime) - Date.parse(later)) < 1000, {
      what: "the other time at YouTube",
    });
    await house.api("PUT", `/v1/jobs/${id}/schedule`, {});
    expect((await agent.assignmentOf(id)).payload.streamMetadata.youtube.streamKey).toEqual(expect.any(String));
  });

  test("has none where it says so, where none is wanted by default, or where it brings its own key", async () => {
    await using youtube = await open({ YOUTUBE_AUTO_CREATE: "false" });
    const { house, fake } = youtube;
    await house.submit();
    const asked = await house.submit({ youtube: { privacy: "public" } });
    expect(await broadcastOf(youtube, asked.id)).toMatchObject({ privacyStatus: "public" });
    await house.stop();
    await house.start({ youtube: { ...youtube.settings, autoCreate: true } });
    await house.submit({ youtube: false });
    const own = { type: "rtmp", url: "rtmp://a.rtmp.youtube.com/live2", streamKey: "k" };
    await house.submit({ inlineConfig: { ...STREAM, destinations: [own] } });
    await house.submit({ streamMetadata: { youtube: { streamKey: "k", streamUrl: "rtmp://a/b" } } });
    const last = await house.submit();
    await broadcastOf(youtube, last.id);
    expect(fake.countOf("liveBroadcasts.insert")).toBe(2);
  });

  test("is submitted once with its idempotency key, and so is its broadcast", async () => {
    await using youtube = await open();
    const { house, fake } = youtube;
    const body = { inlineConfig: { kind: "test" }, idempotencyKey: "one" };
    const answers = await Promise.all([1, 2, 3].map(() => house.api("POST", "/v1/jobs", body)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 201]);
    await broadcastOf(youtube, answers[0]?.body.id);
    expect(fake.broadcasts).toHaveLength(1);
  });

  test("is seen by whoever an operator has set for new broadcasts", async () => {
    await using youtube = await open();
    const { house } = youtube;
    expect((await house.api("GET", "/v1/config/stream-privacy")).body).toEqual({ privacy: "unlisted" });
    expect((await house.api("PUT", "/v1/config/stream-privacy", { privacy: "open" })).status).toBe(422);
    expect((await house.api("PUT", "/v1/config/stream-privacy", { privacy: "public" })).body).toEqual({
      privacy: "public",
    });
    const { id } = await house.submit();
    expect(await broadcastOf(youtube, id)).toMatchObject({ privacyStatus: "public" });
  });
});

describe("a slow or failing YouTube", () => {
  test("keeps no job from an agent that can be given the destination later; it is added to the running stream", async () => {
    await using youtube = await open();
    const { house, fake } = youtube;
    fake.faults.plan("liveStreams.insert", { kind: "hang" });
    await using agent = await modernAgent(youtube);
    const { id } = await house.submit({ inlineConfig: STREAM });
    const assignment = await agent.next("orchestrator.assign.start");
    expect(assignment.payload.streamMetadata.youtube).toBeUndefined();
    const added = await agent.next("orchestrator.job.destination.add");
    const [stream] = fake.streams;
    expect(added.payload.destination).toEqual({
      ...{ type: "rtmp", id: "youtube-broadcast", url: "rtmps://127.0.0.1/live2", streamKey: stream?.streamName },
    });
    await eventOf(youtube, id, "broadcast.added");
    const broadcast = await broadcastOf(youtube, id);
    fake.push(broadcast.id);
    await inLife(broadcast, "live");
    expect(await typesOf(youtube, id)).toEqual(
      expect.arrayContaining(["broadcast.delayed", "broadcast.ready", "broadcast.live"]),
    );
  });

  test("keeps a job from another agent for a moment, with the reason, and then no longer", async () => {
    await using youtube = await open({ YOUTUBE_WAIT_MS: "700" });
    const { house, fake } = youtube;
    await using agent = await house.agent();
    fake.faults.plan("liveStreams.insert", { kind: "hang" });
    const began = performance.now();
    const { id } = await house.submit();
    const waiting = await house.job(id);
    expect(waiting).toMatchObject({ status: "PENDING", passedOver: [{ agentId: agent.agentId, code: "YOUTUBE" }] });
    expect(waiting.pendingReason).toContain("YouTube");
    const { payload } = await agent.next("orchestrator.assign.start");
    expect(performance.now() - began).toBeGreaterThan(600);
    expect(payload.streamMetadata.youtube).toBeUndefined();
    // It has no way to be given the destination now, and its log says so.
    expect((await eventOf(youtube, id, "broadcast.not_added")).message).toContain("starts anew");
  });

  test.each([
    ["stream", "liveStreams.insert"],
    ["broadcast", "liveBroadcasts.insert"],
  ])(
    "that did not answer the making of a %s is looked at before it is asked again: there is one",
    async (_, method) => {
      await using youtube = await open();
      const { house, fake } = youtube;
      fake.faults.plan(method, { kind: "drop-after" });
      const { id } = await house.submit();
      await broadcastOf(youtube, id);
      expect(fake.countOf(method)).toBe(1);
      expect([fake.broadcasts.length, fake.streams.length]).toEqual([1, 1]);
    },
  );

  test("whose connection breaks before anything was done is asked again", async () => {
    await using youtube = await open();
    const { house, fake } = youtube;
    for (const method of ["liveStreams.insert", "liveBroadcasts.insert", "liveBroadcasts.bind"])
      fake.faults.plan(method, { kind: "drop" });
    const { id } = await house.submit();
    await broadcastOf(youtube, id);
    expect([fake.broadcasts.length, fake.streams.length]).toEqual([1, 1]);
  }, 40_000);

  test("that refuses for good is told once in words, with what to do, and the job runs without", async () => {
    await using youtube = await open();
    const { house, fake } = youtube;
    fake.faults.plan("liveBroadcasts.insert", { kind: "error", reason: "liveStreamingNotEnabled" });
    await using agent = await house.agent();
    const { id } = await house.submit();
    const { payload } = await agent.next("orchestrator.assign.start");
    expect(payload.streamMetadata.youtube).toBeUndefined();
    await house.jobIn(id, "RUNNING");
    const failed = await eventOf(youtube, id, "broadcast.failed");
    expect(failed.message).toContain("youtube.com/features");
    expect(fake.countOf("liveBroadcasts.insert")).toBe(1);
  });

  test.each([
    "rateLimitExceeded",
    "userRequestsExceedRateLimit",
    "backendError",
    "concurrentBroadcastsExceedLimit",
  ] as const)("that says %s is asked again with growing pauses", async (reason) => {
    await using youtube = await open();
    const { house, fake } = youtube;
    fake.faults.plan("liveBroadcasts.bind", { kind: "error", reason }, 3);
    const { id } = await house.submit();
    await broadcastOf(youtube, id);
    expect(fake.countOf("liveBroadcasts.bind")).toBe(4);
    expect((await house.eventsOf(id)).filter(({ type }) => type === "broadcast.delayed")).toHaveLength(1);
  });

  test("whose quota is used up is not asked again, and the job does not wait", async () => {
    await using youtube = await open({ YOUTUBE_WAIT_MS: "60000" });
    const { house, fake } = youtube;
    fake.quotaLimit = fake.quotaUsed + 30;
    await using agent = await house.agent();
    const { id } = await house.submit();
    await agent.next("orchestrator.assign.start");
    expect((await eventOf(youtube, id, "broadcast.delayed")).message).toContain("begins anew at");
    expect((await house.api("GET", "/oauth/status")).body.quota).toMatchObject({ exhausted: true });
    expect(fake.countOf("liveStreams.insert")).toBe(1);
  });

  test("whose access was revoked keeps no job waiting; the broadcast is made once the channel is connected anew", async () => {
    await using youtube = await open({ YOUTUBE_WAIT_MS: "60000" });
    const { house, fake } = youtube;
    await waitFor(async () => (await house.api("GET", "/oauth/status")).body.connected);
    fake.accounts.revokeAll();
    await using agent = await house.agent();
    const { id } = await house.submit();
    await agent.next("orchestrator.assign.start");
    expect((await eventOf(youtube, id, "broadcast.delayed")).message).toContain("connect the channel again");
    // The next job is not even tried, and says why.
    const next = await house.submit();
    expect((await eventOf(youtube, next.id, "broadcast.failed")).message).toContain("connect the channel again");
    await youtube.connect();
    await broadcastOf(youtube, id);
  });
});

describe("after a crash between two calls", () => {
  test.each(["liveStreams.insert", "liveBroadcasts.insert", "liveBroadcasts.bind"])(
    "around %s nothing is lost and nothing is there twice",
    async (method) => {
      await using youtube = await open();
      const { house, fake } = youtube;
      // Carried out, and the service is stopped before it hears of it.
      fake.faults.plan(method, { kind: "hang-after" });
      const { id } = await house.submit();
      await waitFor(() => fake.countOf(method) === 1);
      await house.stop();
      await house.start();
      const broadcast = await broadcastOf(youtube, id);
      expect([fake.broadcasts.length, fake.streams.length]).toEqual([1, 1]);
      expect(broadcast.lifeCycle).toBe("ready");
    },
  );
});
