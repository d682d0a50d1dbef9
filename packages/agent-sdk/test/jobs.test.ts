import { afterEach, expect, test } from "@jest/globals";
import { type AgentClient, accept, CommandError, decline } from "../src/index.js";
import { OrchestratorDouble, type OrchestratorDoubleOptions } from "../src/testing.js";
import { recordingAgent, until } from "./helpers.js";

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
const count = (double: OrchestratorDouble, type: string) =>
  double.received.filter((message) => message.type === type).length;

test("acknowledges an assignment by its message id, with its epoch", async () => {
  const { double, assigned } = await connected();
  const msgId = double.assign("job-1", { epoch: 7, config: { streamUrl: "test:" } });
  const ack = await double.next("agent.assign.ack");
  expect(ack.correlationId).toBe(msgId);
  expect(ack.payload).toEqual({ jobId: "job-1", accepted: true, epoch: 7 });
  expect(assigned[0]).toMatchObject({ jobId: "job-1", config: { streamUrl: "test:" } });
});

test("the same assignment again is acknowledged again and not started twice", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let starts = 0;
  const { double } = await connected({
    handlers: {
      onAssign: async () => {
        starts += 1;
        await promise;
        return accept();
      },
    },
  });
  const ids = [double.assign("job-1"), double.assign("job-1")];
  resolve();
  await until(() => count(double, "agent.assign.ack") === 2, "both acknowledged");
  ids.push(double.assign("job-1"));
  await until(() => count(double, "agent.assign.ack") === 3, "acknowledged a third time");
  const acks = double.received.filter((message) => message.type === "agent.assign.ack");
  expect(acks.map(({ correlationId }) => correlationId).sort()).toEqual(ids.sort());
  expect(starts).toBe(1);
});

test("refuses what it cannot take, with a reason: handler's no, handler's failure, slots, drain, a new epoch beside the old", async () => {
  const { double, client } = await connected({
    capabilities: { slots: 1 },
    handlers: {
      onAssign: ({ jobId }) => {
        if (jobId === "bad") return decline({ code: "CONFIG_INVALID", message: "source: missing" });
        if (jobId === "broken") throw new Error("disk full");
        return accept();
      },
    },
  });
  const answer = async (jobId: string, epoch = 1) => {
    const id = double.assign(jobId, { epoch });
    await until(() => double.received.some(({ correlationId }) => correlationId === id), `answer for ${jobId}`);
    const ack = double.received.find(({ correlationId }) => correlationId === id);
    if (ack?.type !== "agent.assign.ack") throw new Error("not an acknowledgement");
    return ack.payload;
  };
  expect(await answer("bad")).toMatchObject({
    accepted: false,
    reason: "source: missing",
    error: { code: "CONFIG_INVALID" },
  });
  expect(await answer("broken")).toMatchObject({ accepted: false, error: { code: "ASSIGN_FAILED" } });
  expect(await answer("good")).toMatchObject({ accepted: true });
  expect(await answer("good", 2)).toMatchObject({ accepted: false, error: { code: "JOB_STILL_RUNNING" } });
  expect(await answer("more")).toMatchObject({ accepted: false, error: { code: "NO_FREE_SLOT" } });
  client.stopped("good", "STOPPED");
  client.setDrain(true);
  expect(await answer("more")).toMatchObject({ accepted: false, error: { code: "AGENT_DRAINING" } });
});

test("nothing about a job goes out before its acknowledgement, however fast it runs and ends", async () => {
  const { double, client } = await connected({
    handlers: {
      onAssign: ({ jobId }) => {
        client.update(jobId, "RUNNING");
        client.stopped(jobId, "FAILED", { error: { code: "FFMPEG_EXITED", message: "gone" } });
        return accept();
      },
    },
  });
  double.assign("job-1");
  await double.next("agent.job.stopped");
  expect(double.received.map(({ type }) => type)).toEqual([
    "agent.hello",
    "agent.assign.ack",
    "agent.job.update",
    "agent.job.stopped",
  ]);
});

test("a stop that overtakes the decision is carried out after it", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { double } = await connected({
    handlers: {
      onAssign: async () => {
        await promise;
        return accept();
      },
    },
  });
  double.assign("job-1");
  double.send("orchestrator.job.stop", { jobId: "job-1" });
  double.send("orchestrator.job.mute", { jobId: "job-1" });
  await double.next("agent.job.mute");
  resolve();
  await double.next("agent.job.stopped", ({ jobId, status }) => jobId === "job-1" && status === "STOPPED");
});

test("an end is sent again after each reconnect until it is settled", async () => {
  const settled: string[] = [];
  const { double, client } = await connected(
    { handlers: { onSettled: ({ jobId }) => void settled.push(jobId) } },
    { settle: false },
  );
  double.assign("job-1", { epoch: 3 });
  await double.next("agent.assign.ack");
  client.update("job-1", "RUNNING");
  client.stopped("job-1", "FAILED", { error: { code: "FFMPEG_EXITED", message: "gone" } });
  await double.next("agent.job.stopped");
  for (let round = 1; round <= 2; round++) {
    const since = double.received.length;
    double.dropAll();
    const hello = await double.next("agent.hello", () => true, { since });
    expect(hello.payload.activeJobs).toEqual([{ jobId: "job-1", epoch: 3, status: "RUNNING" }]);
    const again = await double.next("agent.job.stopped", () => true, { since });
    expect(again.payload).toMatchObject({ jobId: "job-1", epoch: 3, status: "FAILED" });
  }
  double.send("orchestrator.job.settled", { jobId: "job-1", epoch: 2, status: "FAILED" });
  double.send("orchestrator.job.settled", { jobId: "job-1", epoch: 3, status: "PENDING" });
  await until(() => settled.length === 2, "settled");
  const since = double.received.length;
  double.dropAll();
  const hello = await double.next("agent.hello", () => true, { since });
  expect(hello.payload.activeJobs).toEqual([]);
  double.send("orchestrator.job.mute", { jobId: "job-1" });
  await double.next("agent.job.mute", () => true, { since });
  expect(double.received.slice(since).some(({ type }) => type === "agent.job.stopped")).toBe(false);
});

test("an assignment that comes again after its job's end does not start the job again", async () => {
  const { double, client, assigned } = await connected({}, { settle: false });
  double.assign("job-1", { epoch: 3 });
  await double.next("agent.assign.ack");
  client.stopped("job-1", "FAILED");
  await double.next("agent.job.stopped");
  const since = double.received.length;
  double.assign("job-1", { epoch: 3 });
  await double.next("agent.job.stopped", ({ epoch }) => epoch === 3, { since });
  expect(assigned).toHaveLength(1);
  double.assign("job-1", { epoch: 4 });
  await double.next("agent.assign.ack", ({ epoch, accepted }) => epoch === 4 && accepted);
});

test("what was reported while the orchestrator was away comes as one status per job", async () => {
  const first = await OrchestratorDouble.listen();
  const { client } = recordingAgent(first.url);
  cleanups.push(() => client.stop());
  client.start();
  await until(() => client.online, "online");
  first.assign("job-1");
  await first.next("agent.assign.ack");
  const { port } = first;
  await first.close();
  await until(() => !client.online, "offline");
  client.update("job-1", "STARTING");
  for (let frame = 0; frame < 50; frame++) client.update("job-1", "RUNNING", { progress: { frame } });
  client.log("job-1", "info", "said to nobody");
  const second = await OrchestratorDouble.listen({ port });
  cleanups.push(() => second.close());
  await second.next("agent.job.update");
  client.update("job-1", "RUNNING", { progress: { frame: 99 } });
  await second.next("agent.job.update", ({ progress }) => progress?.frame === 99);
  const updates = second.received.filter((message) => message.type === "agent.job.update");
  expect(updates).toHaveLength(2);
  expect(updates[0]?.payload).toMatchObject({ jobId: "job-1", status: "RUNNING", progress: { frame: 49 } });
  expect(count(second, "agent.job.log")).toBe(0);
});

test("commands: carried out, refused by the handler, not supported, too slow, unknown job", async () => {
  const { double } = await connected({
    commandTimeoutMs: 100,
    handlers: {
      onMute: () => {},
      onUnmute: () => {
        throw new CommandError({ code: "NO_SOUND", message: "The source has no sound." });
      },
      onPause: () => new Promise(() => {}),
    },
  });
  double.assign("job-1");
  await double.next("agent.assign.ack");
  const id = double.send("orchestrator.job.mute", { jobId: "job-1" });
  const muted = await double.next("agent.job.mute");
  expect(muted).toMatchObject({ correlationId: id, payload: { jobId: "job-1", success: true } });
  double.send("orchestrator.job.unmute", { jobId: "job-1" });
  expect((await double.next("agent.job.unmute")).payload).toMatchObject({
    success: false,
    error: { code: "NO_SOUND" },
  });
  double.send("orchestrator.job.unpause", { jobId: "job-1" });
  expect((await double.next("agent.job.unpaused")).payload.error?.code).toBe("NOT_SUPPORTED");
  double.send("orchestrator.job.pause", { jobId: "job-1" });
  expect((await double.next("agent.job.paused")).payload.error?.code).toBe("COMMAND_TIMEOUT");
  double.send("orchestrator.job.mute", { jobId: "nobody" });
  expect((await double.next("agent.job.mute", ({ jobId }) => jobId === "nobody")).payload).toMatchObject({
    success: false,
    error: { code: "JOB_NOT_FOUND" },
  });
  double.send("orchestrator.job.stop", { jobId: "nobody" });
  expect((await double.next("agent.job.stopped")).payload).toMatchObject({ jobId: "nobody", status: "STOPPED" });
  double.send("orchestrator.reboot", {});
  expect((await double.next("agent.reboot.ack")).payload).toEqual({ accepted: false });
});

test("stop carries its deadline and reason; kill falls back to a stop with no time", async () => {
  const stops: unknown[] = [];
  const { double } = await connected({ handlers: { onStop: (job, options) => void stops.push([job, options]) } });
  double.assign("job-1");
  await double.next("agent.assign.ack");
  double.send("orchestrator.job.stop", { jobId: "job-1", reason: "operator", deadlineMs: 5000 });
  double.send("orchestrator.job.kill", { jobId: "job-1", reason: "too slow" });
  await until(() => stops.length === 2, "both arrived");
  expect(stops).toEqual([
    [
      { jobId: "job-1", epoch: 1 },
      { reason: "operator", deadlineMs: 5000 },
    ],
    [
      { jobId: "job-1", epoch: 1 },
      { reason: "too slow", deadlineMs: 0 },
    ],
  ]);
});

test("a stop whose handler fails is told to the orchestrator", async () => {
  const { double } = await connected({
    handlers: {
      onStop: () => {
        throw new Error("the encoder does not answer");
      },
    },
  });
  double.assign("job-1");
  await double.next("agent.assign.ack");
  double.send("orchestrator.job.stop", { jobId: "job-1" });
  expect((await double.next("agent.error")).payload).toMatchObject({ code: "STOP_FAILED", jobId: "job-1" });
});

test("jobs taken over from before are in the hello, and an end that came meanwhile is reported", async () => {
  const double = await OrchestratorDouble.listen();
  cleanups.push(() => double.close());
  const { client } = recordingAgent(double.url);
  client.adopt({ jobId: "alive", epoch: 2 }, "RUNNING");
  client.adopt({ jobId: "over", epoch: 5 }, "RUNNING");
  client.stopped("over", "STOPPED");
  cleanups.push(() => client.stop());
  client.start();
  const hello = await double.next("agent.hello");
  expect(hello.payload.activeJob).toEqual({ jobId: "alive", epoch: 2, status: "RUNNING" });
  expect(hello.payload.activeJobs).toHaveLength(2);
  expect((await double.next("agent.job.stopped")).payload).toMatchObject({ jobId: "over", epoch: 5 });
});

test("where the orchestrator reads slowly, progress is dropped and statuses are not", async () => {
  const { double, client } = await connected({ maxBufferedBytes: 0 });
  double.assign("job-1");
  await double.next("agent.assign.ack");
  // Within one turn of the event loop nothing is flushed once the kernel's buffer is full.
  const destinations = Array.from({ length: 64 }, (_, index) => ({
    id: `d${index}`,
    type: "rtmp",
    state: "RETRYING" as const,
    message: "x".repeat(2000),
  }));
  client.update("job-1", "STARTING");
  for (let frame = 1; frame <= 500; frame++) client.update("job-1", "STARTING", { progress: { frame, destinations } });
  client.update("job-1", "RUNNING", { progress: { frame: 501 } });
  client.stopped("job-1", "STOPPED");
  await double.next("agent.job.stopped");
  const updates = double.received.filter((message) => message.type === "agent.job.update");
  expect(updates.length).toBeLessThan(300);
  expect(updates.at(-1)?.payload).toMatchObject({ status: "RUNNING", progress: { frame: 501 } });
});

test("an end is reported in a form that the orchestrator takes, whatever the agent says", async () => {
  const { double, client } = await connected();
  double.assign("job-1");
  await double.next("agent.assign.ack");
  client.stopped("job-1", "FAILED", {
    error: { code: "C".repeat(100), message: "m".repeat(10_000), detail: { exitCode: 1 } },
    progress: { fps: Number.NaN },
  });
  const { payload } = await double.next("agent.job.stopped");
  expect(payload.error).toEqual({ code: "C".repeat(64), message: "m".repeat(4096), detail: { exitCode: 1 } });
  expect(payload.progress).toBeUndefined();
});

test("an orchestrator that knows no settlements gets each end once and nothing is kept", async () => {
  const forgotten: string[] = [];
  const { double, client } = await connected(
    { handlers: { onSettled: ({ jobId }) => void forgotten.push(jobId) } },
    { settle: false, timings: { protocolVersion: undefined } },
  );
  double.assign("job-1");
  await double.next("agent.assign.ack");
  client.stopped("job-1", "STOPPED");
  await double.next("agent.job.stopped");
  const since = double.received.length;
  double.dropAll();
  expect((await double.next("agent.hello", () => true, { since })).payload.activeJobs).toEqual([]);
  expect(forgotten).toEqual(["job-1"]);
});

test("a report about a job that is not running is dropped, not sent", async () => {
  const { double, client }: { double: OrchestratorDouble; client: AgentClient } = await connected();
  client.update("nobody", "RUNNING");
  client.stopped("nobody", "STOPPED");
  double.send("orchestrator.job.mute", { jobId: "nobody" });
  await double.next("agent.job.mute");
  expect(double.received.map(({ type }) => type)).toEqual(["agent.hello", "agent.job.mute"]);
});
