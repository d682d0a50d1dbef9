import { once } from "node:events";
import { connect } from "node:net";
import { expect, test } from "@jest/globals";
import { ConfigError, type Logger } from "@stream-control/service-kit";
import fc from "fast-check";
import { loadConfig } from "../src/config.js";
import { House } from "./house.js";

/** A logger that keeps what went wrong inside: an exception that nobody sees is a failure all the same. */
function listening(): { errors: string[]; logger: Logger } {
  const errors: string[] = [];
  const quiet = () => undefined;
  const keep = (fields: { err?: Error }, text: string) => void errors.push(`${text}: ${fields.err?.stack}`);
  const logger = {
    fatal: keep,
    error: keep,
    warn: quiet,
    info: quiet,
    debug: quiet,
    trace: quiet,
    child: () => logger,
  };
  // What of a logger the service uses.
  return { errors, logger: logger as unknown as Logger };
}

async function houseThatTells() {
  const { errors, logger } = listening();
  return { house: await House.open({ logger }), errors };
}

/** After all that, a job still runs from its submission to its end. */
async function stillWorks(house: House, errors: string[]): Promise<void> {
  const agent = await house.agent({ agentId: "sane" });
  const { id } = await house.submit({ inlineConfig: { kind: "test", video: { height: 99 } } });
  await house.jobIn(id, "RUNNING", "PENDING", "ASSIGNED", "ACCEPTED", "STARTING");
  await house.api("POST", `/v1/jobs/${id}/stop`);
  await house.jobIn(id, "STOPPED", "CANCELED", "STOPPING");
  await agent.roundTrip();
  expect((await house.api("GET", "/healthz")).status).toBe(200);
  expect(errors).toEqual([]);
}

const odd = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom(
    "",
    " ",
    "\u0000",
    "x".repeat(5000),
    "__proto__",
    "constructor",
    -1,
    1e308,
    0.5,
    2 ** 53,
    "🎬",
    "NaN",
  ),
  fc.constantFrom<unknown>(null, true, [], {}, [[]], { __proto__: null, toString: 1 }),
);

/** A valid value with some of its parts, at any depth, replaced, left out or added. */
function mutated(value: unknown): fc.Arbitrary<unknown> {
  if (Array.isArray(value)) return fc.oneof(odd, fc.tuple(...value.map(mutated)), fc.constant([...value, ...value]));
  if (typeof value !== "object" || value === null)
    return fc.oneof({ weight: 4, arbitrary: fc.constant(value) }, { weight: 1, arbitrary: odd });
  const parts = Object.fromEntries(Object.entries(value).map(([key, part]) => [key, mutated(part)]));
  return fc.oneof(
    { weight: 8, arbitrary: fc.record(parts, { requiredKeys: [] }) },
    { weight: 4, arbitrary: fc.record(parts) },
    {
      weight: 1,
      arbitrary: fc.tuple(fc.record(parts), fc.string(), odd).map(([all, key, more]) => ({ ...all, [key]: more })),
    },
    { weight: 1, arbitrary: odd },
  );
}

const jobId = "JOB";
const error = { code: "X", message: "Something.", detail: { fault: "source" } };
const progress = {
  frame: 10,
  fps: 29.97,
  bitrateKbps: 2500,
  speed: 1,
  droppedFrames: 0,
  duplicatedFrames: 0,
  timeSeconds: 3,
};
const MESSAGES = [
  {
    type: "agent.hello",
    msgId: "m",
    payload: {
      ...{ agentId: "fuzz", name: "Fuzz", version: "1", drain: false, activeJob: { jobId, status: "RUNNING" } },
      ...{ capabilities: { slots: 2, maxResolution: "1080p", features: ["leases"] }, protocolVersion: 1 },
      ...{ activeJobs: [{ jobId, status: "RUNNING", epoch: 1 }], meta: { rack: 3 }, auth: { token: "secret" } },
    },
  },
  { type: "agent.heartbeat", msgId: "m", ts: "2026-01-01T00:00:00Z", payload: {} },
  { type: "agent.assign.ack", correlationId: "m", payload: { jobId, accepted: true, epoch: 1, reason: "r", error } },
  { type: "agent.job.update", payload: { jobId, status: "RUNNING", epoch: 1, error, progress } },
  { type: "agent.job.log", payload: { jobId, level: "info", message: "A line.", ts: "2026-01-01T00:00:00Z" } },
  { type: "agent.job.stopped", payload: { jobId, status: "FAILED", epoch: 1, error, progress } },
  { type: "agent.error", payload: { code: "X", message: "Y", jobId, detail: {} } },
  {
    type: "agent.job.event",
    payload: { jobId, epoch: 1, type: "stream.source_lost", message: "Gone.", data: { a: 1 } },
  },
  { type: "agent.job.command.ack", payload: { jobId, commandId: "c", success: true, error } },
  { type: "agent.job.mute", payload: { jobId, success: true } },
  { type: "agent.job.paused", payload: { jobId, success: false, error } },
  { type: "agent.reboot.ack", payload: { accepted: true } },
];

test("messages of agents: whatever comes, before and after the hello, breaks nothing but that socket", async () => {
  const { house, errors } = await houseThatTells();
  await using _house = house;
  const message = fc.oneof(
    { weight: 8, arbitrary: fc.oneof(...MESSAGES.map(mutated)).map((value) => JSON.stringify(value) ?? "undefined") },
    { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
    { weight: 1, arbitrary: fc.json() },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(message, { maxLength: 60 }), fc.boolean(), async (texts, greets) => {
      const agent = await house.stranger({ agentId: "fuzz", slots: 2, modern: {} });
      const { id } = await house.submit({ restartPolicy: "onFailure" });
      if (greets) agent.hello();
      for (const text of texts) {
        // The job that is spoken of is sometimes a real one.
        if (agent.socket.readyState === agent.socket.OPEN) agent.sendRaw(text.replaceAll(jobId, id));
      }
      agent.socket.close();
      await agent.closed;
      await house.api("POST", `/v1/jobs/${id}/stop`);
      expect((await house.api("GET", `/v1/jobs/${id}`)).status).toBe(200);
    }),
    { numRuns: 60 },
  );
  await stillWorks(house, errors);
});

const DESTINATION = { type: "rtmp", id: "d", url: "rtmp://one.example/live", streamKey: "k" };
const BODIES = [
  {
    inlineConfig: {
      source: { type: "srt", url: "srt://camera:9000", latencyMs: 200 },
      destinations: [DESTINATION],
      video: { width: 1280, height: 720, fps: 30 },
    },
    ...{ idempotencyKey: "k", restartPolicy: "onFailure", onDisconnect: "fence", requestedBy: "me" },
    streamContext: { context: "Club", drawNumber: 1, sheet: "A", team1: "X", team2: "Y" },
    ...{ streamMetadata: { title: "T", isMuted: true, youtube: { streamUrl: "u" } }, metadata: { a: 1 } },
  },
  { templateId: "stream-template-1", configOverrides: { source: { type: "test" } } },
  { drain: true, deadlineMs: 1000, migrate: true },
  { destination: DESTINATION },
  { source: { type: "file", path: "/a.mp4", loop: true } },
  { id: "mine", name: "Mine", description: "D", config: { source: { type: "test" } } },
  { title: "T", viewers: 3, isPaused: true },
];

test("REST: whatever is asked, in whatever way, is answered with something below 500", async () => {
  const { house, errors } = await houseThatTells();
  await using _house = house;
  await house.agent({ agentId: "a", features: ["destinations"], slots: 3 });
  const { id } = await house.submit();
  const segment = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.constantFrom("v1", "jobs", "agents", "templates", "stop", "events", "logs", "metadata"),
    },
    { weight: 4, arbitrary: fc.constantFrom(id, "a", "drain", "destinations", "input", "pause", "mute", "healthz") },
    { weight: 2, arbitrary: fc.string({ unit: "binary", maxLength: 40 }).map(encodeURIComponentSafely) },
    { weight: 1, arbitrary: fc.constantFrom("..", "%2e%2e", "%00", "%", "%zz", "%2f%2f", "x".repeat(3000)) },
  );
  const known = fc.constantFrom(
    ...["/v1/jobs", `/v1/jobs/${id}`, `/v1/jobs/${id}/events`, `/v1/jobs/${id}/destinations`, `/v1/jobs/${id}/input`],
    ...[`/v1/jobs/${id}/metadata`, "/v1/agents", "/v1/agents/a/drain", "/v1/templates", "/v1/templates/mine"],
  );
  const path = fc.oneof(
    known,
    fc.array(segment, { maxLength: 5 }).map((parts) => `/${parts.join("/")}`),
  );
  const query = fc.array(
    fc.tuple(
      fc.constantFrom("status", "agentId", "limit", "cursor", "order", "state", "since", "status[]", "a[b][c]"),
      fc.oneof(fc.constantFrom("RUNNING", "10", "asc", "czEw", "-1", ""), fc.string({ unit: "binary", maxLength: 30 })),
    ),
    { maxLength: 3 },
  );
  const header = fc.constantFrom<Record<string, string>>(
    { "content-type": "application/json" },
    { "content-type": "application/json; charset=utf-9" },
    { "content-type": "text/plain" },
    { "content-type": "application/json", "content-encoding": "gzip" },
    { "content-type": "application/json", origin: "http://evil.example", "x-http-method-override": "DELETE" },
  );
  const body = fc.oneof(
    { weight: 8, arbitrary: fc.oneof(...BODIES.map(mutated)).map((value) => JSON.stringify(value) ?? "") },
    { weight: 1, arbitrary: fc.string() },
  );
  const method = fc.constantFrom("GET", "POST", "PUT", "DELETE", "POST", "PATCH", "OPTIONS", "HEAD");
  await fc.assert(
    fc.asyncProperty(method, path, query, header, body, async (verb, where, pairs, headers, text) => {
      const asked = pairs.map((pair) => pair.map(encodeURIComponentSafely).join("=")).join("&");
      const response = await fetch(`${house.url}${where}${asked === "" ? "" : `?${asked}`}`, {
        ...{ method: verb, headers, signal: AbortSignal.timeout(15_000) },
        ...(verb === "GET" || verb === "HEAD" ? {} : { body: text }),
      });
      const answer = await response.text();
      expect([response.status < 500, verb, where, asked, text, answer]).toEqual([
        true,
        verb,
        where,
        asked,
        text,
        answer,
      ]);
      if (response.status >= 400 && verb !== "HEAD")
        expect(JSON.parse(answer)).toMatchObject({ error: expect.any(String) });
    }),
    { numRuns: 700 },
  );
  await stillWorks(house, errors);
});

test("what is no HTTP at all, and pages that say anything, are dropped without a trace", async () => {
  const { house, errors } = await houseThatTells();
  await using _house = house;
  const line = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom(
      "GET /ui HTTP/1.1",
      "Upgrade: websocket",
      "Connection: Upgrade",
      "Host: x",
      "",
      "POST /v1/jobs HTTP/1.1",
    ),
    fc.constantFrom("Content-Length: -5", "Transfer-Encoding: chunked", "Sec-WebSocket-Version: 99", "GET * HTTP/9.9"),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 12 }), async (lines) => {
      const socket = connect(house.port, "127.0.0.1");
      socket.on("error", () => undefined);
      socket.end(Buffer.from(`${lines.join("\r\n")}\r\n\r\n`));
      socket.resume();
      if (!socket.closed) await once(socket, "close");
    }),
    { numRuns: 100 },
  );
  const page = await house.page();
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string({ unit: "binary" })), (text) => page.sendRaw(text)),
    { numRuns: 300 },
  );
  for (const since of ["-1", "1e9", "x", "99999999999999999", "1;2", "%00"])
    await expect(house.page(`?since=${since}`)).rejects.toThrow("400");
  await house.submit();
  await page.next("ui.job.event");
  await stillWorks(house, errors);
});

test("the environment: any values give a configuration, or an error that names variables and repeats no secret", () => {
  const names = [
    ...["PORT", "AGENT_TOKEN", "HEARTBEAT_INTERVAL_MS", "HEARTBEAT_TIMEOUT_MS", "STOP_GRACE_MS", "KILL_AFTER_MS"],
    ...["NODE_ENV", "ALLOWED_ORIGINS", "DATA_DIR", "MEDIA_DIR", "ASSIGN_ACK_TIMEOUT_MS", "LEASE_MS", "LOG_LEVEL"],
    ...["JOB_UNKNOWN_TIMEOUT_MS", "MAX_RESTARTS", "RESTART_BASE_MS", "RESTART_MAX_MS"],
    ...["STREAM_LOCALE", "STREAM_TIME_ZONE", "HOME", "TRUSTED_PROXIES", "MAX_CONNECTIONS", "RATE_LIMIT_PER_MINUTE"],
    ...["TLS_CERT_FILE", "TLS_KEY_FILE", "TLS_CLIENT_CA_FILE", "TLS_MIN_VERSION", "ALLOW_WEAK_AGENT_TOKEN"],
  ];
  const value = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.integer().map(String),
    fc.constantFrom(
      "",
      " ",
      "0",
      "3000",
      "1e3",
      "0x10",
      "Infinity",
      "production",
      "en-US",
      "Mars/Olympus",
      "9".repeat(400),
    ),
  );
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...names), value), (env) => {
      const token = "s3cret-token-b2f9c0d1e47a8365";
      try {
        const { orchestrator } = loadConfig({ ...env, AGENT_TOKEN: token });
        expect(orchestrator.leaseMs).toBeGreaterThan(orchestrator.heartbeatIntervalMs ?? 0);
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(ConfigError);
        expect((thrown as Error).message).toMatch(
          /^(The configuration is wrong: |NODE_ENV=production does not start like this: ).*[A-Z_]+/,
        );
        expect((thrown as Error).message).not.toContain(token);
      }
    }),
    { numRuns: 2000 },
  );
});

/** Lone surrogates have no encoding. */
function encodeURIComponentSafely(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}
