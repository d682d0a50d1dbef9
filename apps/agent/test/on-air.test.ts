import { access } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { OrchestratorDouble } from "@stream-control/agent-sdk/testing";
import {
  endGroup,
  ffprobe,
  isRunning,
  streamOf,
  type TemporaryFolder,
  temporaryFolder,
  waitFor,
} from "@stream-control/test-kit";
import { type AgentProcess, runnerPids, startAgent } from "./agent-process.js";

const SMALL = { width: 320, height: 180, fps: 15, bitrateKbps: 200, preset: "ultrafast" };
const LONG = { timeoutMs: 60_000 };

let base: TemporaryFolder;
let double: OrchestratorDouble;
let agents: AgentProcess[];
beforeEach(async () => {
  agents = [];
  base = await temporaryFolder();
  double = await OrchestratorDouble.listen({ timings: { heartbeatIntervalMs: 200 } });
});
afterEach(async () => {
  for (const { child } of agents) child.kill("SIGKILL");
  await Promise.all(agents.map(({ exited }) => exited));
  for (const pid of await runnerPids(base.path)) endGroup(pid);
  await double.close();
  await base.remove();
});

async function agent() {
  const dirs = { DATA_DIR: base.path, OUTPUT_DIRS: base.file("media") };
  const started = startAgent({ ORCHESTRATOR_URL: double.url, SLOTS: "2", ...dirs });
  agents.push(started);
  await double.next("agent.hello", () => true, LONG);
  return started;
}
const hasRun = (jobId: string) =>
  double.next(
    "agent.job.update",
    (payload) => payload.jobId === jobId && payload.status === "RUNNING" && (payload.progress?.frame ?? 0) > 0,
    LONG,
  );
const onAir = (what: string, since: number) =>
  double.next("agent.job.update", ({ progress }) => progress?.onAir === what, { since, ...LONG });

test("a live stream is paused, gets another destination and another input, and every file plays", async () => {
  await agent();
  double.assign("job-1", { config: { streamUrl: "test:", outputPath: "a.mkv", video: SMALL } });
  await hasRun("job-1");
  let since = double.received.length;
  double.send("orchestrator.job.pause", { jobId: "job-1" });
  expect((await double.next("agent.job.paused", undefined, LONG)).payload).toEqual({ jobId: "job-1", success: true });
  await onAir("paused", since);
  since = double.received.length;
  double.send("orchestrator.job.unpause", { jobId: "job-1" });
  expect((await double.next("agent.job.unpaused", undefined, LONG)).payload.success).toBe(true);
  await onAir("program", since);

  const answer = async (commandId: string) => {
    const ack = await double.next("agent.job.command.ack", (payload) => payload.commandId === commandId, LONG);
    return ack.payload;
  };
  const destination = { type: "file", id: "copy", path: "b.mkv" } as const;
  double.send("orchestrator.job.destination.add", { jobId: "job-1", commandId: "1", destination });
  expect(await answer("1")).toMatchObject({ success: true });
  const source = { type: "test", pattern: "smptebars", toneHz: 440 } as const;
  double.send("orchestrator.job.input.switch", { jobId: "job-1", commandId: "2", source });
  expect(await answer("2")).toMatchObject({ success: true });
  await waitFor(
    () =>
      access(base.file("media", "b.mkv")).then(
        () => true,
        () => false,
      ),
    { what: "the copy is there" },
  );
  double.send("orchestrator.job.destination.remove", { jobId: "job-1", commandId: "3", destinationId: "copy" });
  expect(await answer("3")).toMatchObject({ success: true });
  double.send("orchestrator.job.stop", { jobId: "job-1" });
  const end = await double.next("agent.job.stopped", undefined, LONG);
  expect(end.payload.status).toBe("STOPPED");
  expect(streamOf(await ffprobe(base.file("media", "a.mkv")), "video").codec_name).toBe("h264");
  const events = double.received.filter((message) => message.type === "agent.job.event");
  const types = events.map(({ payload }) => payload.type);
  expect(types.indexOf("stream.destination_added")).toBeLessThan(types.indexOf("stream.destination_removed"));
  expect(types).toContain("stream.destination_added");
}, 120_000);

test("a fenced job ends in time though its agent is frozen; one that may continue goes on", async () => {
  const first = await agent();
  double.assign("fenced", { leaseMs: 4000, onDisconnect: "fence", config: { streamUrl: "test:", video: SMALL } });
  await hasRun("fenced");
  const [fenced = 0] = await runnerPids(base.path);
  double.assign("free", { onDisconnect: "continue", config: { streamUrl: "test:", video: SMALL } });
  await hasRun("free");
  const free = (await runnerPids(base.path)).find((pid) => pid !== fenced) ?? 0;
  first.child.kill("SIGSTOP");
  const frozenAt = performance.now();
  await waitFor(async () => !(await isRunning(fenced)), { what: "the fenced job has ended" });
  expect(performance.now() - frozenAt).toBeLessThan(8000);
  expect(await isRunning(free)).toBe(true);
  first.child.kill("SIGCONT");
  const end = await double.next("agent.job.stopped", undefined, LONG);
  expect(end.payload).toMatchObject({ jobId: "fenced", status: "FAILED", error: { code: "LEASE_EXPIRED" } });
}, 120_000);
