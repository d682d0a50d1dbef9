import { describe, expect, test } from "@jest/globals";
import { publicStatusSchema } from "@stream-control/protocol";
import { secret, waitFor } from "@stream-control/test-kit";
import { GuardedHouse } from "./guarded-house.js";
import { House } from "./house.js";
import { SocketClient } from "./inbox.js";
import { openQuick } from "./youtube-shows.js";

const CONTEXT = { context: "Tournament", sheet: "A", team1: "Team Alpha", team2: "Team Beta" };
const PUBLIC_URL = "https://youtube.com/watch?v=abc12345678";
const ADMIN_URL = "https://studio.youtube.com/video/abc12345678/livestreaming";
const METADATA = { title: "Final", description: "The last one.", publicUrl: PUBLIC_URL, adminUrl: ADMIN_URL };

const follow = (house: House, query = "", headers: Record<string, string> = {}) =>
  SocketClient.open(`ws://127.0.0.1:${house.port}/status-ws${query}`, headers);
const titles = ({ streams }: { streams: { title: string }[] }) => streams.map(({ title }) => title);
const isShown = (title: string) => (payload: { streams: { title: string }[] }) => titles(payload).includes(title);

describe("GET /status", () => {
  test("shows anybody the streams of public rooms from their submission to their end, and signed in the admin's address", async () => {
    await using guarded = await GuardedHouse.open();
    const { admin, stranger, house } = guarded;
    const key = secret("stream-key");
    const youtube = { videoId: "abc12345678", privacyStatus: "unlisted", streamKey: key };
    const body = { inlineConfig: { kind: "test" }, streamContext: CONTEXT };
    const { body: job } = await admin.api("POST", "/v1/jobs", {
      ...body,
      streamMetadata: { ...METADATA, youtube, description: `The key is ${key}.` },
    });
    await admin.api("POST", "/v1/jobs", { ...body, room: "annex" });
    const answer = await stranger.api("GET", "/status");
    expect(answer.status).toBe(200);
    expect(publicStatusSchema.parse(answer.body)).toEqual(answer.body);
    const waiting = {
      ...{ sheet: "A", title: "Final", publicLink: PUBLIC_URL, adminLink: null, startTime: null, room: "default" },
      ...{ thumbnail: "https://i.ytimg.com/vi/abc12345678/hqdefault.jpg", team1: "Team Alpha", team2: "Team Beta" },
    };
    expect(answer.body.streams).toEqual([{ ...waiting, description: expect.any(String) }]);
    expect(answer.text).not.toContain(key);
    expect((await admin.api("GET", "/status")).body.streams).toMatchObject([{ adminLink: ADMIN_URL }]);
    const neighbour = await guarded.let({ annex: "admin" });
    expect((await neighbour.api("GET", "/status")).body.streams).toMatchObject([{ adminLink: null }]);

    const agent = await house.agent({ onStop: () => undefined });
    await waitFor(async () => (await stranger.api("GET", "/status")).body.streams[0].startTime !== null);
    await admin.api("POST", `/v1/jobs/${job.id}/stop`);
    expect((await stranger.api("GET", "/status")).body.streams).toHaveLength(1);
    agent.stopped(job.id);
    await waitFor(async () => (await stranger.api("GET", "/status")).body.streams.length === 0);
  });

  test("shows nothing of a private broadcast, also while that is still being made", async () => {
    await using youtube = await openQuick();
    const { house, fake } = youtube;
    // Only once YouTube answers does the job's own metadata say who sees the broadcast.
    fake.faults.plan("liveStreams.insert", { kind: "hang" });
    const hidden = await house.submit({ youtube: { privacy: "private" }, streamMetadata: { title: "Rehearsal" } });
    await waitFor(() => fake.countOf("liveStreams.insert") > 0);
    await house.submit({ youtube: { privacy: "unlisted" }, streamMetadata: { title: "For friends" } });
    const isMade = async () => {
      expect(titles((await house.api("GET", "/status")).body)).toEqual(["For friends"]);
      return (await house.job(hidden.id)).streamMetadata.youtube !== undefined;
    };
    expect(await isMade()).toBe(false);
    await waitFor(isMade, { what: "the private broadcast" });
    // A word that is not known may mean anything.
    await house.submit({ youtube: false, streamMetadata: { title: "x", youtube: { privacyStatus: "friends" } } });
    await isMade();
  });

  test("keeps a stream in the list while its agent is cut off", async () => {
    await using house = await House.open({ heartbeatIntervalMs: 50, heartbeatTimeoutMs: 200 });
    const agent = await house.agent();
    const { id } = await house.submit({ streamMetadata: { title: "Goes on" } });
    await house.jobIn(id, "RUNNING");
    await agent.cut();
    await house.jobIn(id, "UNKNOWN");
    expect(titles((await house.api("GET", "/status")).body)).toEqual(["Goes on"]);
  });

  test("makes no link of what is no address on the web", async () => {
    await using house = await House.open();
    const addresses = {
      publicUrl: "javascript:alert(1)",
      thumbnail: "data:text/html,x",
      adminUrl: "file:///etc/passwd",
    };
    await house.submit({ streamMetadata: addresses });
    const { streams } = (await house.api("GET", "/status")).body;
    expect(streams).toMatchObject([{ publicLink: null, thumbnail: null, adminLink: null }]);
  });

  test("tells of the rooms that are named, of all, or of none", async () => {
    const seen = async (rooms: readonly string[]) => {
      await using house = await House.open({
        public: { rooms, restricted: false, insideNetworks: ["loopback"] },
      });
      await house.submit({ room: "annex", streamMetadata: { title: "annex" } });
      await house.submit({ streamMetadata: { title: "default" } });
      return titles((await house.api("GET", "/status")).body);
    };
    expect(await seen(["annex"])).toEqual(["annex"]);
    expect(await seen(["*"])).toEqual(["annex", "default"]);
    expect(await seen([])).toEqual([]);
  });

  test("may be read by every page, others of our answers only by those that are allowed", async () => {
    await using guarded = await GuardedHouse.open({ allowedOrigins: ["https://admin.example.com"] });
    const from = (origin: string, path: string) => guarded.stranger.api("GET", path, undefined, { origin });
    const open = await from("https://club.example.org", "/status");
    expect(open.headers.get("access-control-allow-origin")).toBe("*");
    expect(open.headers.get("access-control-allow-credentials")).toBeNull();
    const listed = await from("https://admin.example.com", "/status");
    expect(listed.headers.get("access-control-allow-origin")).toBe("https://admin.example.com");
    const closed = await from("https://club.example.org", "/v1/session/oidc");
    expect(closed.headers.get("access-control-allow-origin")).toBeNull();
    await using _page = await follow(guarded.house, "", { origin: "https://club.example.org" });
    await expect(guarded.house.page("", { origin: "https://club.example.org" })).rejects.toThrow("403");
  });
});

describe("/status-ws", () => {
  test("sends the list at once and on every change, changes that come together as one", async () => {
    await using house = await House.open();
    await house.submit({ streamMetadata: { title: "first" } });
    await using page = await follow(house);
    const first = await page.next("status.update");
    expect(first).toMatchObject({
      ts: expect.stringMatching(/^\d{4}-.*Z$/),
      payload: { streams: [{ title: "first" }] },
    });
    expect(first.payload).toEqual((await house.api("GET", "/status")).body);
    const jobs = await Promise.all(
      Array.from({ length: 30 }, (_, n) => house.submit({ streamMetadata: { title: `job ${n}` } })),
    );
    await page.next("status.update", ({ streams }) => streams.length === 31);
    // Thirty changes within a moment are not thirty messages to every viewer.
    expect(page.received.length).toBeLessThan(15);
    await house.api("PUT", `/v1/jobs/${jobs[0].id}/metadata`, { title: "renamed" });
    await page.next("status.update", isShown("renamed"));
    await house.api("POST", `/v1/jobs/${jobs[0].id}/stop`);
    await page.next("status.update", (payload) => !isShown("renamed")(payload), { since: page.received.length });
    // What nobody sees is no news.
    const known = page.received.length;
    await house.submit({ room: "annex" });
    await house.submit({ streamMetadata: { title: "last" } });
    await page.next("status.update", isShown("last"), { since: known });
    expect(page.received.slice(known).filter(({ payload }) => !isShown("last")(payload))).toEqual([]);
  });

  test("shows the admin's address to a page that came with a ticket, until its rights are gone; a cookie alone does not count", async () => {
    await using guarded = await GuardedHouse.open();
    const { admin, house } = guarded;
    await admin.api("POST", "/v1/jobs", { inlineConfig: { kind: "test" }, streamMetadata: METADATA });
    const person = await guarded.let({ default: "viewer" });
    const session = await guarded.signIn({ key: person.key });
    const { ticket } = (await session.api("POST", "/v1/tickets")).body;
    await using own = await follow(house, `?ticket=${ticket}`);
    expect((await own.next("status.update")).payload.streams).toMatchObject([{ adminLink: ADMIN_URL }]);
    await using lured = await follow(house, "", { cookie: session.cookie });
    expect((await lured.next("status.update")).payload.streams).toMatchObject([{ adminLink: null }]);
    await expect(follow(house, `?ticket=${ticket}`)).rejects.toThrow("401");
    await admin.api("DELETE", `/v1/keys/${person.id}`);
    expect((await own.closed).code).toBe(1013);
  });

  test("closes a page that talks without end or sends much, and says goodbye when the service stops", async () => {
    await using house = await House.open();
    await using talker = await follow(house);
    for (let n = 0; n < 101; n += 1) talker.sendRaw("hello");
    expect(await talker.closed).toEqual({ code: 1013, reason: "too many messages" });
    await using loud = await follow(house);
    loud.sendRaw("x".repeat(5000));
    expect((await loud.closed).code).toBe(1009);
    await using quiet = await follow(house);
    await house.stop();
    expect((await quiet.closed).code).toBe(1001);
  });

  test("lets in no more than a quarter of the connections, so that agents and operators still come in", async () => {
    await using house = await House.open({ door: { limits: { maxConnections: 40 } } });
    const pages = await Promise.all(Array.from({ length: 10 }, () => follow(house)));
    await Promise.all(pages.map((page) => page.next("status.update")));
    await using late = await follow(house);
    expect(await late.closed).toEqual({ code: 1013, reason: "too many viewers" });
    await using _operator = await house.page();
    await using _agent = await house.agent();
    await pages[0]?.cut();
    await waitFor(async () => {
      await using next = await follow(house);
      return Promise.race([next.next("status.update").then(() => true), next.closed.then(() => false)]);
    });
    await Promise.all(pages.map((page) => page.cut()));
  });
});
