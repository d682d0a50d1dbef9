import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { JobDetail } from "@stream-control/protocol";
import { FakeYouTube, ffprobe, type RtmpServer, startRtmpServer, streamOf, waitFor } from "@stream-control/test-kit";
import { runnersOf } from "./processes.js";
import { Room } from "./room.js";

const SMALL = { width: 640, height: 360, fps: 25, bitrateKbps: 600, preset: "ultrafast" };
const STREAM = { source: { type: "test" }, video: SMALL };
const CONTEXT = { context: "Tournament", drawNumber: 3, sheet: "A", team1: "Team Alpha", team2: "Team Beta" };
/** Everything many times as fast as usual. */
const QUICK = {
  YOUTUBE_QUOTA_UNITS_PER_DAY: "100000000",
  YOUTUBE_START_POLL_MS: "100",
  YOUTUBE_POLL_MS: "200",
  YOUTUBE_RETRY_BASE_MS: "100",
  YOUTUBE_RETRY_MAX_MS: "500",
  YOUTUBE_EDIT_DELAY_MS: "200",
  YOUTUBE_TIMEOUT_MS: "2000",
};

let fake: FakeYouTube;
let ingest: RtmpServer;
let room: Room;
let watching: NodeJS.Timeout;
beforeEach(async () => {
  [fake, ingest] = await Promise.all([FakeYouTube.start(), startRtmpServer()]);
  fake.api.ingestUrl = ingest.url();
  // What YouTube says of a stream is what its ingest sees.
  watching = setInterval(() => {
    for (const { id, streamName, status } of fake.streams) {
      const arrives = ingest.live.has(`/live/${streamName}`);
      if (arrives !== (status === "active") && (arrives || status !== "ready"))
        fake.api.setStreamStatus(id, arrives ? "active" : "inactive");
    }
  }, 50);
  const { accounts, addresses } = fake;
  room = await Room.open({
    env: {
      ...QUICK,
      YOUTUBE_CLIENT_ID: accounts.clientId,
      YOUTUBE_CLIENT_SECRET: accounts.clientSecret,
      YOUTUBE_REFRESH_TOKEN: accounts.issueRefreshToken(),
      YOUTUBE_INGEST_PROTOCOL: "rtmp",
      YOUTUBE_API_URL: addresses.apiUrl,
      YOUTUBE_AUTH_URL: addresses.authUrl,
      YOUTUBE_TOKEN_URL: addresses.tokenUrl,
      YOUTUBE_REVOKE_URL: addresses.revokeUrl,
    },
  });
  await room.startAgent();
});
afterEach(async () => {
  await room.close();
  clearInterval(watching);
  await ingest.close();
  await fake[Symbol.asyncDispose]();
  expect(await runnersOf(room.folder.path)).toEqual([]);
});

const event = (id: string, type: string) =>
  waitFor(async () => (await room.events(id)).find((entry) => entry.type === type), { what: `the event ${type}` });
const inLife = (lifeCycle: string) =>
  waitFor(() => fake.broadcasts[0]?.lifeCycle === lifeCycle && fake.broadcasts[0], {
    deadlineMs: 40_000,
    what: `the broadcast to be ${lifeCycle}`,
  });
/** Measured after that moment, through an agent and an orchestrator that are there. */
const measuredSince = (id: string, moment: number): Promise<JobDetail> =>
  waitFor(
    async () => {
      const job = await room.job(id);
      return job.status === "RUNNING" && Date.parse(job.progress?.measuredAt ?? "") > moment ? job : undefined;
    },
    { deadlineMs: 40_000, what: "the job to be measured again" },
  );

test("a job is broadcast on YouTube from its start to its stop, whatever is killed in between", async () => {
  const { id } = await room.submit({ inlineConfig: STREAM, streamContext: CONTEXT });
  await room.until(id, "RUNNING");
  const broadcast = await inLife("live");
  const [stream] = fake.streams;
  const key = stream?.streamName ?? "";
  expect(broadcast).toMatchObject({ boundStreamId: stream?.id, privacyStatus: "unlisted" });
  expect(broadcast.title).toMatch(/^Tournament - Draw 3 - Sheet A \(Team Alpha v\. Team Beta\)/);
  await event(id, "broadcast.live");
  const { streamMetadata } = await room.job(id);
  expect(streamMetadata).toMatchObject({
    publicUrl: `https://youtube.com/watch?v=${broadcast.id}`,
    youtube: { broadcastId: broadcast.id, streamKey: key, streamUrl: ingest.url() },
  });
  const media = await ffprobe(ingest.url(key), ["-rw_timeout", "20000000"]);
  expect(streamOf(media, "video")).toMatchObject({ codec_name: "h264", width: 640, height: 360 });
  expect(streamOf(media, "audio")).toMatchObject({ codec_name: "aac" });

  for (const [kill, start] of [
    [() => room.killAgent(), () => room.startAgent()],
    [() => room.killOrchestrator(), () => room.startOrchestrator()],
  ] as const) {
    await kill();
    const moment = Date.now();
    await start();
    const again = await measuredSince(id, moment);
    expect(again.streamMetadata?.youtube).toEqual(streamMetadata?.youtube);
    expect(again.epoch).toBe(1);
  }
  // One broadcast, one stream, one connection to the ingest, and it was never off the air.
  expect([fake.countOf("liveBroadcasts.insert"), fake.countOf("liveStreams.insert")]).toEqual([1, 1]);
  expect(ingest.published).toEqual([`/live/${key}`]);
  expect(broadcast.lifeCycle).toBe("live");

  const edited = await room.call(`/v1/jobs/${id}/metadata`, {
    method: "PUT",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ title: "The final" }),
  });
  expect(edited.status).toBe(200);
  await waitFor(() => broadcast.title === "The final", { what: "the title at YouTube" });

  await room.stop(id);
  await waitFor(() => broadcast.lifeCycle === "complete" && fake.streams.length === 0, { what: "the end at YouTube" });
  await event(id, "broadcast.completed");
  expect(fake.countOf("liveBroadcasts.insert")).toBe(1);
  const { clientSecret, refreshTokens } = fake.accounts;
  const logs = await room.logs();
  for (const hidden of [key, clientSecret, ...refreshTokens]) expect(logs).not.toContain(hidden);
  expect(JSON.stringify(await room.events(id))).not.toContain(key);
});

test("a YouTube that does not answer delays no job; once it does, the stream that runs is broadcast too", async () => {
  const recover = fake.faults.plan("*", { kind: "hang" }, Number.POSITIVE_INFINITY);
  const { id } = await room.submit({
    inlineConfig: { ...STREAM, destinations: [{ type: "rtmp", id: "own", url: ingest.url("own") }] },
  });
  await waitFor(() => ingest.live.has("/live/own"), { what: "the stream at its own server" });
  await room.until(id, "RUNNING");
  await event(id, "broadcast.delayed");
  expect([fake.broadcasts, fake.streams]).toEqual([[], []]);
  // Whether it can be stopped does not depend on YouTube either.
  const other = await room.submit({ inlineConfig: STREAM });
  await room.until(other.id, "RUNNING");
  await room.stop(other.id);

  recover();
  await event(id, "broadcast.added");
  const [stream] = fake.streams;
  await waitFor(() => ingest.live.has(`/live/${stream?.streamName}`), { what: "the stream at YouTube's ingest" });
  await inLife("live");
  // The other destination has noticed nothing.
  expect(ingest.published.filter((path) => path === "/live/own")).toHaveLength(1);
  await room.stop(id);
  await waitFor(() => fake.broadcasts.every(({ lifeCycle }) => lifeCycle === "complete"), { what: "the end" });
});
