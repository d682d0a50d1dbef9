import { afterEach, expect, test } from "@jest/globals";
import type { Destination } from "@stream-control/protocol";
import { measured } from "@stream-control/test-kit";
import { type AgentHandlers, accept, CommandError, type Decision, type Lease } from "../src/index.js";
import { OrchestratorDouble, type OrchestratorDoubleOptions } from "../src/testing.js";
import { blackHoleProxy, LogLines, recordingAgent, until } from "./helpers.js";

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
const acks = (double: OrchestratorDouble) =>
  double.received.filter((message) => message.type === "agent.job.command.ack");

test("the hello names the features that there are handlers for", async () => {
  const nothing = async () => {};
  const handlers = { onPause: nothing, onUnpause: nothing, onSwitchInput: nothing, onAddDestination: nothing };
  const { double } = await connected({ handlers: { ...handlers, onLease: nothing } });
  expect((await double.next("agent.hello")).payload.capabilities.features).toEqual(["pause", "input", "leases"]);
});

test("a live change is carried out once, however often it is asked for, and answered the same way each time", async () => {
  const done: unknown[] = [];
  const { double } = await connected({
    handlers: {
      onAddDestination: ({ jobId, epoch }, { url }: Destination & { url?: string }) =>
        void done.push([jobId, epoch, url]),
      onRemoveDestination: async (_, id) => {
        done.push(id);
        throw new CommandError({ code: "NO_SUCH_DESTINATION", message: "There is none of that name." });
      },
    },
  });
  double.assign("job-1", { epoch: 4 });
  await double.next("agent.assign.ack");
  const destination = { type: "rtmp", url: "rtmp://a/b" } as const;
  const add = { jobId: "job-1", commandId: "c1", destination };
  const remove = { jobId: "job-1", commandId: "c2", destinationId: "x" };
  const ids = [
    double.send("orchestrator.job.destination.add", add),
    double.send("orchestrator.job.destination.add", add),
    double.send("orchestrator.job.destination.remove", remove),
  ];
  await until(() => acks(double).length === 3, "three answers");
  const since = double.received.length;
  double.dropAll();
  await double.next("agent.hello", () => true, { since });
  ids.push(double.send("orchestrator.job.destination.add", add));
  ids.push(double.send("orchestrator.job.destination.remove", remove));
  await until(() => acks(double).length === 5, "five answers");
  expect(done).toEqual([["job-1", 4, "rtmp://a/b"], "x"]);
  const answers = acks(double).map(({ correlationId, payload }) => [correlationId, payload]);
  const added = { jobId: "job-1", commandId: "c1", success: true };
  const error = { code: "NO_SUCH_DESTINATION", message: "There is none of that name." };
  const refused = { jobId: "job-1", commandId: "c2", success: false, error };
  expect(answers).toEqual([added, added, refused, added, refused].map((payload, index) => [ids[index], payload]));
  double.send("orchestrator.job.input.switch", { jobId: "job-1", commandId: "c3", source: null });
  await until(() => acks(double).length === 6, "the answer to the switch");
  expect(acks(double).at(-1)?.payload.error?.code).toBe("NOT_SUPPORTED");
});

test("commands to one job are carried out in their order; one that hangs costs the others their time, not their order", async () => {
  const done: string[] = [];
  const slow = Promise.withResolvers<void>();
  const { double } = await connected({
    commandTimeoutMs: 150,
    handlers: {
      onPause: async ({ jobId }) => {
        await (jobId === "job-1" ? slow.promise : undefined);
        done.push(`pause ${jobId}`);
      },
      onUnpause: ({ jobId }) => void done.push(`unpause ${jobId}`),
      onMute: ({ jobId }) => void done.push(`mute ${jobId}`),
    },
  });
  for (const jobId of ["job-1", "job-2"]) double.assign(jobId);
  await until(() => double.received.filter(({ type }) => type === "agent.assign.ack").length === 2, "both taken");
  for (const jobId of ["job-1", "job-2"]) {
    double.send("orchestrator.job.pause", { jobId });
    double.send("orchestrator.job.unpause", { jobId });
  }
  await double.next("agent.job.unpaused", ({ jobId }) => jobId === "job-2");
  expect(done).toEqual(["pause job-2", "unpause job-2"]);
  expect((await double.next("agent.job.paused", ({ jobId }) => jobId === "job-1")).payload.error?.code).toBe(
    "COMMAND_TIMEOUT",
  );
  await double.next("agent.job.unpaused", ({ jobId }) => jobId === "job-1");
  double.send("orchestrator.job.mute", { jobId: "job-1" });
  expect((await double.next("agent.job.mute")).payload.success).toBe(true);
  slow.resolve();
});

test("a handler that never settles costs its job, not the slot; if it starts the job after all, the job is ended", async () => {
  const late = Promise.withResolvers<Decision>();
  const ended: unknown[] = [];
  let aborted = false;
  const { double } = await connected({
    capabilities: { slots: 1 },
    assignTimeoutMs: 60,
    handlers: {
      onAssign: ({ jobId }, { signal }) => {
        if (jobId !== "stuck") return accept();
        signal.addEventListener("abort", () => {
          aborted = true;
        });
        return late.promise;
      },
      onKill: (job, options) => void ended.push([job, options]),
    },
  });
  double.assign("stuck", { epoch: 2 });
  const declined = await double.next("agent.assign.ack");
  expect(declined.payload).toMatchObject({ accepted: false, error: { code: "ASSIGN_TIMEOUT" } });
  expect(aborted).toBe(true);
  double.assign("next");
  await double.next("agent.assign.ack", ({ jobId, accepted }) => jobId === "next" && accepted);
  double.assign("stuck", { epoch: 3 });
  const again = await double.next("agent.assign.ack", ({ epoch }) => epoch === 3);
  expect(again.payload).toMatchObject({ accepted: false, error: { code: "JOB_STILL_RUNNING" } });
  late.resolve(accept());
  await until(() => ended.length === 1, "the late job is ended");
  expect(ended).toEqual([
    [
      { jobId: "stuck", epoch: 2 },
      { reason: "ASSIGN_TIMEOUT", deadlineMs: 0 },
    ],
  ]);
});

test("a stop whose handler never settles is told, and further stops do not pile up", async () => {
  let calls = 0;
  const onStop = () => {
    calls += 1;
    return new Promise<void>(() => {});
  };
  const { double } = await connected({ commandTimeoutMs: 50, handlers: { onStop } });
  double.assign("job-1");
  await double.next("agent.assign.ack");
  for (let index = 0; index < 1000; index++) double.send("orchestrator.job.stop", { jobId: "job-1" });
  expect((await double.next("agent.error")).payload).toMatchObject({ code: "STOP_TIMEOUT", jobId: "job-1" });
  double.send("orchestrator.reboot", {});
  await double.next("agent.reboot.ack");
  expect(calls).toBe(16);
});

test("a fenced job has its lease from the start, and every answered heartbeat makes it longer; another epoch's does not", async () => {
  const timings = { heartbeatIntervalMs: 30 };
  let lease: Lease | undefined;
  const renewed: { jobId: string; leftMs: number }[] = [];
  const handlers: Partial<AgentHandlers> = {
    onAssign: (_, context) => {
      lease ??= context.lease;
      return accept();
    },
    onLease: ({ jobId }, { leftMs }) => void renewed.push({ jobId, leftMs }),
  };
  const { double } = await connected({ handlers, capabilities: { slots: 3 } }, { timings });
  double.assign("fenced", { leaseMs: 5000, onDisconnect: "fence" });
  double.assign("free", { epoch: 7, onDisconnect: "continue" });
  await until(() => renewed.length >= 3, "renewed three times");
  expect(new Set(renewed.map(({ jobId }) => jobId))).toEqual(new Set(["fenced"]));
  for (const { leftMs } of renewed) {
    expect(leftMs).toBeGreaterThan(3000);
    expect(leftMs).toBeLessThanOrEqual(5000);
  }
  double.renew = false;
  const beats = double.received.length;
  await double.next("agent.heartbeat", () => true, { since: beats });
  const heartbeat = await double.next("agent.heartbeat", () => true, { since: beats + 1 });
  const before = lease?.leftMs ?? 0;
  const forged = (epoch: number, correlationId?: string) =>
    double.sendRaw(
      JSON.stringify({
        type: "orchestrator.lease.renewed",
        correlationId,
        payload: { leaseMs: 9_999_999, jobs: [{ jobId: "fenced", epoch }] },
      }),
    );
  forged(1);
  forged(1, "never sent");
  forged(2, heartbeat.msgId);
  double.send("orchestrator.job.mute", { jobId: "fenced" });
  await double.next("agent.job.mute");
  expect(lease?.leftMs).toBeLessThanOrEqual(before);
});

test("an assignment that was on its way for longer than its lease is declined", async () => {
  let sleptMs = 0;
  const { double } = await connected({ now: () => performance.now() + sleptMs, handlers: { onLease: () => {} } });
  sleptMs = 3_600_000;
  const assignedAt = performance.now();
  double.assign("job-1", { leaseMs: 5000, onDisconnect: "fence" });
  const ack = await double.next("agent.assign.ack");
  measured("an assignment arrives when its lease is over", { from: assignedAt, to: performance.now() });
  expect(ack.payload).toMatchObject({ accepted: false, error: { code: "LEASE_EXPIRED" } });
});

test("a job taken over is renewed at once after the hello", async () => {
  const double = await OrchestratorDouble.listen();
  cleanups.push(() => double.close());
  const leases: number[] = [];
  const { client } = recordingAgent(double.url, { handlers: { onLease: (_, { leftMs }) => void leases.push(leftMs) } });
  cleanups.push(() => client.stop());
  client.adopt({ jobId: "old", epoch: 3 }, "RUNNING");
  client.start();
  const { msgId = "" } = await double.next("agent.heartbeat");
  const payload = { leaseMs: 4000, jobs: [{ jobId: "old", epoch: 3 }] };
  double.sendRaw(JSON.stringify({ type: "orchestrator.lease.renewed", correlationId: msgId, payload }));
  await until(() => leases.length === 1, "renewed");
  expect(leases[0]).toBeLessThanOrEqual(4000);
});

test("events of a time without connection come in order, with their own times, before the job's end", async () => {
  const { double, client } = await connected({ reconnect: { spreadMs: 300, random: () => 0.9 } }, { settle: false });
  double.assign("job-1", { epoch: 2 });
  await double.next("agent.assign.ack");
  client.update("job-1", "RUNNING");
  client.event("job-1", "stream.live", "The stream is live.", { frames: 1 });
  await double.next("agent.job.event");
  const since = double.received.length;
  double.dropAll();
  await until(() => !client.online, "offline");
  client.event("job-1", "stream.source_lost", "The source is gone.");
  const saidAt = Date.now();
  for (let index = 0; index < 300; index++) client.event("job-1", "stream.flap", `${index}`);
  client.event("job-1", "Not a type", "dropped");
  client.stopped("job-1", "FAILED");
  await double.next("agent.job.stopped", () => true, { since });
  const messages = double.received.slice(since).filter(({ type }) => type.startsWith("agent.job."));
  const events = messages.filter((message) => message.type === "agent.job.event");
  expect(messages.at(-1)?.type).toBe("agent.job.stopped");
  expect(events[0]?.payload).toMatchObject({ type: "agent.events_dropped", data: { count: 101 } });
  expect(events.slice(1).map(({ payload }) => payload.message)).toEqual(
    Array.from({ length: 200 }, (_, index) => `${index + 100}`),
  );
  expect(events.at(-1)?.payload.epoch).toBe(2);
  expect(Date.parse(events.at(-1)?.ts ?? "") - saidAt).toBeLessThan(200);
});

test("an event that a dead connection swallowed comes again, under the same message id", async () => {
  const timings = { heartbeatIntervalMs: 50, heartbeatTimeoutMs: 250 };
  const double = await OrchestratorDouble.listen({ timings });
  cleanups.push(() => double.close());
  const proxy = await blackHoleProxy(double.port);
  cleanups.push(() => proxy.close());
  const { client } = recordingAgent(`ws://127.0.0.1:${proxy.port}/agent`, { helloTimeoutMs: 500 });
  cleanups.push(() => client.stop());
  client.start();
  await until(() => client.online, "online");
  double.assign("job-1");
  await double.next("agent.assign.ack");
  client.event("job-1", "stream.first", "Arrived and answered.");
  await double.next("agent.job.event");
  const beats = double.received.length;
  await double.next("agent.heartbeat", () => true, { since: beats });
  await double.next("agent.heartbeat", () => true, { since: beats + 1 });
  proxy.swallow(true);
  client.event("job-1", "stream.source_lost", "Nobody hears this.");
  await until(() => !client.online, "the loss is noticed");
  const since = double.received.length;
  const passesAt = performance.now();
  proxy.swallow(false);
  const event = await double.next("agent.job.event", () => true, { since });
  measured("messages arrive late, twice, or never", { from: passesAt, to: performance.now() });
  expect(event.payload.type).toBe("stream.source_lost");
});

test("a job that is not this agent's any more is over with its report, which nobody settles", async () => {
  const settled: unknown[] = [];
  const handlers = { onSettled: (job: unknown) => void settled.push(job) };
  const { double } = await connected({ handlers }, { settle: false });
  double.assign("job-1", { epoch: 2 });
  await double.next("agent.assign.ack");
  double.send("orchestrator.job.stop", { jobId: "job-1", reason: "NOT_YOURS", deadlineMs: 0 });
  await double.next("agent.job.stopped", ({ epoch }) => epoch === 2);
  await until(() => settled.length === 1, "forgotten");
  const since = double.received.length;
  double.dropAll();
  expect((await double.next("agent.hello", () => true, { since })).payload.activeJobs).toEqual([]);
});

test("of two agents with one id the older one stays away for long and keeps its jobs; then it takes the id back", async () => {
  const reconnect = { refusedMs: 600, spreadMs: 10, baseMs: 10 };
  const log = new LogLines();
  const { double, client } = await connected({ reconnect, logger: log });
  double.assign("job-1");
  await double.next("agent.assign.ack");
  const since = double.received.length;
  const younger = recordingAgent(double.url, { name: "Younger", reconnect });
  cleanups.push(() => younger.client.stop());
  const lostAt = performance.now();
  younger.client.start();
  await until(() => younger.client.online, "the younger one is there");
  await until(() => log.has("no other agent uses its id"), "the older one says why");
  expect(client.activeJobs).toHaveLength(1);
  const back = await double.next("agent.hello", ({ name }) => name === "Test agent", { since });
  const backAt = performance.now();
  expect(backAt - lostAt).toBeGreaterThan(250);
  measured(
    "two agents with one id",
    { from: lostAt, to: backAt },
    { until: "the older one has it back", setting: { name: "refusedMs", ms: reconnect.refusedMs } },
  );
  expect(back.payload.activeJobs).toMatchObject([{ jobId: "job-1" }]);
  // Its job went to another agent meanwhile: the orchestrator says so, and it ends.
  double.send("orchestrator.job.stop", { jobId: "job-1", reason: "NOT_YOURS", deadlineMs: 0 });
  await double.next("agent.job.stopped", ({ jobId }) => jobId === "job-1", { since });
}, 60_000);
