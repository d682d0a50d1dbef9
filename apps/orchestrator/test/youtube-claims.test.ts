import { describe, expect, test } from "@jest/globals";
import { waitFor, type YouTubeReason } from "@stream-control/test-kit";
import { broadcastOf, eventOf, inLife, openQuick as open, stays, typesOf } from "./youtube-shows.js";

describe("what YouTube refuses", () => {
  test.each<[YouTubeReason, string]>([
    ["livePermissionBlocked", "look into YouTube Studio"],
    ["insufficientLivePermissions", "connect one that may"],
    ["liveStreamingNotEnabled", "youtube.com/features"],
  ])("for good (%s) is told once and not repeated; the job runs without", async (reason, words) => {
    await using youtube = await open();
    const { house, fake } = youtube;
    await using _agent = await house.agent();
    fake.faults.plan("liveStreams.insert", { kind: "error", reason }, 100);
    const { id } = await house.submit();
    await house.jobIn(id, "RUNNING");
    const { message, data } = await eventOf(youtube, id, "broadcast.failed");
    expect([message, data?.reason]).toEqual([expect.stringContaining(words), reason]);
    await stays(() => fake.countOf("liveStreams.insert") === 1, 300);
    expect((await typesOf(youtube, id)).filter((type) => type.startsWith("broadcast."))).toEqual(["broadcast.failed"]);
  });

  test("because the access has ended waits for the channel to be connected anew; an access token that is over is not that", async () => {
    await using youtube = await open();
    const { house, fake } = youtube;
    await using _agent = await house.agent();
    await broadcastOf(youtube, (await house.submit()).id);
    const refreshes = fake.countOf("token");
    fake.accounts.expireAccessTokens();
    await broadcastOf(youtube, (await house.submit()).id);
    expect(fake.countOf("token")).toBeGreaterThan(refreshes);
    expect(await house.api("GET", "/oauth/status")).toMatchObject({ body: { state: "connected" } });

    fake.faults.plan("liveStreams.insert", { kind: "error", reason: "insufficientPermissions" });
    const { id } = await house.submit();
    expect((await eventOf(youtube, id, "broadcast.delayed")).message).toContain("grant everything");
    expect(await house.api("GET", "/oauth/status")).toMatchObject({ body: { state: "reconnect" } });
    const calls = fake.calls.length;
    await stays(() => fake.calls.length === calls, 300);
    await youtube.connect();
    await broadcastOf(youtube, id);
  });
});

describe("a broadcast that is on its way to the air", () => {
  test("is looked at often for a while, then as rarely as the rest", async () => {
    await using youtube = await open({ YOUTUBE_START_POLL_MS: "20", YOUTUBE_POLL_MS: "3600000" });
    const { house, fake } = youtube;
    await using _agent = await house.agent();
    const { id } = await house.submit();
    await house.jobIn(id, "RUNNING");
    const broadcast = await broadcastOf(youtube, id);
    const looks = () => fake.calls.filter(({ method, query }) => method === "liveBroadcasts.list" && query.has("id"));
    // One at once and 24 quick ones; the next comes with the polls of what is on air, in an hour.
    await waitFor(() => looks().length === 25, { what: "the quick looks" });
    await stays(() => looks().length === 25, 400);
    expect(broadcast.lifeCycle).toBe("ready");
    // Whoever does not want to wait asks for it.
    fake.push(broadcast.id);
    await house.api("GET", `/v1/broadcasts/${broadcast.id}/refresh`);
    await inLife(broadcast, "live");
  });
});

describe("what is set for all broadcasts", () => {
  test("holds where a job or an operator says nothing else: who sees it, and restarts of unhealthy encoders", async () => {
    await using youtube = await open({
      ...{ YOUTUBE_PRIVACY: "private", YOUTUBE_RESTART_UNHEALTHY: "true", YOUTUBE_UNHEALTHY_MS: "60" },
      YOUTUBE_MAX_RESTARTS: "1",
    });
    const { house, fake } = youtube;
    await using _agent = await house.agent({ slots: 2 });
    const [restarted, left] = [
      await house.submit(),
      await house.submit({ youtube: { restartUnhealthy: false, privacy: "public" } }),
    ];
    const broadcasts = await Promise.all([restarted, left].map(({ id }) => broadcastOf(youtube, id)));
    expect(broadcasts.map(({ privacyStatus }) => privacyStatus)).toEqual(["private", "public"]);
    for (const { id } of broadcasts) fake.push(id, "active", "bad");
    await eventOf(youtube, restarted.id, "stream.restart_ready");
    await eventOf(youtube, left.id, "stream.unhealthy");
    await eventOf(youtube, restarted.id, "stream.restart_exhausted");
    expect((await typesOf(youtube, left.id)).filter((type) => type.startsWith("stream.restart"))).toEqual([]);
    await house.api("PUT", "/v1/config/stream-privacy", { privacy: "unlisted" });
    const later = await house.submit();
    expect((await broadcastOf(youtube, later.id)).privacyStatus).toBe("unlisted");
  });
});
