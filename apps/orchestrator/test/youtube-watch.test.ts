import { describe, expect, test } from "@jest/globals";
import { type FakeBroadcast, waitFor } from "@stream-control/test-kit";
import type { YouTubeHouse } from "./youtube-house.js";
import { broadcastOf, eventOf, openQuick, stays, typesOf } from "./youtube-shows.js";

/** A job whose broadcast is on air. */
async function liveJob(youtube: YouTubeHouse, body: object = {}): Promise<{ id: string; broadcast: FakeBroadcast }> {
  const { id } = await youtube.house.submit(body);
  const broadcast = await broadcastOf(youtube, id);
  youtube.fake.push(broadcast.id);
  await eventOf(youtube, id, "broadcast.live");
  return { id, broadcast };
}

describe("what is on air", () => {
  test("is polled in one call for all of it, only while something is; viewers are shown and not logged", async () => {
    await using youtube = await openQuick();
    const { house, fake } = youtube;
    await using _agent = await house.agent({ slots: 3 });
    const shows = await Promise.all([1, 2, 3].map(() => liveJob(youtube)));
    await using page = await house.page();
    for (const [index, { broadcast }] of shows.entries()) broadcast.viewers = 10 + index;
    const [first] = shows as [(typeof shows)[0]];
    await house.jobWhere(first.id, ({ streamMetadata }) => streamMetadata.viewers === 10, "watched by ten");
    await page.next("ui.job.update", ({ id, streamMetadata }) => id === shows[2]?.id && streamMetadata?.viewers === 12);
    expect((await house.api("GET", `/v1/jobs/${first.id}/metadata`)).body.metadata.viewers).toBe(10);
    const polls = fake.calls.filter(({ method, query }) => method === "liveBroadcasts.list" && query.has("id"));
    expect(new Set(polls.at(-1)?.query.getAll("id"))).toEqual(new Set(shows.map(({ broadcast }) => broadcast.id)));
    // Keys do not travel with polls.
    for (const { query } of fake.calls.filter(({ method }) => method === "liveStreams.list"))
      expect(query.getAll("part")).toEqual(["id", "status"]);
    const events = await house.eventsOf(first.id);
    expect(events.filter(({ type }) => type === "job.metadata")).toEqual([]);
    for (const { id } of shows) await house.api("POST", `/v1/jobs/${id}/stop`);
    const ended = await eventOf(youtube, first.id, "broadcast.completed");
    expect(ended.data).toMatchObject({ peakViewers: 10 });
    await waitFor(() => fake.streams.length === 0);
    // A look that was begun before the last one ended may still come; polls, every 40 ms, would go on.
    let length = 0;
    const isQuiet = () => {
      const before = length;
      length = fake.calls.length;
      return before === length;
    };
    await waitFor(isQuiet, { everyMs: 150, what: "the last look" });
    await stays(() => fake.calls.length === length, 300);
  });

  test("is polled no faster than what is left of the quota allows, and completed all the same", async () => {
    await using youtube = await openQuick({ YOUTUBE_QUOTA_UNITS_PER_DAY: "400" });
    const { house, fake } = youtube;
    await using _agent = await house.agent();
    const { id } = await liveJob(youtube);
    const polls = fake.countOf("liveBroadcasts.list");
    // 200 of 400 units are used, 50 and 40 are kept: what is left for the rest of the day makes minutes of 40 ms.
    await stays(() => fake.countOf("liveBroadcasts.list") - polls <= 1, 400);
    const refused = await house.submit();
    expect((await eventOf(youtube, refused.id, "broadcast.delayed")).data).toMatchObject({ reason: "quotaExceeded" });
    await house.api("POST", `/v1/jobs/${id}/stop`);
    await eventOf(youtube, id, "broadcast.completed");
    expect((await house.api("GET", "/oauth/status")).body.quota).toMatchObject({
      unitsUsed: fake.quotaUsed,
      exhausted: false,
    });
  });
});

describe("an unhealthy stream", () => {
  const ISSUES = [{ type: "bitrateLow", severity: "error" as const, description: "The bitrate is too low." }];

  test("raises an alarm in YouTube's words, once, and tells its end", async () => {
    await using youtube = await openQuick({ YOUTUBE_UNHEALTHY_MS: "100" });
    const { house, fake } = youtube;
    await using agent = await house.agent();
    const { id, broadcast } = await liveJob(youtube);
    const [stream] = fake.streams;
    if (stream === undefined) throw new Error("There is no stream.");
    stream.issues = ISSUES;
    fake.push(broadcast.id, "active", "bad");
    const alarm = await eventOf(youtube, id, "stream.unhealthy");
    expect(alarm).toMatchObject({
      message: "YouTube finds the stream in bad health: The bitrate is too low.",
      data: { health: "bad", issues: [{ type: "bitrateLow", severity: "error" }] },
    });
    fake.push(broadcast.id, "active", "good");
    await eventOf(youtube, id, "stream.healthy");
    expect((await typesOf(youtube, id)).filter((type) => type === "stream.unhealthy")).toHaveLength(1);
    expect(agent.assignments).toHaveLength(1);
  });

  test("restarts the encoder where the job says so, with growing pauses and a limit, in the same broadcast", async () => {
    await using youtube = await openQuick({ YOUTUBE_UNHEALTHY_MS: "60", YOUTUBE_MAX_RESTARTS: "2" });
    const { house, fake } = youtube;
    await using agent = await house.agent();
    const { id, broadcast } = await liveJob(youtube, { youtube: { restartUnhealthy: true } });
    fake.push(broadcast.id, "active", "bad");
    await eventOf(youtube, id, "stream.restart_exhausted");
    const attempts = (await house.eventsOf(id)).flatMap(({ type, data }) =>
      type.startsWith("stream.restart_") ? [[type, data?.attempt]] : [],
    );
    const round = (attempt: number) =>
      ["requested", "queued", "ready"].map((what) => [`stream.restart_${what}`, attempt]);
    expect(attempts).toEqual([...round(1), ...round(2), ["stream.restart_exhausted", 2]]);
    expect(agent.assignments).toHaveLength(3);
    expect(await house.job(id)).toMatchObject({ status: "RUNNING" });
    expect(fake.broadcasts).toHaveLength(1);
  });
});
