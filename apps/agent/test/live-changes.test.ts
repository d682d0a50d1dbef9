import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { OrchestratorDouble } from "@stream-control/agent-sdk/testing";
import type { Destination, Source } from "@stream-control/protocol";
import { measured } from "@stream-control/test-kit";
import { AgentKit } from "./agent-kit.js";

let kit: AgentKit;
let double: OrchestratorDouble;
beforeEach(async () => {
  kit = await AgentKit.open();
  ({ double } = kit);
});
afterEach(() => kit.close());

const told = async (type: string) => (await kit.commands()).filter((command) => command.type === type);

test("a job is paused and goes on, and may start paused", async () => {
  await kit.started();
  await kit.running("good-1");
  const pause = double.send("orchestrator.job.pause", { jobId: "good-1" });
  expect(await double.next("agent.job.paused")).toMatchObject({ correlationId: pause, payload: { success: true } });
  const unpause = double.send("orchestrator.job.unpause", { jobId: "good-1" });
  expect(await double.next("agent.job.unpaused")).toMatchObject({ correlationId: unpause, payload: { success: true } });
  expect((await told("pause")).map(({ paused }) => paused)).toEqual([true, false]);
  const event = await double.next("agent.job.event", ({ type }) => type === "stream.unpaused");
  expect(event.payload).toMatchObject({ jobId: "good-1", epoch: 1, data: { paused: false } });
  await kit.running("good-2", { streamMetadata: { isPaused: true } });
  double.send("orchestrator.job.pause", { jobId: "good-2" });
  await double.next("agent.job.paused", ({ jobId }) => jobId === "good-2");
});

test("destinations and inputs of a live job are checked like those of a config before the runner sees them", async () => {
  await kit.started();
  await kit.running("good-1", { config: { streamUrl: "test:", outputPath: "a.mp4" } });
  await writeFile(join(kit.media, "there.mp4"), "");
  let number = 0;
  const answer = async (commandId: string) =>
    (await double.next("agent.job.command.ack", (payload) => payload.commandId === commandId)).payload;
  const add = (destination: Destination, commandId = `c${number++}`) => {
    double.send("orchestrator.job.destination.add", { jobId: "good-1", commandId, destination });
    return answer(commandId);
  };
  const switchTo = (source: Source | null, commandId = `c${number++}`) => {
    double.send("orchestrator.job.input.switch", { jobId: "good-1", commandId, source });
    return answer(commandId);
  };
  const refusals: [Promise<{ success: boolean; error?: { message: string } | undefined }>, string][] = [
    [add({ type: "srt", url: "srt://h:1", latencyMs: 200 }), "destination: the protocol srt is not allowed"],
    [add({ type: "file", path: "/etc/x.mp4" }), "destination.path: must lie below"],
    [add({ type: "file", path: "../x.mp4" }), "destination.path: must lie below"],
    [add({ type: "file", path: "a.mp4" }), "destination.path: another destination writes there too"],
    [add({ type: "hls", path: "there.mp4", segmentSeconds: 2, listSize: 6 }), "destination.path: is a file"],
    [switchTo({ type: "file", path: "/etc/passwd", loop: false }), "source.path: must lie below"],
    [switchTo({ type: "file", path: "missing.mp4", loop: false }), "source.path: there is no such file"],
    [switchTo({ type: "srt", url: "srt://h:1", listen: false, latencyMs: 200 }), "source: the protocol srt is not"],
  ];
  for (const [answered, part] of refusals) {
    const { success, error } = await answered;
    expect(success).toBe(false);
    expect(error?.message).toContain(part);
  }
  expect(await kit.commands()).toEqual([]);

  expect((await add({ type: "file", id: "copy", path: "x/b.mkv" }, "once")).success).toBe(true);
  expect((await add({ type: "file", path: "x/b.mkv" })).error?.message).toContain(
    "another destination writes there too",
  );
  expect((await add({ type: "file", id: "copy", path: "x/b.mkv" }, "once")).success).toBe(true);
  double.send("orchestrator.job.destination.remove", { jobId: "good-1", commandId: "r", destinationId: "copy" });
  expect((await answer("r")).success).toBe(true);
  expect((await add({ type: "file", path: "x/b.mkv" })).success).toBe(true);
  expect((await switchTo({ type: "file", path: "there.mp4", loop: true })).success).toBe(true);
  expect((await switchTo(null)).success).toBe(true);
  const added = await told("destination.add");
  expect(added.map(({ destination }) => destination)).toEqual([
    { type: "file", id: "copy", path: join(kit.media, "x/b.mkv"), format: "mkv" },
    { type: "file", path: join(kit.media, "x/b.mkv"), format: "mkv" },
  ]);
  expect((await told("input.switch")).map(({ source }) => source)).toEqual([
    { type: "file", path: join(kit.media, "there.mp4"), loop: true },
    null,
  ]);
});

test("slates and backups are read below the input folders only, and by the allowed protocols", async () => {
  await kit.started();
  double.assign("bad-1", {
    config: {
      source: { type: "test" },
      destinations: [],
      sourceLoss: { backup: { type: "srt", url: "srt://h:1" }, slate: { kind: "image", path: "/etc/passwd" } },
      pause: { slate: { kind: "video", path: "missing.mp4" } },
    },
  });
  const { payload } = await double.next("agent.assign.ack");
  expect(payload.reason).toContain("sourceLoss.backup: the protocol srt is not allowed");
  expect(payload.reason).toContain("sourceLoss.slate.path: must lie below");
  expect(payload.reason).toContain("pause.slate.path: there is no such file");
});

test("what happened to a job while the orchestrator was away is told afterwards, before the job's end", async () => {
  await kit.started({ connection: { reconnect: { spreadMs: 1500, random: () => 0.99 } } });
  const pid = await kit.running("good-1");
  double.send("orchestrator.job.pause", { jobId: "good-1" });
  await double.next("agent.job.event");
  const since = double.received.length;
  double.dropAll();
  // The runner pauses, which it tells, and ends by itself meanwhile.
  process.kill(pid, "SIGUSR2");
  await double.next("agent.hello", () => true, { since });
  const backAt = performance.now();
  await double.next("agent.job.stopped", ({ jobId }) => jobId === "good-1", { since });
  measured("away for longer than the lease; the job stays", { from: backAt, to: performance.now() });
  const messages = double.received.slice(since).filter(({ type }) => type !== "agent.heartbeat");
  const order = messages.map((message) => (message.type === "agent.job.event" ? message.payload.type : message.type));
  expect(order.slice(-4)).toEqual([
    "stream.source_lost",
    "stream.source_back",
    "stream.source_lost",
    "agent.job.stopped",
  ]);
});
