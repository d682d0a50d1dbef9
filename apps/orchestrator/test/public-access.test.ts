import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Client } from "undici";
import { loadConfig } from "../src/config.js";
import { GuardedHouse } from "./guarded-house.js";
import type { House } from "./house.js";
import { SocketClient } from "./inbox.js";

const RESTRICTED = { rooms: ["default"], restricted: true, insideNetworks: ["127.0.0.1/32", "10.0.0.0/8"] };
const OPEN_PATHS = ["/status", "/embed", "/embed.js", "/embed.css", "/live.js", "/healthz"];
const SHUT_PATHS = [
  "/",
  "/v1/jobs",
  "/v1/session/oidc",
  "/status.js",
  "/oauth/callback",
  "/STATUS",
  "/status/",
  "//status",
];

/** What is answered to a request that is sent from an address of this machine. */
async function from(localAddress: string, house: House, path: string, headers: Record<string, string> = {}) {
  const client = new Client(house.url, { localAddress });
  try {
    const { statusCode, body } = await client.request({ method: "GET", path, headers });
    const text = await body.text();
    return { status: statusCode, code: statusCode === 403 ? JSON.parse(text).code : undefined };
  } finally {
    await client.destroy();
  }
}

const handshake = async (house: House, path: string, headers: Record<string, string>) => {
  try {
    await using _page = await SocketClient.open(`ws://127.0.0.1:${house.port}${path}`, headers);
    return 101;
  } catch (error) {
    return Number(/\d{3}/.exec(String(error))?.[0]);
  }
};

describe("with ENABLE_PUBLIC_ACCESS_RESTRICTIONS", () => {
  let guarded: GuardedHouse;
  beforeAll(async () => {
    guarded = await GuardedHouse.open({ public: RESTRICTED });
  });
  afterAll(async () => {
    await guarded[Symbol.asyncDispose]();
  });

  test("from outside there is what is public and nothing else, also for whoever has a key, whatever they write into headers", async () => {
    const { house, adminKey } = guarded;
    const authorization = `Bearer ${adminKey}`;
    for (const path of OPEN_PATHS) expect([path, (await from("127.0.0.9", house, path)).status]).toEqual([path, 200]);
    for (const path of SHUT_PATHS)
      for (const lie of [{}, { "x-forwarded-for": "127.0.0.1" }, { "x-real-ip": "10.0.0.1", host: "localhost" }]) {
        const answer = await from("127.0.0.9", house, path, { authorization, ...lie });
        expect([path, answer]).toEqual([path, { status: 403, code: "OUTSIDE_NOT_ALLOWED" }]);
      }
    // It is no entry in the log: the whole internet tries.
    const log = (await guarded.admin.api("GET", "/v1/audit?limit=1000")).body.items;
    expect(log.filter(({ type }: { type: string }) => type === "request.refused")).toEqual([]);
  });

  test("from inside everything is as it was", async () => {
    const { house, admin } = guarded;
    for (const path of OPEN_PATHS) expect((await from("127.0.0.1", house, path)).status).toBe(200);
    expect((await admin.api("GET", "/v1/jobs")).status).toBe(200);
    expect((await guarded.stranger.api("GET", "/v1/jobs")).status).toBe(401);
  });

  test("a proxy that was not named makes its callers outsiders, so that none slips in as the proxy", async () => {
    const { admin, house } = guarded;
    for (const header of ["x-forwarded-for", "x-real-ip", "forwarded", "via"]) {
      expect((await admin.api("GET", "/v1/jobs", undefined, { [header]: "10.0.0.7" })).status).toBe(403);
      expect((await guarded.stranger.api("GET", "/status", undefined, { [header]: "10.0.0.7" })).status).toBe(200);
    }
    const headers = { ...admin.headers, "x-forwarded-for": "10.0.0.7" };
    expect(await handshake(house, "/ui", headers)).toBe(403);
    expect(await handshake(house, "/agent", headers)).toBe(403);
    expect(await handshake(house, "/status-ws", headers)).toBe(101);
    expect(await handshake(house, "/ui", admin.headers)).toBe(101);
  });
});

test("what a named proxy says counts: its callers of inside are let in, those of outside are not, and lies before them are no help", async () => {
  await using guarded = await GuardedHouse.open({ public: RESTRICTED, door: { trustedProxies: ["127.0.0.1"] } });
  const { admin, house } = guarded;
  const through = async (forwarded: string) => {
    const headers = { ...admin.headers, "x-forwarded-for": forwarded };
    const { status } = await house.api("GET", "/v1/jobs", undefined, headers);
    return [status, await handshake(house, "/ui", headers)];
  };
  expect(await through("10.0.0.7")).toEqual([200, 101]);
  expect(await through("203.0.113.7")).toEqual([403, 403]);
  expect(await through("10.0.0.7, 203.0.113.7")).toEqual([403, 403]);
  // What is no address tells nothing, and an untold caller is not the proxy itself.
  expect(await through("unknown")).toEqual([403, 403]);
  expect(await through("10.0.0.7:4711")).toEqual([403, 403]);
});

test("the variables are read, and what is wrong with them is told by name", () => {
  const read = (env: Record<string, string>) => loadConfig(env).orchestrator.public;
  expect(read({})).toMatchObject({ rooms: ["default"], restricted: false });
  expect(read({ PUBLIC_ROOMS: "hall, annex" })?.rooms).toEqual(["hall", "annex"]);
  expect(read({ PUBLIC_ROOMS: "*" })?.rooms).toEqual(["*"]);
  expect(read({ PUBLIC_ROOMS: "none" })?.rooms).toEqual([]);
  expect(read({ ENABLE_PUBLIC_ACCESS_RESTRICTIONS: "true", INSIDE_NETWORKS: "192.0.2.0/24" })).toMatchObject({
    ...{ restricted: true, insideNetworks: ["192.0.2.0/24"] },
  });
  expect(() => read({ PUBLIC_ROOMS: "Hall" })).toThrow('PUBLIC_ROOMS: "Hall"');
  expect(() => read({ INSIDE_NETWORKS: "lan" })).toThrow('INSIDE_NETWORKS: "lan"');
  const warnings = (env: Record<string, string>) => loadConfig(env).warnings.join();
  expect(warnings({ ENABLE_PUBLIC_ACCESS_RESTRICTIONS: "true" })).toContain("TRUSTED_PROXIES");
  expect(warnings({ ENABLE_PUBLIC_ACCESS_RESTRICTIONS: "true", TRUSTED_PROXIES: "10.0.0.1" })).toBe("");
});
