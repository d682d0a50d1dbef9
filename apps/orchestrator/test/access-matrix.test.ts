import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { describeRule, type Rule } from "@stream-control/service-kit/access";
import { temporaryFolder, waitFor } from "@stream-control/test-kit";
import { loadConfig } from "../src/config.js";
import { SOCKET_RULES } from "../src/http/sockets.js";
import { GuardedHouse, type Person } from "./guarded-house.js";
import { SocketClient } from "./inbox.js";
import { StreamSocket, watch } from "./preview-kit.js";

/** Everybody who may try, and the role that they hold in the room that is tried; `elsewhere` holds one in another room. */
const CALLERS = [
  "nobody",
  "wrong",
  "expired",
  "revoked",
  "viewer",
  "operator",
  "admin",
  "elsewhere",
  "everywhere",
] as const;
type CallerName = (typeof CALLERS)[number];

const ROOM = "hall";
const RANK = { viewer: 0, operator: 1, admin: 2 };

/** A provider where nobody listens: who may ask is said before it is. */
const { oidc: AWAY } = loadConfig({
  OIDC_ISSUER: "http://127.0.0.1:1",
  OIDC_CLIENT_ID: "x",
  OIDC_CLIENT_SECRET: "x",
  OIDC_GRANTS: "x=*:viewer",
}).orchestrator;

/** A YouTube that is as far away; what was asked of it waits. */
const { youtube: AWAY_YOUTUBE } = loadConfig({
  YOUTUBE_CLIENT_ID: "x",
  YOUTUBE_CLIENT_SECRET: "x",
  YOUTUBE_REFRESH_TOKEN: "x",
  YOUTUBE_AUTO_CREATE: "false",
  YOUTUBE_TIMEOUT_MS: "100",
  YOUTUBE_API_URL: "http://127.0.0.1:1/",
  YOUTUBE_TOKEN_URL: "http://127.0.0.1:1/token",
}).orchestrator;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let guarded: GuardedHouse;
let callers: Record<CallerName, Person>;
let jobId: string;
let broadcastId: string;
let workflowId: string;
let webhookId: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  guarded = await GuardedHouse.open({ oidc: AWAY, youtube: AWAY_YOUTUBE, mediaDir: folder.path });
  const { admin } = guarded;
  const dying = await guarded.let({ "*": "admin" }, { expiresAt: new Date(Date.now() + 400).toISOString() });
  const revoked = await guarded.let({ "*": "admin" });
  await admin.api("DELETE", `/v1/keys/${revoked.id}`);
  callers = {
    nobody: guarded.stranger,
    wrong: guarded.withKey(`${guarded.adminKey.slice(0, -4)}AAAA`),
    expired: dying,
    revoked,
    viewer: await guarded.let({ [ROOM]: "viewer" }),
    operator: await guarded.let({ [ROOM]: "operator" }),
    admin: await guarded.let({ [ROOM]: "admin" }),
    elsewhere: await guarded.let({ annex: "admin" }),
    everywhere: admin,
  };
  const job = await admin.api("POST", "/v1/jobs", { inlineConfig: { kind: "test" }, room: ROOM });
  jobId = job.body.id;
  const render = { id: "film", width: 16, height: 16, elements: [{ type: "shape", duration: 1 }] };
  const film = await admin.api("POST", `/api/v1/orchestrate?room=${ROOM}`, render, { Prefer: "respond-async" });
  workflowId = film.body.workflow_id;
  broadcastId = (await admin.api("POST", "/v1/broadcasts", { title: "Final", room: ROOM })).body.id;
  await guarded.house.agent({ agentId: "boxed", room: ROOM });
  await waitFor(async () => (await dying.api("GET", "/v1/session")).status === 401);
});

afterAll(async () => {
  await guarded[Symbol.asyncDispose]();
  await folder.remove();
});

/** What a rule makes of a caller: `in`, or the status that it is refused with. */
function verdict(rule: Rule, caller: CallerName): "in" | 401 | 403 | 404 {
  if (caller === "wrong" || caller === "expired" || caller === "revoked") return 401;
  if (rule.kind === "open") return "in";
  if (caller === "nobody") return 401;
  if (rule.kind === "signed-in" || caller === "everywhere") return "in";
  if (rule.kind === "everywhere") return 403;
  if (caller === "elsewhere") return rule.kind === "somewhere" ? "in" : 404;
  return RANK[caller] >= RANK[rule.role] ? "in" : 403;
}

/** Whoever tries wrong credentials again and again is told to wait instead. */
const barred = (status: number): number => (status === 429 ? 401 : status);

/** The same route with parameters of things that are there, in the room that is tried. */
const fill = (path: string): string =>
  path
    .replace(/^(\/v1\/agents)\/:id/, "$1/boxed")
    .replace(/^(\/v1\/jobs)\/:id/, `$1/${jobId}`)
    .replace(/^(\/api\/v1\/jobs)\/:id/, "$1/film")
    .replace(/^(\/api\/v1\/workflows)\/:id/, `$1/${workflowId}`)
    .replace(/^(\/videoresult)\/:job_id/, "$1/film")
    .replace(/^(\/v1\/broadcasts)\/:id/, `$1/${broadcastId}`)
    .replace(/^(\/v1\/webhooks)\/:id/, `$1/${webhookId}`)
    .replace(/^\/v1\/(overlays|teamnames).*/, (route) => `${route}?room=${ROOM}`)
    .replace(/:\w+/g, "none");

describe("every route", () => {
  test("is one that is known here, with the rule that it is meant to have", () => {
    expect(
      guarded.house.routes.map(({ method, path, rule }) => `${method} ${path}: ${describeRule(rule)}`).sort(),
    ).toEqual([
      "DELETE /api/v1/jobs/:id: operator in its room",
      "DELETE /oauth/token: admin in every room",
      "DELETE /v1/agents/:id/tokens/:tokenId: admin in its room",
      "DELETE /v1/broadcasts/:id: operator in its room",
      "DELETE /v1/jobs/:id/destinations/:destinationId: operator in its room",
      "DELETE /v1/keys/:id: admin in every room",
      "DELETE /v1/overlays/:sheet: operator in its room",
      "DELETE /v1/session: anybody",
      "DELETE /v1/templates/:id: operator in every room",
      "DELETE /v1/users/:id: admin in every room",
      "DELETE /v1/webhooks/:id: admin in its room",
      "GET /api/v1/analytics: viewer in any room",
      "GET /api/v1/callback-secret: admin in any room",
      "GET /api/v1/config: viewer in any room",
      "GET /api/v1/health: anybody",
      "GET /api/v1/jobs/:id/status: viewer in its room",
      "GET /api/v1/models: viewer in any room",
      "GET /api/v1/resources: viewer in any room",
      "GET /api/v1/scaling: viewer in any room",
      "GET /api/v1/services: viewer in any room",
      "GET /api/v1/workflows/:id: viewer in its room",
      "GET /api/v1/workflows: viewer in any room",
      "GET /embed: anybody",
      "GET /health: anybody",
      "GET /oauth/auth-url: admin in every room",
      "GET /oauth/callback: anybody",
      "GET /oauth/status: admin in every room",
      "GET /overlay/:sheet: anybody",
      "GET /ready: anybody",
      "GET /status: anybody",
      "GET /v1/agents/:id/tokens: admin in its room",
      "GET /v1/agents/:id: viewer in its room",
      "GET /v1/agents: viewer in any room",
      "GET /v1/audit/export: admin in every room",
      "GET /v1/audit/head: admin in every room",
      "GET /v1/audit/verify: admin in every room",
      "GET /v1/audit: admin in every room",
      "GET /v1/broadcasts/:id/refresh: operator in its room",
      "GET /v1/broadcasts/:id: viewer in its room",
      "GET /v1/broadcasts: viewer in any room",
      "GET /v1/config/stream-privacy: viewer in any room",
      "GET /v1/destination-presets: viewer in any room",
      "GET /v1/jobs/:id/events: viewer in its room",
      "GET /v1/jobs/:id/logs: viewer in its room",
      "GET /v1/jobs/:id/measurements: viewer in its room",
      "GET /v1/jobs/:id/metadata: viewer in its room",
      "GET /v1/jobs/:id/snapshot: viewer in its room",
      "GET /v1/jobs/:id: viewer in its room",
      "GET /v1/jobs: viewer in any room",
      "GET /v1/keys: admin in every room",
      "GET /v1/overlays/:sheet: viewer in its room",
      "GET /v1/overlays: viewer in its room",
      "GET /v1/session/oidc/callback: anybody",
      "GET /v1/session/oidc/start: anybody",
      "GET /v1/session/oidc: anybody",
      "GET /v1/session: signed in",
      "GET /v1/teamnames: viewer in its room",
      "GET /v1/templates/:id: viewer in any room",
      "GET /v1/templates: viewer in any room",
      "GET /v1/users: admin in every room",
      "GET /v1/webhooks/:id/deliveries: admin in its room",
      "GET /v1/webhooks/:id: admin in its room",
      "GET /v1/webhooks: admin in any room",
      "GET /videoresult/:job_id: viewer in its room",
      "PATCH /v1/users/:id: admin in every room",
      "POST /api/v1/callback-secret/rotate: admin in any room",
      "POST /api/v1/circuit-breaker/reset: operator in every room",
      "POST /api/v1/jobs/:id/cancel: operator in its room",
      "POST /api/v1/orchestrate: operator in any room",
      "POST /api/v1/workflows/:id/cancel: operator in its room",
      "POST /api/v1/workflows/:id/pause: operator in its room",
      "POST /api/v1/workflows/:id/rerun: operator in its room",
      "POST /api/v1/workflows/:id/resume: operator in its room",
      "POST /oauth/token: admin in every room",
      "POST /v1/agents/:id/drain: operator in its room",
      "POST /v1/agents/:id/probe: operator in its room",
      "POST /v1/agents/:id/tokens: admin in its room",
      "POST /v1/audit/erase: admin in every room",
      "POST /v1/broadcasts/refresh-all: operator in any room",
      "POST /v1/broadcasts: operator in any room",
      "POST /v1/jobs/:id/destinations: operator in its room",
      "POST /v1/jobs/:id/dismiss: operator in its room",
      "POST /v1/jobs/:id/input: operator in its room",
      "POST /v1/jobs/:id/mute: operator in its room",
      "POST /v1/jobs/:id/pause: operator in its room",
      "POST /v1/jobs/:id/stop: operator in its room",
      "POST /v1/jobs/:id/unmute: operator in its room",
      "POST /v1/jobs/:id/unpause: operator in its room",
      "POST /v1/jobs: operator in any room",
      "POST /v1/keys: admin in every room",
      "POST /v1/probe: operator in any room",
      "POST /v1/session: anybody",
      "POST /v1/templates: operator in every room",
      "POST /v1/tickets: signed in",
      "POST /v1/users: admin in every room",
      "POST /v1/webhooks/:id/deliveries/:deliveryId/replay: admin in its room",
      "POST /v1/webhooks/:id/test: admin in its room",
      "POST /v1/webhooks: admin in any room",
      "POST /videocreate: operator in any room",
      "PUT /api/v1/config: admin in every room",
      "PUT /v1/broadcasts/:id/metadata: operator in its room",
      "PUT /v1/broadcasts/:id: operator in its room",
      "PUT /v1/config/stream-privacy: operator in every room",
      "PUT /v1/jobs/:id/metadata: operator in its room",
      "PUT /v1/jobs/:id/overlay: operator in its room",
      "PUT /v1/jobs/:id/schedule: operator in its room",
      "PUT /v1/overlays/:sheet: operator in its room",
      "PUT /v1/teamnames: operator in its room",
      "PUT /v1/templates/:id: operator in every room",
      "PUT /v1/webhooks/:id: admin in its room",
    ]);
  });

  test("stands in docs/access.md", async () => {
    const page = await readFile(new URL("../../../docs/access.md", import.meta.url), "utf8");
    const table = page.slice(page.indexOf("## Every route"));
    const told = [...table.matchAll(/^\| `([A-Z]+ \S+)` +\| ([a-z ]+?) +\|$/gm)].map(
      ([, route, who]) => `${route}: ${who}`,
    );
    const known = guarded.house.routes.map(({ method, path, rule }) => `${method} ${path}: ${describeRule(rule)}`);
    expect(told.sort()).toEqual(known.sort());
  });

  test.each(CALLERS)("answers %s as its rule says", async (name) => {
    // Some of them delete it. Nobody listens there.
    const webhook = { url: "http://127.0.0.1:1/", room: ROOM };
    webhookId = (await guarded.admin.api("POST", "/v1/webhooks", webhook)).body.id;
    for (const { method, path, rule } of guarded.house.routes) {
      const expected = verdict(rule, name);
      const answer = await callers[name].api(method, fill(path), method === "GET" ? undefined : "[]");
      const where = `${method} ${path} for ${name}: ${answer.status} ${answer.text.slice(0, 200)}`;
      // A body that is no object gets everybody who is let in as far as the handler, and no further.
      const refused = barred(answer.status) === 401 || answer.status === 403 || answer.text.includes("in your rooms");
      const seen = refused ? barred(answer.status) : "in";
      if (seen !== expected) throw new Error(`${where}, but expected ${expected}`);
    }
  });
});

describe("every socket", () => {
  test("lets those in whom its rule names", async () => {
    const { "/ui": anyRoom, ...others } = SOCKET_RULES;
    expect(others).toEqual({
      ...{ "/agent": "hello", "/agent/preview": "ticket", "/preview/:id": "viewer in its room" },
      ...{ "/status-ws": "public", "/overlay-ws": "public", "/teamnames-ws": "public" },
    });
    const { house } = guarded;
    const itsRoom: Rule = { kind: "room", role: "viewer", roomOf: () => ROOM };
    for (const name of CALLERS) {
      const { headers } = callers[name];
      expect([name, await handshake(() => house.page("", headers))]).toEqual([name, verdict(anyRoom, name)]);
      expect([name, await handshake(() => watch(house, jobId, "", headers))]).toEqual([name, verdict(itsRoom, name)]);
      // Whoever it is: an agent's ticket is known by the agent alone that was sent it.
      const preview = () => StreamSocket.open(`${house.agentUrl}/preview?ticket=none`, headers);
      expect([name, await handshake(preview)]).toEqual([name, 401]);
      for (const [path, rule] of Object.entries(SOCKET_RULES)) {
        if (rule !== "public") continue;
        const url = `ws://127.0.0.1:${house.port}${path}?sheet=A`;
        const seen = await handshake(() => SocketClient.open(url, headers));
        expect([path, name, seen]).toEqual([path, name, verdict({ kind: "open" }, name)]);
      }
    }
    // An agent is asked in its hello.
    const stranger = await house.stranger({ agentId: "x", token: "wrong" });
    stranger.hello();
    expect(await stranger.closed).toMatchObject({ code: 4001 });
  });
});

describe("what rooms see of each other", () => {
  test("is nothing: jobs, agents, events, pages, keys of submissions", async () => {
    const { elsewhere, viewer, operator } = callers;
    expect((await elsewhere.api("GET", "/v1/jobs")).body).toEqual([]);
    expect((await elsewhere.api("GET", "/v1/jobs?limit=10")).body.items).toEqual([]);
    expect((await elsewhere.api("GET", "/v1/agents")).body).toEqual([]);
    expect((await viewer.api("GET", "/v1/agents")).body).toHaveLength(1);
    expect((await viewer.api("GET", "/v1/jobs")).body).toHaveLength(2);
    await using page = await guarded.house.page("?since=0", elsewhere.headers);
    expect((await page.next("ui.agent.update")).payload).toEqual([]);
    expect((await page.next("ui.job.update")).payload).toEqual([]);
    await using own = await guarded.house.page("", viewer.headers);
    await own.next("ui.job.update");
    const key = { inlineConfig: { kind: "test" }, idempotencyKey: "one key" };
    const made = await operator.api("POST", "/v1/jobs", key);
    // An operator of one room need not name it.
    expect(made.body.room).toBe(ROOM);
    await own.next("ui.job.update", ({ id }) => id === made.body.id);
    expect(page.ofType("ui.job.event")).toEqual([]);
    expect(page.ofType("ui.job.update")).toHaveLength(1);
    expect(await elsewhere.api("POST", "/v1/jobs", key)).toMatchObject({
      status: 409,
      body: { code: "IDEMPOTENCY_KEY_IN_USE" },
    });
    expect((await operator.api("POST", "/v1/jobs", { ...key, room: "annex" })).status).toBe(404);
  });

  test("jobs run on agents of their room only, and say so while they wait", async () => {
    const { admin, house } = guarded;
    const job = await admin.api("POST", "/v1/jobs", { inlineConfig: { kind: "test" }, room: "attic" });
    const { body } = await admin.api("GET", `/v1/jobs/${job.body.id}`);
    expect(body).toMatchObject({ status: "PENDING", passedOver: [] });
    expect(body.pendingReason).toContain('the room "attic"');
    const agent = await house.agent({ agentId: "upstairs", room: "attic" });
    const assignment = await agent.next("orchestrator.assign.start");
    expect(assignment.payload.jobId).toBe(job.body.id);
  });
});

describe("secrets in what is shown", () => {
  const STREAM = {
    source: { type: "test" },
    destinations: [{ type: "rtmp", url: "rtmp://127.0.0.1/live2", streamKey: "k3y-of-the-stream" }],
  };

  test("are masked for viewers, on REST and on the socket, and shown to operators", async () => {
    const { viewer, operator } = callers;
    await using page = await guarded.house.page("", viewer.headers);
    await page.next("ui.job.update");
    const made = await operator.api("POST", "/v1/jobs", { inlineConfig: STREAM, idempotencyKey: "private" });
    expect(made.text).toContain("k3y-of-the-stream");
    await page.next("ui.job.update", ({ id }) => id === made.body.id);
    expect(JSON.stringify(page.received)).not.toContain("k3y-of-the-stream");
    for (const path of [`/v1/jobs/${made.body.id}`, "/v1/jobs", "/v1/jobs?limit=100"]) {
      const shown = await viewer.api("GET", path);
      expect(shown.text).not.toContain("k3y-of-the-stream");
      expect(shown.text).toContain("rtmp://127.0.0.1");
      expect(shown.text).not.toContain('"private"');
    }
    expect((await operator.api("GET", `/v1/jobs/${made.body.id}`)).text).toContain("k3y-of-the-stream");
  });

  test("of templates too", async () => {
    const { admin } = guarded;
    const template = await admin.api("POST", "/v1/templates", { id: "with-key", name: "x", config: STREAM });
    expect(template.status).toBe(201);
    expect((await callers.viewer.api("GET", "/v1/templates/with-key")).text).not.toContain("k3y-of-the-stream");
    expect((await callers.viewer.api("GET", "/v1/templates")).text).not.toContain("k3y-of-the-stream");
    expect((await admin.api("GET", "/v1/templates/with-key")).text).toContain("k3y-of-the-stream");
  });
});

/** The status of a handshake, or that it was let in. */
async function handshake(open: () => Promise<AsyncDisposable>): Promise<"in" | number> {
  try {
    await using _socket = await open();
    return "in";
  } catch (error) {
    return barred(Number(/\d{3}/.exec(String(error))?.[0]));
  }
}
