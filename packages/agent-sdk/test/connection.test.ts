import { afterEach, expect, test } from "@jest/globals";
import { createLogger } from "@stream-control/service-kit";
import { measured } from "@stream-control/test-kit";
import type { AgentClient } from "../src/index.js";
import { OrchestratorDouble, type OrchestratorDoubleOptions } from "../src/testing.js";
import { blackHoleProxy, LogLines, recordingAgent, until } from "./helpers.js";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function orchestrator(options: OrchestratorDoubleOptions = {}) {
  const double = await OrchestratorDouble.listen(options);
  cleanups.push(() => double.close());
  return double;
}

function started({ client }: { client: AgentClient }) {
  cleanups.push(() => client.stop());
  client.start();
  return client;
}

test("says hello with what it is, and heartbeats at the interval it is told", async () => {
  const double = await orchestrator({ token: "secret", timings: { heartbeatIntervalMs: 30 } });
  const client = started(recordingAgent(double.url));
  const hello = await double.next("agent.hello");
  expect(hello.payload).toMatchObject({
    agentId: "agent-1",
    name: "Test agent",
    version: "1.0.0",
    capabilities: { slots: 2 },
    drain: false,
    activeJob: null,
    activeJobs: [],
    protocolVersion: 1,
    auth: { token: "secret" },
  });
  await double.next("agent.heartbeat");
  await double.next("agent.heartbeat", () => true, { since: 2 });
  expect(client.online).toBe(true);
  expect(client.timings).toMatchObject({ stopGraceMs: 10_000, killAfterMs: 5000 });
});

test("comes back after the orchestrator was gone, on the same port", async () => {
  const first = await OrchestratorDouble.listen();
  const client = started(recordingAgent(first.url));
  await first.next("agent.hello");
  const { port } = first;
  await first.close();
  await until(() => !client.online, "the loss is noticed");
  const second = await orchestrator({ port });
  await second.next("agent.hello");
  await until(() => client.online, "online again");
});

test("gives a hello that nobody answers up and tries again", async () => {
  const double = await orchestrator({ mute: true });
  started(recordingAgent(double.url, { helloTimeoutMs: 60 }));
  await double.next("agent.hello");
  await double.next("agent.hello", () => true, { since: 1 });
});

test("a network path that swallows everything is noticed within the heartbeat timeout", async () => {
  const timings = { heartbeatIntervalMs: 50, heartbeatTimeoutMs: 300 };
  const double = await orchestrator({ timings });
  const proxy = await blackHoleProxy(double.port);
  cleanups.push(() => proxy.close());
  const log = new LogLines();
  const client = started(recordingAgent(`ws://127.0.0.1:${proxy.port}/agent`, { logger: log, helloTimeoutMs: 300 }));
  await until(() => client.online, "online through the proxy");
  const swallowedAt = performance.now();
  proxy.swallow(true);
  const noticed = () => JSON.stringify(log.lines).includes("silent for longer than the heartbeat timeout");
  await until(noticed, "the silence is noticed");
  measured(
    "everything is swallowed, nobody is told",
    { from: swallowedAt, to: performance.now() },
    { until: "it is noticed", setting: { name: "HEARTBEAT_TIMEOUT_MS", ms: timings.heartbeatTimeoutMs } },
  );
  const passesAt = performance.now();
  proxy.swallow(false);
  await until(() => client.online, "online again");
  measured("everything is swallowed, nobody is told", { from: passesAt, to: performance.now() }, { until: "back" });
});

test("a wrong token is tried again slowly, with a line that says what to do, and never logged", async () => {
  const double = await orchestrator({ token: "right" });
  const log = new LogLines();
  started(recordingAgent(double.url, { token: "wrong-secret-value", logger: log }));
  await until(() => log.has("see that its token is right"), "the refusal is logged");
  const line = log.lines.find(({ level }) => level === "error");
  expect(line?.fields).toMatchObject({ code: 4001, reason: "wrong token" });
  expect(Number(Object.entries(line?.fields ?? {}).find(([name]) => name === "pauseMs")?.[1])).toBeGreaterThan(199);
  expect(JSON.stringify(log.lines)).not.toContain("wrong-secret-value");
});

test("an agent that another one replaced comes back slowly", async () => {
  const double = await orchestrator();
  const log = new LogLines();
  const client = started(recordingAgent(double.url, { logger: log }));
  await until(() => client.online, "online");
  double.closeAll(4003, "replaced");
  await until(() => log.has("no other agent uses its id"), "the replacement is logged");
  await double.next("agent.hello", () => true, { since: 1 });
});

test("garbage from the orchestrator is logged and changes nothing", async () => {
  const double = await orchestrator();
  const log = new LogLines();
  const { client, assigned } = recordingAgent(double.url, { logger: log });
  started({ client });
  await until(() => client.online, "online");
  for (const text of [
    "not json",
    "[]",
    "null",
    '{"type":5}',
    '{"type":"orchestrator.future","payload":{"a":1}}',
    '{"type":"__proto__","payload":{}}',
    '{"type":"orchestrator.job.stop","payload":{}}',
    '{"type":"orchestrator.hello.ok","payload":{"heartbeatIntervalMs":-1}}',
    '{"type":"orchestrator.error","payload":7}',
    Buffer.from([0, 1, 2]),
  ])
    double.sendRaw(text);
  double.assign("job-1");
  await double.next("agent.assign.ack", ({ jobId }) => jobId === "job-1");
  expect(assigned).toHaveLength(1);
  expect(client.online).toBe(true);
  const problem = await double.next("agent.error", ({ code }) => code === "BAD_MESSAGE");
  expect(problem.payload.message).toContain("payload.jobId");
});

test("a frame that is too large costs the connection, not the agent", async () => {
  const double = await orchestrator();
  const client = started(recordingAgent(double.url, { maxMessageBytes: 10_000 }));
  await until(() => client.online, "online");
  double.sendRaw(`"${"x".repeat(20_000)}"`);
  await double.next("agent.hello", () => true, { since: 1 });
});

test("a pino logger fits", async () => {
  const lines: string[] = [];
  const logger = createLogger({ name: "test" }, { write: (line: string) => lines.push(line) });
  const double = await orchestrator();
  const client = started(recordingAgent(double.url, { logger }));
  await until(() => client.online, "online");
  expect(lines.join("")).toContain("connected to the orchestrator");
  expect(lines.join("")).not.toContain("secret");
});

test("wrong options are refused at once, by name", () => {
  expect(() => recordingAgent("http://localhost")).toThrow(/url must be a WebSocket address/);
  expect(() => recordingAgent("ws://localhost", { agentId: " " })).toThrow(/agentId/);
  expect(() => recordingAgent("ws://localhost", { capabilities: { slots: -1 } })).toThrow(/capabilities\.slots/);
});

test("stop ends the connection and nothing comes back, even where the orchestrator was never there", async () => {
  const double = await orchestrator();
  const { client } = recordingAgent(double.url);
  client.start();
  await until(() => client.online, "online");
  await client.stop();
  expect(client.online).toBe(false);
  const nobody = recordingAgent("ws://127.0.0.1:1/agent");
  nobody.client.start();
  await nobody.client.stop();
  expect(double.connectedAt).toHaveLength(1);
});

test("200 real agents that lose the orchestrator together come back spread out, all of them", async () => {
  const double = await orchestrator();
  const spreadMs = 3000;
  const clients = Array.from({ length: 200 }, (_, index) =>
    started(recordingAgent(double.url, { agentId: `agent-${index}`, reconnect: { spreadMs } })),
  );
  await until(() => clients.every(({ online }) => online), "all online", 30_000);
  const lostAt = performance.now();
  double.dropAll();
  await until(() => double.connectedAt.length === 400, "all connected again", 30_000);
  await until(() => clients.every(({ online }) => online), "all online again", 30_000);
  const after = double.connectedAt.slice(200).map((at) => at - lostAt);
  for (const ms of after) measured("cut, and back within the lease", ms, { setting: { name: "spread", ms: spreadMs } });
  const perTenth = new Map<number, number>();
  for (const at of after) perTenth.set(Math.floor(at / 300), (perTenth.get(Math.floor(at / 300)) ?? 0) + 1);
  // Evenly spread, each tenth of the time holds 20.
  expect(Math.max(...perTenth.values())).toBeLessThan(70);
  expect(Math.max(...after)).toBeGreaterThan(spreadMs / 2);
}, 90_000);
