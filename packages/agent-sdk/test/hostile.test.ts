import { afterEach, expect, test } from "@jest/globals";
import { orchestratorMessagePayloads } from "@stream-control/protocol";
import fc from "fast-check";
import { type AgentHandlers, accept } from "../src/index.js";
import { OrchestratorDouble, type OrchestratorDoubleOptions } from "../src/testing.js";
import { LogLines, recordingAgent, until } from "./helpers.js";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function connected(
  options: Parameters<typeof recordingAgent>[1] = {},
  orchestratorOptions: OrchestratorDoubleOptions = {},
) {
  const double = await OrchestratorDouble.listen(orchestratorOptions);
  cleanups.push(() => double.close());
  const agent = recordingAgent(double.url, options);
  cleanups.push(() => agent.client.stop());
  agent.client.start();
  await until(() => agent.client.online, "online");
  return { double, ...agent };
}

const jobId = fc.constantFrom("a", "b", "c", "d");
const commandId = fc.constantFrom("1", "2", "3");
const epoch = fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined });
const sound = fc.oneof(
  fc.record({
    type: fc.constant("orchestrator.assign.start"),
    payload: fc.record({
      jobId,
      epoch,
      idempotencyKey: fc.constant(null),
      config: fc.dictionary(fc.string(), fc.jsonValue()),
      expiresAt: fc.constantFrom("1970-01-01T00:00:00Z", "2999-01-01T00:00:00Z"),
      metadata: fc.constant({}),
      onDisconnect: fc.constantFrom("continue", "fence", undefined),
      leaseMs: fc.constantFrom(undefined, 1, 10_000, Number.MAX_SAFE_INTEGER),
    }),
  }),
  fc.record({
    type: fc
      .constantFrom("mute", "unmute", "pause", "unpause", "stop", "kill")
      .map((name) => `orchestrator.job.${name}`),
    payload: fc.record({ jobId, deadlineMs: fc.constantFrom(undefined, 0, Number.MAX_SAFE_INTEGER) }),
  }),
  fc.record({
    type: fc.constant("orchestrator.job.destination.add"),
    payload: fc.record({ jobId, commandId, destination: fc.constant({ type: "rtmp", url: "rtmp://a/b" }) }),
  }),
  fc.record({
    type: fc.constant("orchestrator.job.input.switch"),
    payload: fc.record({ jobId, commandId, source: fc.constantFrom(null, { type: "test" }) }),
  }),
  fc.record({
    type: fc.constant("orchestrator.lease.renewed"),
    correlationId: fc.string(),
    payload: fc.record({ leaseMs: fc.integer({ min: 1 }), jobs: fc.array(fc.record({ jobId, epoch: fc.nat(3) })) }),
  }),
  fc.record({
    type: fc.constant("orchestrator.job.settled"),
    payload: fc.record({ jobId, epoch, status: fc.constantFrom("STOPPED", "PENDING") }),
  }),
  fc.record({ type: fc.constant("orchestrator.reboot"), payload: fc.constant({}) }),
);
const mutated = fc
  .tuple(sound, fc.constantFrom("type", "payload", "correlationId", "msgId", "ts"), fc.jsonValue())
  .map(([message, field, value]) => ({ ...message, [field]: value }));
const broken = fc
  .tuple(
    sound,
    fc.constantFrom("jobId", "epoch", "commandId", "leaseMs", "jobs", "source", "deadlineMs"),
    fc.jsonValue(),
  )
  .map(([message, field, value]) => ({ ...message, payload: { ...message.payload, [field]: value } }));
const typed = fc.record({
  type: fc.constantFrom(...Object.keys(orchestratorMessagePayloads)),
  payload: fc.jsonValue(),
});
const text = fc.oneof(
  { weight: 4, arbitrary: sound.map((message) => JSON.stringify(message)) },
  mutated.map((message) => JSON.stringify(message)),
  broken.map((message) => JSON.stringify(message)),
  typed.filter(({ type }) => type !== "orchestrator.hello.ok").map((message) => JSON.stringify(message)),
  fc.string({ unit: "binary" }),
  fc.json(),
);

test("whatever the orchestrator says, in whatever order, nothing throws and no job is stuck", async () => {
  const log = new LogLines();
  // Handlers that do as the job's name says: take it, refuse it, fail, end at once; commands work, fail or hang.
  let calls = 0;
  const capricious = async () => {
    calls += 1;
    if (calls % 3 === 0) throw new Error("no");
    if (calls % 7 === 0) await new Promise(() => {});
  };
  const handlers: Partial<AgentHandlers> = {
    onAssign: async (assignment) => {
      if (assignment.jobId === "b") throw new Error("no");
      if (assignment.jobId === "c") setImmediate(() => client.stopped("c", "FAILED"));
      return accept();
    },
    ...{ onMute: capricious, onPause: capricious, onUnpause: capricious, onReboot: capricious, onLease: capricious },
    ...{ onAddDestination: capricious, onSwitchInput: capricious, onSettled: capricious },
  };
  const { double, client } = await connected({
    ...{ handlers, logger: log, commandTimeoutMs: 20, assignTimeoutMs: 200 },
    capabilities: { slots: 3 },
  });
  const escaped: unknown[] = [];
  const onEscape = (thrown: unknown) => void escaped.push(thrown);
  process.on("unhandledRejection", onEscape);
  cleanups.push(async () => void process.off("unhandledRejection", onEscape));
  let round = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(text, { maxLength: 40 }), async (texts) => {
      round += 1;
      for (const one of texts) double.sendRaw(one);
      // Whatever runs is stopped; then every slot is free, and a fresh job runs from its assignment to its end.
      for (const id of ["a", "b", "c", "d"]) double.send("orchestrator.job.kill", { jobId: id });
      const probe = `probe-${round}`;
      const since = double.received.length;
      double.send("orchestrator.reboot", {});
      await double.next("agent.reboot.ack", () => true, { since });
      // A mutated assignment may have made up an id of its own.
      for (const { jobId } of client.activeJobs) double.send("orchestrator.job.kill", { jobId });
      await until(() => client.activeJobs.length === 0, "every job has ended");
      double.assign(probe);
      const ack = await double.next("agent.assign.ack", (payload) => payload.jobId === probe, { since });
      expect(ack.payload).toMatchObject({ accepted: true });
      double.send("orchestrator.job.stop", { jobId: probe });
      await double.next("agent.job.stopped", (payload) => payload.jobId === probe, { since });
    }),
    { numRuns: 150 },
  );
  expect(escaped).toEqual([]);
  expect(double.connectedAt).toHaveLength(1);
}, 120_000);

test("a flood of commands is answered within bounds: what is too much is refused at once", async () => {
  const release = Promise.withResolvers<void>();
  let underway = 0;
  let most = 0;
  const onAddDestination = async () => {
    underway += 1;
    most = Math.max(most, underway);
    await release.promise;
    underway -= 1;
  };
  const { double } = await connected({ handlers: { onAddDestination } });
  double.assign("job-1");
  await double.next("agent.assign.ack");
  const destination = { type: "rtmp", url: "rtmp://a/b" } as const;
  for (let index = 0; index < 5000; index++)
    double.send("orchestrator.job.destination.add", { jobId: "job-1", commandId: `c${index}`, destination });
  const answers = () => double.received.filter((message) => message.type === "agent.job.command.ack");
  await until(() => answers().length === 5000 - 256, "what is too much is answered");
  expect(new Set(answers().map(({ payload }) => payload.error?.code))).toEqual(new Set(["AGENT_BUSY"]));
  release.resolve();
  await until(() => answers().length === 5000, "the rest is answered");
  expect(most).toBe(1);
  // What was refused for want of room may be tried again.
  const since = double.received.length;
  double.send("orchestrator.job.destination.add", { jobId: "job-1", commandId: "c4999", destination });
  const ack = await double.next("agent.job.command.ack", () => true, { since });
  expect(ack.payload.success).toBe(true);
}, 60_000);

test("an orchestrator that sends and does not read costs a bounded amount of memory, and then the connection", async () => {
  const log = new LogLines();
  const { double, client } = await connected({ logger: log });
  double.assign("job-1");
  await double.next("agent.assign.ack");
  // Within one turn of the event loop the kernel's buffer fills and nothing is read on the other side.
  const error = { code: "E", message: "x".repeat(4000) };
  for (let index = 0; index < 20_000 && client.online; index++) client.update("job-1", "RUNNING", { error });
  expect(client.online).toBe(false);
  await until(
    () => log.lines.some(({ fields }) => JSON.stringify(fields).includes("does not read")),
    "the reason is said",
  );
  await until(() => client.online, "online again");
  const since = double.received.length;
  double.send("orchestrator.job.stop", { jobId: "job-1" });
  await double.next("agent.job.stopped", ({ jobId }) => jobId === "job-1", { since });
});

test("a flood of messages that make no sense is not repeated in the log", async () => {
  const log = new LogLines();
  const { double } = await connected({ logger: log });
  for (let index = 0; index < 5000; index++)
    double.sendRaw(index % 2 === 0 ? "nonsense" : '{"type":"orchestrator.job.stop","payload":{}}');
  double.send("orchestrator.reboot", {});
  await double.next("agent.reboot.ack");
  expect(log.lines.filter(({ level }) => level === "warn").length).toBeLessThan(60);
  expect(double.received.filter(({ type }) => type === "agent.error").length).toBeLessThan(60);
});
