import { describe, expect, test } from "@jest/globals";
import { createLogger } from "@stream-control/service-kit";
import { openStore } from "@stream-control/store";
import { freePort, waitFor } from "@stream-control/test-kit";
import { launchBrowser } from "@stream-control/test-kit/browser";
import { loadConfig } from "../src/config.js";
import { allMigrations } from "../src/store/migrations.js";
import { DATABASE_FILE } from "../src/store/tables.js";
import { GuardedHouse } from "./guarded-house.js";
import { OidcHouse, sessionOf } from "./oidc-house.js";
import { CLIENT, type Lie, OpenIdProvider } from "./openid-provider.js";

const HTML = { accept: "text/html,application/xhtml+xml,*/*;q=0.8" };

describe("signing in at an OpenID provider", () => {
  test("asks with PKCE, state and nonce, makes the user, opens a session with the rights of their groups", async () => {
    await using house = await OidcHouse.open();
    const out = await house.goOut();
    expect(out.setCookie).toMatch(/^sc_oidc_orchestrator=[\w-]{43}; Max-Age=600; Path=\/; HttpOnly; SameSite=Lax$/);
    const asked = Object.fromEntries(out.asked.searchParams);
    expect(asked).toMatchObject({
      ...{ response_type: "code", scope: "openid profile email", redirect_uri: house.redirectUrl },
      ...{ client_id: CLIENT.id, code_challenge_method: "S256" },
    });
    for (const name of ["state", "nonce", "code_challenge"]) expect(asked[name]).toMatch(/^[\w-]{43}$/);
    expect(out.asked.href).not.toContain(CLIENT.secret);

    const answer = await house.comeBack(out);
    expect(answer.status).toBe(200);
    expect(answer.text).toContain('<meta http-equiv="refresh" content="0;url=/">');
    expect(answer.text).not.toContain("<script");
    expect(answer.headers.get("cache-control")).toBe("no-store");
    const cookies = answer.headers.getSetCookie();
    expect(cookies.find((line) => line.startsWith("sc_session_"))).toMatch(/HttpOnly; SameSite=Strict$/);
    expect(cookies.find((line) => line.startsWith("sc_oidc_"))).toContain("Max-Age=0");
    const who = await house.guarded.house.api("GET", "/v1/session", undefined, { cookie: sessionOf(answer) });
    expect(who.body).toMatchObject({ kind: "user", name: "Ada L.", grants: { hall: "operator", annex: "viewer" } });
    expect(await house.users()).toMatchObject([{ login: "ada", signIn: "oidc", lastSignInAt: expect.any(String) }]);
    const audit = await house.guarded.admin.api("GET", "/v1/audit?limit=100");
    for (const type of ["user.created", "session.opened"])
      expect(audit.body.items.find((entry: { type: string }) => entry.type === type)).toMatchObject({
        actor: who.body.id,
        subject: who.body.id,
      });
  });

  test("knows a user by issuer and subject, takes rights and name over each time, and leaves others' logins alone", async () => {
    await using house = await OidcHouse.open();
    const { admin } = house.guarded;
    await admin.api("POST", "/v1/users", { login: "ada", password: "correct horse battery", role: "admin" });
    const first = await house.signIn();
    expect((await house.users()).map(({ login, signIn }) => `${signIn} ${login}`)).toEqual([
      "password ada",
      expect.stringMatching(/^oidc ada#[0-9a-f]{12}$/),
    ]);
    const headers = { cookie: first.session };
    const { csrfToken } = (await house.guarded.stranger.api("GET", "/v1/session", undefined, headers)).body;
    const csrf = { ...headers, "x-csrf-token": csrfToken };
    const { ticket } = (await house.guarded.stranger.api("POST", "/v1/tickets", undefined, csrf)).body;
    await using page = await house.guarded.house.page(`?ticket=${ticket}`);
    await page.next("ui.job.update");
    house.provider.person = { ...house.provider.person, name: "Ada King", groups: ["stream-admins", "other"] };
    await house.signIn();
    // The earlier session is the same user's, and has the rights of now; its socket comes back for them.
    const who = await house.guarded.house.api("GET", "/v1/session", undefined, { cookie: first.session });
    expect(who.body).toMatchObject({ name: "Ada King", grants: { "*": "admin" } });
    expect(await page.closed).toMatchObject({ code: 1013 });
    expect(await house.users()).toHaveLength(2);
    // Somebody else who calls themselves the same is somebody else.
    house.provider.person = { ...house.provider.person, sub: "eve-1" };
    await house.signIn();
    expect(await house.users()).toHaveLength(3);
  });

  test("asks at the userinfo endpoint for groups that the ID token does not have", async () => {
    await using house = await OidcHouse.open({}, { claimsIn: "userinfo" });
    expect((await house.signIn()).status).toBe(200);
    expect(await house.users()).toMatchObject([{ name: "Ada L.", grants: { hall: "operator" } }]);
  });

  test("works in a browser: after the journey over another site the page is signed in", async () => {
    // For browsers the host makes the site, whatever the port.
    await using house = await OidcHouse.open({}, { host: "localhost" });
    const { url } = house.guarded.house;
    house.provider.person.groups = ["stream-admins"];
    house.provider.asks = true;
    const browser = await launchBrowser();
    try {
      const page = await browser.newPage();
      await page.goto(url);
      await page.getByRole("link", { name: "Sign in at your provider" }).click();
      await page.waitForURL(`${house.provider.issuer}/**`);
      const onwards = page.waitForRequest(`${url}/`);
      await page.getByRole("button", { name: "Continue" }).click();
      expect((await (await onwards).allHeaders()).cookie).toContain("sc_session_orchestrator=");
      await page.getByText("Live", { exact: true }).waitFor();
      expect(await page.evaluate("document.cookie")).toBe("");
      expect(await page.evaluate("fetch('/v1/session').then((answer) => answer.json())")).toMatchObject({
        ...{ kind: "user", name: "Ada L.", grants: { "*": "admin" } },
      });
    } finally {
      await browser.close();
    }
  }, 60_000);
});

describe("what does not count", () => {
  test("a wrong state, a callback that was not begun here, a second time, and what takes too long", async () => {
    await using house = await OidcHouse.open();
    const out = await house.goOut();
    const other = await house.goOut();
    const wrongState = new URL(out.back);
    wrongState.searchParams.set("state", "A".repeat(43));
    const stateless = new URL(out.back);
    stateless.searchParams.delete("state");
    for (const tried of [
      { cookie: out.cookie, back: wrongState },
      { cookie: "", back: out.back },
      { cookie: "sc_oidc_orchestrator=short", back: out.back },
      // Somebody else's sign-in, slipped into this browser.
      { cookie: out.cookie, back: other.back },
    ]) {
      const answer = await house.comeBack(tried);
      expect(answer).toMatchObject({ status: 401, body: { code: "UNAUTHENTICATED" } });
      expect(sessionOf(answer)).toBe("");
    }
    expect(house.provider.exchanged).toEqual([]);
    expect((await house.comeBack({ cookie: out.cookie, back: stateless })).status).toBe(400);
    // None of it spoilt the sign-in itself, which counts once.
    const twice = await Promise.all([house.comeBack(out), house.comeBack(out)]);
    expect(twice.map(({ status }) => status).sort()).toEqual([200, 401]);
    expect((await house.comeBack(out)).status).toBe(401);
    expect(house.provider.exchanged).toHaveLength(1);
  });

  test("a sign-in that was begun more than ten minutes ago", async () => {
    await using house = await OidcHouse.open();
    const out = await house.goOut();
    await house.guarded.house.stop();
    const store = await openStore<{ access_oidc_sign_ins: { hash: string; expires_at: string } }>({
      file: `${house.guarded.house.dataDir}/${DATABASE_FILE}`,
      migrations: allMigrations(),
    });
    const [row] = await store.db.selectFrom("access_oidc_sign_ins").selectAll().execute();
    expect(Date.parse(row?.expires_at ?? "") - Date.now()).toBeLessThanOrEqual(600_000);
    // What is stored does not help to finish it.
    for (const value of [out.cookie.split("=")[1], ...out.asked.searchParams.values()])
      expect(JSON.stringify(row)).not.toContain(value);
    const past = new Date(Date.now() - 1).toISOString();
    await store.write((tx) => tx.updateTable("access_oidc_sign_ins").set({ expires_at: past }).execute());
    await store.close();
    await house.guarded.house.start();
    expect(await house.comeBack(out)).toMatchObject({ status: 401 });
    expect(house.provider.exchanged).toEqual([]);
  });

  const LIES: [string, Lie, 401 | 502][] = [
    ["a nonce of another sign-in", { claims: (truth) => ({ ...truth, nonce: "x".repeat(43) }) }, 401],
    ["no nonce", { claims: ({ nonce: _nonce, ...rest }) => rest }, 401],
    ["an ID token that has expired", { claims: (truth) => ({ ...truth, iat: 1e9, exp: 1e9 + 60 }) }, 401],
    ["a signature by another key", { wrongKey: true }, 401],
    ["an ID token for another client", { claims: (truth) => ({ ...truth, aud: "somebody-else" }) }, 401],
    ["an ID token of another issuer", { claims: (truth) => ({ ...truth, iss: "http://127.0.0.1:1" }) }, 401],
    ["a code that does not count", { status: 400, body: '{"error":"invalid_grant"}' }, 401],
    ["a client that it does not know", { status: 401, body: '{"error":"invalid_client"}' }, 502],
    ["no JSON", { body: "<html>" }, 502],
    ["a failure of its own", { status: 500, body: "{}" }, 502],
  ];

  test.each(LIES)("a provider that answers with %s", async (_what, lie, status) => {
    const { logger, lines } = listening();
    await using house = await OidcHouse.open({ logger });
    house.provider.lie = lie;
    const out = await house.goOut();
    const answer = await house.comeBack(out);
    const code = status === 401 ? "UNAUTHENTICATED" : "IDENTITY_PROVIDER_FAILED";
    expect(answer).toMatchObject({ status, body: { code, error: expect.stringMatching(/[Tt]ry again/) } });
    expect(sessionOf(answer)).toBe("");
    expect(await house.users()).toEqual([]);
    // The log says that it failed, and nothing of what was said.
    expect(lines.join("")).toContain("a sign-in at the OpenID provider failed");
    const secrets = [CLIENT.secret, out.cookie.split("=")[1] ?? "", out.back.searchParams.get("code") ?? "", "ada-1"];
    for (const secret of secrets) expect(lines.join("")).not.toContain(secret);
    // The truth, from the same provider, is let in.
    house.provider.lie = undefined;
    expect((await house.signIn()).status).toBe(200);
  });

  test("whoever cancels over there", async () => {
    await using house = await OidcHouse.open();
    house.provider.cancels = true;
    expect(await house.comeBack(await house.goOut())).toMatchObject({
      status: 401,
      body: { error: "The OpenID provider did not let you in." },
    });
  });

  test("groups that have no role here; whoever loses theirs is out of earlier sessions too", async () => {
    await using house = await OidcHouse.open();
    const { session } = await house.signIn();
    const nobody = [undefined, [], ["strangers"], "HALL-OPS", { "hall-ops": true }, [["hall-ops"]]];
    for (const groups of nobody) {
      house.provider.person = { ...house.provider.person, sub: "eve-1", groups };
      const answer = await house.comeBack(await house.goOut(), HTML);
      expect(answer.status).toBe(403);
      expect(answer.text).toContain("None of your groups at the OpenID provider has a role here; ask an admin.");
      expect(answer.headers.get("content-type")).toContain("text/html");
      expect(sessionOf(answer)).toBe("");
    }
    expect(await house.users()).toHaveLength(1);
    house.provider.person = { sub: "ada-1", groups: ["strangers"] };
    expect((await house.comeBack(await house.goOut())).status).toBe(403);
    const who = await house.guarded.house.api("GET", "/v1/session", undefined, { cookie: session });
    expect(who.status).toBe(401);
    const audit = await house.guarded.admin.api("GET", "/v1/audit?limit=100");
    expect(audit.text).toContain("GET /v1/session/oidc/callback was refused: FORBIDDEN.");
  });

  test("a user who is disabled, until they are not", async () => {
    await using house = await OidcHouse.open();
    const { admin } = house.guarded;
    await house.signIn();
    const [user] = await house.users();
    await admin.api("PATCH", `/v1/users/${user?.id}`, { disabled: true });
    house.provider.person.groups = ["stream-admins"];
    const answer = await house.comeBack(await house.goOut());
    expect(answer).toMatchObject({ status: 403, body: { error: "You are disabled here; ask an admin." } });
    expect(sessionOf(answer)).toBe("");
    expect((await house.users())[0]?.grants).toEqual({ hall: "operator", annex: "viewer" });
    await admin.api("PATCH", `/v1/users/${user?.id}`, { disabled: false });
    expect((await house.signIn()).status).toBe(200);
    // There is no password to get in with beside the provider.
    const password = { password: "correct horse battery" };
    expect((await admin.api("PATCH", `/v1/users/${user?.id}`, password)).status).toBe(422);
    expect((await house.guarded.stranger.api("POST", "/v1/session", { login: "ada", ...password })).status).toBe(401);
  });

  test("more than 60 steps a minute of one address", async () => {
    await using house = await OidcHouse.open();
    const { stranger } = house.guarded;
    const answers = await Promise.all(
      Array.from({ length: 80 }, () => stranger.api("GET", "/v1/session/oidc/callback?code=x&state=y")),
    );
    const refused = answers.find(({ status }) => status === 429);
    expect(Number(refused?.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(house.provider.exchanged).toEqual([]);
  });
});

describe("a provider that is away", () => {
  test("keeps nobody else out, and is found once it is there", async () => {
    const { logger, lines } = listening();
    const [port, providerPort] = [await freePort(), await freePort()];
    const redirectUrl = `http://127.0.0.1:${port}/v1/session/oidc/callback`;
    const { oidc } = loadConfig({
      ...env(`http://127.0.0.1:${providerPort}`),
      OIDC_REDIRECT_URL: redirectUrl,
    }).orchestrator;
    if (oidc === undefined) throw new Error("There is no provider in the configuration.");
    await using guarded = await GuardedHouse.open({ port, oidc, logger });
    expect((await guarded.admin.api("GET", "/v1/jobs")).status).toBe(200);
    const start = "/v1/session/oidc/start";
    expect(await guarded.stranger.api("GET", start)).toMatchObject({
      status: 502,
      body: { code: "IDENTITY_PROVIDER_FAILED" },
    });
    const page = await guarded.stranger.api("GET", start, undefined, HTML);
    expect(page.status).toBe(502);
    expect(page.text).toContain("cannot be reached");
    await using _provider = await OpenIdProvider.start({ redirectUrl, port: providerPort });
    const status = async () => (await fetch(guarded.house.url + start, { redirect: "manual" })).status;
    await waitFor(async () => (await status()) === 302);
    expect(lines.join("")).toContain("a sign-in at the OpenID provider failed");
    expect(lines.join("")).not.toContain(CLIENT.secret);
  });

  test("between the two halves costs that sign-in, and says so", async () => {
    await using house = await OidcHouse.open();
    const out = await house.goOut();
    await house.provider[Symbol.asyncDispose]();
    expect(await house.comeBack(out)).toMatchObject({ status: 502, body: { code: "IDENTITY_PROVIDER_FAILED" } });
    expect(await house.users()).toEqual([]);
  });
});

describe("the configuration", () => {
  test("without a provider there are no such routes", async () => {
    await using guarded = await GuardedHouse.open();
    for (const path of ["start", "callback"])
      expect((await guarded.stranger.api("GET", `/v1/session/oidc/${path}`)).status).toBe(404);
    expect(loadConfig({}).orchestrator.oidc).toBeUndefined();
  });

  test.each([
    [{ OIDC_CLIENT_SECRET: "" }, "needs OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET and OIDC_GRANTS"],
    [{ OIDC_ISSUER: "http://id.example.com" }, "OIDC_ISSUER must be https"],
    [{ OIDC_ISSUER: "no address" }, "OIDC_ISSUER"],
    [{ OIDC_GRANTS: "ops=hall:king" }, "is not group=room:role"],
    [{ OIDC_GRANTS: "ops" }, "is not group=room:role"],
    [{ OIDC_GRANTS: "ops=Hall 1:admin" }, "is not group=room:role"],
    [{ OIDC_GRANTS: "," }, "grants nothing"],
    [{ OIDC_SCOPES: "profile" }, "OIDC_SCOPES must have openid"],
    [{ OIDC_REDIRECT_URL: "http://control.example.com/v1/session/oidc/callback" }, "OIDC_REDIRECT_URL must be https"],
    [{ OIDC_REDIRECT_URL: "https://control.example.com/" }, "must end with /v1/session/oidc/callback"],
    [{ NODE_ENV: "production" }, "OIDC_REDIRECT_URL must be set in production"],
  ])("%j stops the start with what is wrong, and without the secret", (change, sentence) => {
    const variables = {
      ...env("https://id.example.com"),
      AGENT_TOKEN: "none",
      SECRETS_KEY_IN_DATA_DIR: "true",
      ...change,
    };
    const load = () => loadConfig(variables);
    expect(load).toThrow(sentence);
    expect(load).not.toThrow(CLIENT.secret);
  });

  test("has an address of its own in development, and takes groups with signs in their names", () => {
    const OIDC_GRANTS = "cn=ops:eu=hall:viewer, cn=ops:eu=*:operator";
    const { oidc } = loadConfig({ ...env("https://id.example.com"), PORT: "9000", OIDC_GRANTS }).orchestrator;
    expect(oidc).toMatchObject({
      redirectUrl: "http://localhost:9000/v1/session/oidc/callback",
      grants: [
        { group: "cn=ops:eu", room: "hall", role: "viewer" },
        { group: "cn=ops:eu", room: "*", role: "operator" },
      ],
    });
  });
});

/** A logger that misses nothing, and what it wrote. */
function listening() {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  return { lines, logger: createLogger({ name: "test", level: "trace" }, { write }) };
}

const env = (issuer: string): Record<string, string> => ({
  OIDC_ISSUER: issuer,
  OIDC_CLIENT_ID: CLIENT.id,
  OIDC_CLIENT_SECRET: CLIENT.secret,
  OIDC_GRANTS: "hall-ops=hall:operator",
});
