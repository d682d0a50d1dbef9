import { describe, expect, test } from "@jest/globals";
import { CHANNEL, FakeYouTube, filesWith, waitFor } from "@stream-control/test-kit";
import { loadConfig } from "../src/config.js";
import { GuardedHouse } from "./guarded-house.js";
import { House } from "./house.js";
import { consent, YouTubeHouse, youtubeOf } from "./youtube-house.js";

const HTML = { accept: "text/html,application/xhtml+xml,*/*;q=0.8" };
const statusOf = async (house: House) => (await house.api("GET", "/oauth/status")).body;
const inState = (house: House, state: string) =>
  waitFor(
    async () => {
      const status = await statusOf(house);
      return status.state === state ? status : undefined;
    },
    { what: `the connection to be ${state}` },
  );

describe("connecting a YouTube channel", () => {
  test("leads to Google, takes the callback once, keeps the token sealed and says whose channel it is", async () => {
    await using youtube = await YouTubeHouse.open({ connected: false });
    const { house, fake } = youtube;
    expect(await statusOf(house)).toMatchObject({ configured: true, connected: false, state: "disconnected" });
    const { authUrl, expiresAt } = (await house.api("GET", "/oauth/auth-url")).body;
    expect(Date.parse(expiresAt)).toBeGreaterThan(Date.now());
    expect(Object.fromEntries(new URL(authUrl).searchParams)).toMatchObject({
      ...{ client_id: fake.accounts.clientId, response_type: "code", access_type: "offline", prompt: "consent" },
      ...{ redirect_uri: "http://localhost:3014/oauth/callback", state: expect.stringMatching(/^[\w-]{43}$/) },
      scope: "https://www.googleapis.com/auth/youtube.force-ssl",
    });
    const back = await consent(authUrl);
    const answer = await house.api("GET", back.pathname + back.search, undefined, HTML);
    expect(answer.status).toBe(200);
    expect(answer.text).toContain(CHANNEL.title);
    expect(answer.text).not.toContain("<script");
    expect(answer.headers.get("cache-control")).toBe("no-store");
    const status = await statusOf(house);
    expect(status).toMatchObject({ connected: true, state: "connected", tokenSource: "stored", channel: CHANNEL });
    expect(status.quota).toMatchObject({ unitsUsed: fake.quotaUsed, unitsPerDay: 10_000, exhausted: false });
    const again = await house.api("GET", back.pathname + back.search, undefined, HTML);
    expect(again.status).toBe(401);
    expect(again.text).toContain("Begin again");
    const secrets = [...fake.accounts.refreshTokens, fake.accounts.clientSecret];
    expect(secrets).toHaveLength(2);
    expect(await filesWith(house.dataDir, secrets)).toEqual([]);
    expect(JSON.stringify(await house.api("GET", "/v1/audit?limit=100"))).not.toContain(secrets[0]);
    // It is there after a restart, and the quota that was used is not forgotten.
    await house.stop();
    await house.start();
    expect(await inState(house, "connected")).toMatchObject({ tokenSource: "stored", channel: CHANNEL });
    expect((await statusOf(house)).quota.unitsUsed).toBe(fake.quotaUsed);
  });

  test("takes the code by hand too, alone or as the address that the browser was led to", async () => {
    await using youtube = await YouTubeHouse.open({ connected: false });
    const { house } = youtube;
    for (const shape of ["code", "address"]) {
      const back = await consent((await house.api("GET", "/oauth/auth-url")).body.authUrl);
      const code = shape === "code" ? back.searchParams.get("code") : back.href;
      expect(await house.api("POST", "/oauth/token", { code })).toMatchObject({
        status: 200,
        body: { ok: true, connected: true },
      });
    }
    expect(await house.api("POST", "/oauth/token", { code: "used up" })).toMatchObject({
      status: 422,
      body: { code: "YOUTUBE_REFUSED", error: expect.stringContaining("Begin again") },
    });
    // The token that was there is kept.
    expect(await statusOf(house)).toMatchObject({ connected: true });
  });

  test("a callback with a state that nobody was given changes nothing, whatever code it brings", async () => {
    await using youtube = await YouTubeHouse.open({ connected: false });
    const { house, fake } = youtube;
    const back = await consent((await house.api("GET", "/oauth/auth-url")).body.authUrl);
    for (const state of ["", "made-up", "A".repeat(43)]) {
      const forged = new URL(back);
      forged.searchParams.set("state", state);
      const answer = await house.api("GET", forged.pathname + forged.search);
      expect([400, 401]).toContain(answer.status);
    }
    expect(fake.countOf("token")).toBe(0);
    expect(await statusOf(house)).toMatchObject({ state: "disconnected" });
    // The real one still counts.
    expect((await house.api("GET", back.pathname + back.search)).status).toBe(200);
  });

  test("says what happened where access is not granted, or Google gives no refresh token", async () => {
    await using youtube = await YouTubeHouse.open({ connected: false });
    const { house, fake } = youtube;
    fake.accounts.consents = false;
    const denied = await consent((await house.api("GET", "/oauth/auth-url")).body.authUrl);
    expect(await house.api("GET", denied.pathname + denied.search)).toMatchObject({
      status: 422,
      body: { error: expect.stringContaining("was not granted") },
    });
    fake.accounts.consents = true;
    fake.accounts.scope = "openid";
    const narrow = await consent((await house.api("GET", "/oauth/auth-url")).body.authUrl);
    expect((await house.api("GET", narrow.pathname + narrow.search)).body.error).toContain("grant all");
    expect(await statusOf(house)).toMatchObject({ state: "disconnected" });
  });

  test("is for admins; what they do stands in the audit log", async () => {
    const fake = await FakeYouTube.start();
    try {
      await using guarded = await GuardedHouse.open({ youtube: youtubeOf(fake) });
      const operator = await guarded.let({ "*": "operator" });
      for (const [method, path] of [
        ["GET", "/oauth/status"],
        ["GET", "/oauth/auth-url"],
        ["DELETE", "/oauth/token"],
      ] as const)
        expect((await operator.api(method, path)).status).toBe(403);
      const back = await consent((await guarded.admin.api("GET", "/oauth/auth-url")).body.authUrl);
      expect((await guarded.stranger.api("GET", back.pathname + back.search)).status).toBe(200);
      await guarded.admin.api("DELETE", "/oauth/token");
      const { items } = (await guarded.admin.api("GET", "/v1/audit?subject=youtube:account&order=asc")).body;
      expect(items).toMatchObject([
        // Put down to whoever began it, although the browser came without a key.
        { type: "youtube.connected", actor: expect.stringMatching(/^key:/), data: { channelId: CHANNEL.id } },
        { type: "youtube.disconnected", actor: expect.stringMatching(/^key:/) },
      ]);
      expect(items[0].actor).toBe(items[1].actor);
    } finally {
      await fake[Symbol.asyncDispose]();
    }
  });
});

describe("the refresh token", () => {
  test("of the environment is used where none is stored; a stored one wins and is revoked when it is given up", async () => {
    await using youtube = await YouTubeHouse.open();
    const { house, fake } = youtube;
    expect(await inState(house, "connected")).toMatchObject({ tokenSource: "environment", channel: CHANNEL });
    expect(await house.api("DELETE", "/oauth/token")).toMatchObject({
      status: 409,
      body: { code: "YOUTUBE_NOT_CONNECTED", error: expect.stringContaining("YOUTUBE_REFRESH_TOKEN") },
    });
    const back = await consent((await house.api("GET", "/oauth/auth-url")).body.authUrl);
    await house.api("POST", "/oauth/token", { code: back.href });
    expect(await statusOf(house)).toMatchObject({ tokenSource: "stored" });
    expect(fake.accounts.refreshTokens.size).toBe(2);
    expect((await house.api("DELETE", "/oauth/token")).status).toBe(200);
    expect(fake.accounts.refreshTokens.size).toBe(1);
    expect(await inState(house, "connected")).toMatchObject({ tokenSource: "environment" });
  });

  test("that was revoked is recognised and said in words; nothing is asked with it again, and a new one counts at once", async () => {
    await using youtube = await YouTubeHouse.open();
    const { house, fake } = youtube;
    await inState(house, "connected");
    fake.accounts.revokeAll();
    await house.stop();
    await house.start();
    const lost = await inState(house, "reconnect");
    expect(lost).toMatchObject({ connected: false, problem: { code: "invalid_grant" } });
    expect(lost.message).toMatch(/expired or was revoked; connect the channel again/);
    // It is remembered, so that a restart asks nothing.
    const asked = fake.countOf("token");
    await house.stop();
    await house.start();
    expect(await statusOf(house)).toMatchObject({ state: "reconnect" });
    expect(fake.countOf("token")).toBe(asked);
    const back = await consent((await house.api("GET", "/oauth/auth-url")).body.authUrl);
    expect((await house.api("POST", "/oauth/token", { code: back.href })).body).toMatchObject({
      connected: true,
      problem: null,
    });
  });

  test("of another client is said too", async () => {
    await using youtube = await YouTubeHouse.open({ env: { YOUTUBE_CLIENT_SECRET: "another" } });
    expect((await inState(youtube.house, "reconnect")).message).toContain("YOUTUBE_CLIENT_SECRET");
  });

  test("that Google replaces is stored in place of the old one", async () => {
    await using youtube = await YouTubeHouse.open({ connected: false });
    const { house, fake } = youtube;
    const back = await consent((await house.api("GET", "/oauth/auth-url")).body.authUrl);
    fake.accounts.rotates = true;
    await house.api("POST", "/oauth/token", { code: back.href });
    await inState(house, "connected");
    await house.stop();
    await house.start();
    expect(await inState(house, "connected")).toMatchObject({ tokenSource: "stored" });
  });

  test("is kept while YouTube is away, and the start does not wait for it", async () => {
    await using youtube = await YouTubeHouse.open();
    const { house, fake } = youtube;
    await inState(house, "connected");
    await house.stop();
    for (const method of ["token", "*"]) fake.faults.plan(method, { kind: "hang" }, 2);
    await house.start();
    expect(await statusOf(house)).toMatchObject({
      state: "unverified",
      message: expect.stringContaining("tried again"),
    });
  });
});

describe("a service without YouTube", () => {
  test("says so, and what to set", async () => {
    await using house = await House.open();
    expect(await statusOf(house)).toMatchObject({ configured: false, state: "not-configured" });
    expect(await house.api("GET", "/oauth/auth-url")).toMatchObject({
      status: 409,
      body: { code: "YOUTUBE_NOT_CONFIGURED", error: expect.stringContaining("YOUTUBE_CLIENT_ID") },
    });
  });

  test("is not started with half of the settings, or with tokens going out unprotected", () => {
    expect(() => loadConfig({ YOUTUBE_CLIENT_ID: "x" })).toThrow("YOUTUBE_CLIENT_SECRET");
    const both = { YOUTUBE_CLIENT_ID: "x", YOUTUBE_CLIENT_SECRET: "y" };
    expect(() => loadConfig({ ...both, YOUTUBE_TOKEN_URL: "http://example.com/token" })).toThrow("must be https");
    expect(() => loadConfig({ ...both, YOUTUBE_REDIRECT_URL: "https://example.com/elsewhere" })).toThrow(
      "/oauth/callback",
    );
    expect(loadConfig({ ...both, YOUTUBE_API_URL: "https://example.com" }).orchestrator.youtube?.apiUrl).toBe(
      "https://example.com/",
    );
  });
});
