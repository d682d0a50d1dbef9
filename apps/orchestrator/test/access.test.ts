import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { run, waitFor } from "@stream-control/test-kit";
import fc from "fast-check";
import { GuardedHouse } from "./guarded-house.js";
import { House } from "./house.js";

const PASSWORD = "correct horse battery";

describe("the first start", () => {
  test("makes one admin key, shows it once, and stores nothing that it could be had from", async () => {
    const shown: string[] = [];
    await using guarded = await GuardedHouse.open();
    expect((await guarded.admin.api("GET", "/v1/keys")).body).toMatchObject([
      { name: "first admin", grants: { "*": "admin" }, createdBy: null, expiresAt: null, revokedAt: null },
    ]);
    await guarded.house.stop();
    const secret = guarded.adminKey.split("_").slice(2).join("_");
    for (const name of await readdir(guarded.house.dataDir, { recursive: true })) {
      const content = await readFile(join(guarded.house.dataDir, name)).catch(() => Buffer.alloc(0));
      expect(content.includes(secret)).toBe(false);
    }
    await guarded.house.start({ onFirstKey: (key) => shown.push(key) });
    expect(shown).toEqual([]);
    expect((await guarded.admin.api("GET", "/v1/jobs")).status).toBe(200);
  });
});

describe("development on this machine", () => {
  test("needs no key; whoever comes through a proxy, by another name or from another page does", async () => {
    await using house = await House.open();
    expect((await house.api("GET", "/v1/session")).body).toMatchObject({ kind: "local", grants: { "*": "admin" } });
    const refused: Record<string, string>[] = [
      { "x-forwarded-for": "203.0.113.7" },
      { forwarded: "for=203.0.113.7" },
      { origin: "http://evil.example" },
      { origin: "null" },
      { "sec-fetch-site": "cross-site" },
    ];
    for (const headers of refused) expect((await house.api("GET", "/v1/jobs", undefined, headers)).status).toBe(401);
    // A name of somebody else's that was made to point here (DNS rebinding) says so in Host.
    for (const [host, status] of [
      ["evil.example", 401],
      [`evil.example:${house.port}`, 401],
      ["localhost", 200],
      ["[::1]:80", 200],
    ] as const)
      expect((await rawGet(house.port, "/v1/jobs", host)).status).toBe(status);
  });

  test("a wrong key is refused there too, instead of being overlooked", async () => {
    await using house = await House.open();
    expect((await house.api("GET", "/v1/jobs", undefined, { authorization: "Bearer wrong" })).status).toBe(401);
  });
});

test("a lost admin key is made anew on the stopped service", async () => {
  await using guarded = await GuardedHouse.open();
  const { house } = guarded;
  await house.stop();
  const main = new URL("../dist/main.js", import.meta.url).pathname;
  const { stdout } = await run("env", [
    ...[`DATA_DIR=${house.dataDir}`, process.execPath, main, "keys", "create", "found again"],
  ]);
  await house.start();
  const { status, body } = await guarded.withKey(stdout.trim()).api("GET", "/v1/keys");
  expect(status).toBe(200);
  expect(body).toHaveLength(2);
});

describe("API keys", () => {
  test("are shown once, expire, and end at once when they are revoked", async () => {
    await using guarded = await GuardedHouse.open();
    const { admin } = guarded;
    const expiresAt = new Date(Date.now() + 1500).toISOString();
    const short = await guarded.let({ "*": "viewer" }, { expiresAt });
    const other = await guarded.let({ "*": "operator" }, { name: "scoreboard" });
    const listed = await admin.api("GET", "/v1/keys");
    expect(listed.text).not.toContain(other.key);
    expect(listed.text).not.toContain("hash");
    expect((await other.api("POST", "/v1/jobs", { inlineConfig: { kind: "test" } })).body).toMatchObject({
      requestedBy: "scoreboard",
    });
    expect((await short.api("GET", "/v1/jobs")).status).toBe(200);
    await waitFor(async () => (await short.api("GET", "/v1/jobs")).status === 401);

    await using page = await guarded.house.page("", other.headers);
    await page.next("ui.job.update");
    expect((await admin.api("DELETE", `/v1/keys/${other.id}`)).body.revokedAt).toMatch(/Z$/);
    expect((await other.api("GET", "/v1/jobs")).status).toBe(401);
    expect(await page.closed).toMatchObject({ code: 4001 });
    const used = (await admin.api("GET", "/v1/keys")).body.find(({ id }: { id: string }) => id === other.id);
    expect(used.lastUsedAt).toMatch(/Z$/);
    expect((await admin.api("DELETE", `/v1/keys/${other.id}`)).status).toBe(200);
    expect((await admin.api("DELETE", "/v1/keys/none")).status).toBe(404);
  });

  test("a wrong body is answered with what is wrong", async () => {
    await using guarded = await GuardedHouse.open();
    for (const body of [
      {},
      { name: "x" },
      { name: "x", role: "king" },
      { name: "x", role: "viewer", grants: { "*": "viewer" } },
      { name: "x", grants: {} },
      { name: "x", grants: { "No Room": "viewer" } },
      { name: "x", role: "viewer", expiresAt: "2001-01-01T00:00:00Z" },
    ])
      expect((await guarded.admin.api("POST", "/v1/keys", body)).status).toBe(422);
  });
});

describe("users and sessions", () => {
  test("sign in with a password, act by cookie and token, and are out after signing out", async () => {
    await using guarded = await GuardedHouse.open();
    const made = await guarded.admin.api("POST", "/v1/users", {
      login: "Ada@Example.org",
      password: PASSWORD,
      role: "operator",
    });
    expect(made.body).toMatchObject({ login: "ada@example.org", grants: { "*": "operator" }, signIn: "password" });
    expect(made.text).not.toMatch(/argon|hash/);
    const answer = await guarded.house.api("POST", "/v1/session", { login: "ada@example.org", password: PASSWORD });
    expect(answer.headers.get("set-cookie")).toMatch(/^sc_session_orchestrator=[\w-]{43};.*HttpOnly.*SameSite=Strict/i);
    const ada = await guarded.signIn({ login: "ada@example.org", password: PASSWORD });
    expect((await ada.api("GET", "/v1/session")).body).toMatchObject({ kind: "user", name: "ada@example.org" });
    expect((await ada.api("POST", "/v1/jobs", { inlineConfig: { kind: "test" } })).status).toBe(201);
    expect((await ada.api("GET", "/v1/keys")).status).toBe(403);
    expect((await ada.api("DELETE", "/v1/session")).status).toBe(204);
    expect((await ada.api("GET", "/v1/session")).status).toBe(401);
  });

  test("a wrong password and an unknown login are answered alike, and soon slowed down", async () => {
    await using guarded = await GuardedHouse.open();
    await guarded.admin.api("POST", "/v1/users", { login: "ada", password: PASSWORD, role: "viewer" });
    const wrong = await guarded.house.api("POST", "/v1/session", { login: "ada", password: "wrong" });
    const unknown = await guarded.house.api("POST", "/v1/session", { login: "bob", password: "wrong" });
    expect([wrong.status, wrong.text]).toEqual([unknown.status, unknown.text]);
    expect(wrong.status).toBe(401);
    const blocked = await waitFor(async () => {
      const answer = await guarded.house.api("POST", "/v1/session", { login: "ada", password: "wrong" });
      return answer.status === 429 ? answer : undefined;
    });
    expect(Number(blocked.headers.get("retry-after"))).toBeGreaterThan(0);
    // Who has a key that counts is not kept out by it.
    expect((await guarded.admin.api("GET", "/v1/jobs")).status).toBe(200);
  });

  test("a session id that was planted before the sign-in is worth nothing after it", async () => {
    await using guarded = await GuardedHouse.open();
    const planted = `sc_session_orchestrator=${"a".repeat(43)}`;
    const answer = await guarded.house.api("POST", "/v1/session", { key: guarded.adminKey }, { cookie: planted });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("set-cookie")).not.toContain("a".repeat(43));
    expect((await guarded.house.api("GET", "/v1/session", undefined, { cookie: planted })).status).toBe(401);
    // Signing in again ends the session that the browser had.
    const first = await guarded.signIn({ key: guarded.adminKey });
    const again = await guarded.house.api("POST", "/v1/session", { key: guarded.adminKey }, { cookie: first.cookie });
    expect(again.headers.get("set-cookie")).not.toContain(first.cookie);
    expect((await first.api("GET", "/v1/session")).status).toBe(401);
  });

  test("a cookie alone changes nothing: it takes the session's token and a page of ours (CSRF)", async () => {
    await using guarded = await GuardedHouse.open();
    const { cookie, csrf } = await guarded.signIn({ key: guarded.adminKey });
    const submit = (headers: Record<string, string>) =>
      guarded.house.api("POST", "/v1/jobs", { inlineConfig: { kind: "test" } }, { cookie, ...headers });
    expect((await submit({})).body).toMatchObject({ code: "CSRF_FAILED" });
    expect((await submit({ "x-csrf-token": "wrong" })).status).toBe(403);
    expect((await submit({ "x-csrf-token": csrf, origin: "http://evil.example" })).status).toBe(403);
    expect((await submit({ "x-csrf-token": csrf, "sec-fetch-site": "cross-site" })).status).toBe(403);
    expect((await submit({ "x-csrf-token": csrf })).status).toBe(201);
    expect((await submit({ "x-csrf-token": csrf, origin: guarded.house.url })).status).toBe(201);
    expect((await guarded.house.api("GET", "/v1/jobs", undefined, { cookie })).status).toBe(200);
    // Nor may another page sign a browser in as whom it likes.
    const login = await guarded.house.api(
      "POST",
      "/v1/session",
      { key: guarded.adminKey },
      { origin: "http://evil.example" },
    );
    expect(login.status).toBe(403);
  });

  test("a new password, fewer rights and being disabled count at once, open pages included", async () => {
    await using guarded = await GuardedHouse.open();
    const { admin } = guarded;
    const { id } = (await admin.api("POST", "/v1/users", { login: "ada", password: PASSWORD, role: "operator" })).body;
    const ada = await guarded.signIn({ login: "ada", password: PASSWORD });
    const { ticket } = (await ada.api("POST", "/v1/tickets")).body;
    await using page = await guarded.house.page(`?ticket=${ticket}`);
    await admin.api("PATCH", `/v1/users/${id}`, { role: "viewer" });
    expect(await page.closed).toMatchObject({ code: 1013 });
    expect((await ada.api("POST", "/v1/jobs", { inlineConfig: { kind: "test" } })).status).toBe(403);
    await admin.api("PATCH", `/v1/users/${id}`, { password: "another long password" });
    expect((await ada.api("GET", "/v1/session")).status).toBe(401);
    const again = await guarded.signIn({ login: "ada", password: "another long password" });
    await admin.api("PATCH", `/v1/users/${id}`, { disabled: true });
    expect((await again.api("GET", "/v1/session")).status).toBe(401);
    expect(
      (await guarded.house.api("POST", "/v1/session", { login: "ada", password: "another long password" })).status,
    ).toBe(401);
    expect((await admin.api("DELETE", `/v1/users/${id}`)).status).toBe(204);
    expect((await admin.api("POST", "/v1/users", { login: "x", password: "short", role: "viewer" })).status).toBe(422);
  });

  test("outlive a restart", async () => {
    await using guarded = await GuardedHouse.open();
    const session = await guarded.signIn({ key: guarded.adminKey });
    await guarded.house.stop();
    await guarded.house.start();
    // The port is another one, so the address is too.
    expect((await guarded.house.api("GET", "/v1/session", undefined, { cookie: session.cookie })).status).toBe(200);
  });
});

describe("sockets of pages", () => {
  test("open with a key in the header or with a ticket, which counts once; never with the cookie alone", async () => {
    await using guarded = await GuardedHouse.open();
    const session = await guarded.signIn({ key: guarded.adminKey });
    await expect(guarded.house.page()).rejects.toThrow("401");
    await expect(guarded.house.page("", { cookie: session.cookie })).rejects.toThrow("401");
    await expect(guarded.house.page("", { cookie: session.cookie, origin: "http://evil.example" })).rejects.toThrow(
      "401",
    );
    await expect(guarded.house.page(`?ticket=${"a".repeat(43)}`)).rejects.toThrow("401");
    await using byKey = await guarded.house.page("", guarded.admin.headers);
    await byKey.next("ui.job.update");
    const { body } = await session.api("POST", "/v1/tickets");
    expect(body).toMatchObject({ expiresInMs: 30_000 });
    await using page = await guarded.house.page(`?ticket=${body.ticket}`);
    await page.next("ui.job.update");
    await expect(guarded.house.page(`?ticket=${body.ticket}`)).rejects.toThrow("401");
    await session.api("DELETE", "/v1/session");
    expect(await page.closed).toMatchObject({ code: 4001 });
    // A key in an address is worth nothing: it would stand in every log.
    await expect(guarded.house.page(`?ticket=${guarded.adminKey}`)).rejects.toThrow("401");
  });

  test("a ticket of a session that is over opens nothing", async () => {
    await using guarded = await GuardedHouse.open();
    const session = await guarded.signIn({ key: guarded.adminKey });
    const { body } = await session.api("POST", "/v1/tickets");
    await session.api("DELETE", "/v1/session");
    await expect(guarded.house.page(`?ticket=${body.ticket}`)).rejects.toThrow("401");
  });
});

test("whatever is sent as key, cookie, token or ticket is refused, and breaks nothing", async () => {
  await using guarded = await GuardedHouse.open();
  const text = fc.string({ unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)) });
  const cookie = fc.tuple(fc.constantFrom("sc_session_orchestrator", "__Host-sc_session_orchestrator", "x"), text);
  await fc.assert(
    fc.asyncProperty(text, cookie, text, text, async (key, [name, value], csrf, ticket) => {
      const tries: Record<string, string>[] = [
        { authorization: `Bearer ${key}` },
        { authorization: key },
        { cookie: `${name}=${value}`, "x-csrf-token": csrf },
        { cookie: value },
      ];
      for (const headers of tries) {
        for (const method of ["GET", "POST"]) {
          const { status } = await guarded.house.api(method, "/v1/jobs", method === "GET" ? undefined : {}, headers);
          expect([401, 429]).toContain(status);
        }
      }
      await expect(guarded.house.page(`?ticket=${encodeURIComponent(ticket)}`)).rejects.toThrow(/401|429/);
    }),
    { numRuns: 40 },
  );
  expect((await guarded.admin.api("GET", "/v1/jobs")).body).toEqual([]);
});

/** A request with a `Host` of its own, which fetch does not let one say. */
async function rawGet(port: number, path: string, host: string): Promise<{ status: number }> {
  const { request } = await import("node:http");
  return new Promise((resolve, reject) => {
    request({ port, host: "127.0.0.1", path, headers: { host } }, (response) => {
      response.resume();
      resolve({ status: response.statusCode ?? 0 });
    })
      .on("error", reject)
      .end();
  });
}
