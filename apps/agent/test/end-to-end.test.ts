import { access, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { OrchestratorDouble } from "@stream-control/agent-sdk/testing";
import {
  endGroup,
  ffprobe,
  isRunning,
  streamOf,
  type TemporaryFolder,
  temporaryFolder,
  videoPackets,
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
  double = await OrchestratorDouble.listen();
});
afterEach(async () => {
  for (const { child } of agents) child.kill("SIGKILL");
  await Promise.all(agents.map(({ exited }) => exited));
  for (const pid of await runnerPids(base.path)) endGroup(pid);
  await double.close();
  await base.remove();
});

async function agent(env: Record<string, string> = {}) {
  const since = double.received.length;
  const dirs = { DATA_DIR: base.path, OUTPUT_DIRS: base.file("media") };
  const started = startAgent({ ORCHESTRATOR_URL: double.url, SLOTS: "2", ...dirs, ...env });
  agents.push(started);
  const { payload: hello } = await double.next("agent.hello", () => true, { since, ...LONG });
  return { ...started, hello, since };
}

const hasRun = (jobId: string, frames: number, since = 0) =>
  double.next(
    "agent.job.update",
    (payload) => payload.jobId === jobId && payload.status === "RUNNING" && (payload.progress?.frame ?? 0) >= frames,
    { since, ...LONG },
  );
const hasEnded = (jobId: string, since = 0) =>
  double.next("agent.job.stopped", (payload) => payload.jobId === jobId, { since, ...LONG });

test("a test picture is recorded, muted, stopped, and the file plays", async () => {
  await agent();
  const config = { streamUrl: "test:", outputPath: "out.mp4", video: SMALL };
  double.assign("job-1", { config });
  expect((await double.next("agent.assign.ack", undefined, LONG)).payload.accepted).toBe(true);
  const { payload } = await hasRun("job-1", 15);
  expect(payload.progress?.destinations).toMatchObject([{ type: "file" }]);
  double.send("orchestrator.job.mute", { jobId: "job-1" });
  expect((await double.next("agent.job.mute", undefined, LONG)).payload).toEqual({ jobId: "job-1", success: true });
  double.send("orchestrator.job.unmute", { jobId: "job-1" });
  expect((await double.next("agent.job.unmute", undefined, LONG)).payload.success).toBe(true);
  double.send("orchestrator.job.stop", { jobId: "job-1", deadlineMs: 10_000 });
  const end = await hasEnded("job-1");
  expect(end.payload).toMatchObject({ status: "STOPPED", epoch: 1 });
  const media = await ffprobe(base.file("media", "out.mp4"));
  expect(streamOf(media, "video")).toMatchObject({ codec_name: "h264", width: 320, height: 180 });
  expect(streamOf(media, "audio").codec_name).toBe("aac");
  expect(Number(media.format.duration)).toBeGreaterThan(0.9);
  await waitFor(async () => (await runnerPids(base.path)).length === 0, { what: "the job's folder is gone" });
}, 120_000);

test("what goes out is sent over a socket of its own while somebody watches, until the job ends", async () => {
  const { hello } = await agent();
  expect(hello.capabilities.features).toContain("preview");
  double.assign("job-1", { config: { source: { type: "test" }, video: SMALL } });
  await hasRun("job-1", 15);
  double.send("orchestrator.job.preview", { jobId: "job-1", commandId: "c1", ticket: "t1" });
  expect((await double.next("agent.job.command.ack", undefined, LONG)).payload).toMatchObject({ success: true });
  const [preview] = double.previews;
  const bytes = () => Buffer.concat(preview?.frames.map(({ data }) => data) ?? []);
  await waitFor(() => bytes().length > 60_000 || undefined);
  await writeFile(base.file("seen.ts"), bytes());
  expect(streamOf(await ffprobe(base.file("seen.ts")), "audio").codec_name).toBe("aac");
  expect((await videoPackets(base.file("seen.ts")))[0]).toMatchObject({ key: true });
  double.send("orchestrator.job.stop", { jobId: "job-1", deadlineMs: 10_000 });
  expect(await preview?.closed).toEqual({ code: 1000, reason: "the stream has ended" });
  await hasEnded("job-1");
  const ended = { jobId: "job-1", commandId: "c2", ticket: "t2" };
  double.send("orchestrator.job.preview", ended);
  const { payload } = await double.next("agent.job.command.ack", ({ commandId }) => commandId === "c2", LONG);
  expect(payload).toMatchObject({ success: false, error: { code: "JOB_NOT_FOUND" } });
}, 120_000);

test("with PREVIEWS=false nobody watches", async () => {
  const { hello } = await agent({ PREVIEWS: "false" });
  expect(hello.capabilities.features).toEqual(expect.not.arrayContaining(["preview"]));
});

test("an agent that is killed and started again goes on with the same runner", async () => {
  const first = await agent();
  double.assign("job-1", { epoch: 4, config: { streamUrl: "test:", video: SMALL } });
  await hasRun("job-1", 1);
  const [pid = 0] = await runnerPids(base.path);
  first.child.kill("SIGKILL");
  await first.exited;
  expect(await isRunning(pid)).toBe(true);

  const second = await agent();
  expect(second.hello.agentId).toBe(first.hello.agentId);
  expect(second.hello.activeJobs).toEqual([{ jobId: "job-1", epoch: 4, status: "RUNNING" }]);
  const { since } = second;
  await hasRun("job-1", 1, since);
  expect(await runnerPids(base.path)).toEqual([pid]);
  double.send("orchestrator.job.mute", { jobId: "job-1" });
  expect((await double.next("agent.job.mute", undefined, { since, ...LONG })).payload.success).toBe(true);
  double.send("orchestrator.job.stop", { jobId: "job-1" });
  expect((await hasEnded("job-1", since)).payload).toMatchObject({ status: "STOPPED", epoch: 4 });
  await waitFor(async () => !(await isRunning(pid)), { what: "the runner is gone" });
  await access(join(base.file("media"), "job-1", "index.m3u8"));
}, 120_000);

test("a config that cannot run is declined with every mistake; nothing is started", async () => {
  await agent();
  double.assign("job-1", { config: { streamUrl: "test:", outputPath: "/etc/x.mp4", video: { width: 333 } } });
  const ack = await double.next("agent.assign.ack", undefined, LONG);
  expect(ack.payload).toMatchObject({
    accepted: false,
    error: { code: "CONFIG_INVALID", detail: { fault: "config" } },
  });
  expect(ack.payload.reason).toContain("video.width: must be even");
  double.assign("job-2", { config: { streamUrl: "test:", outputPath: "/etc/x.mp4" } });
  const second = await double.next("agent.assign.ack", ({ jobId }) => jobId === "job-2", LONG);
  expect(second.payload.reason).toContain("destinations.0.path: must lie below");
  expect(await runnerPids(base.path)).toEqual([]);
}, 60_000);

test("with STOP_JOBS_ON_EXIT a signal ends the jobs gracefully, and the file plays", async () => {
  const { child, exited } = await agent({ STOP_JOBS_ON_EXIT: "true" });
  double.assign("job-1", { config: { streamUrl: "test:", outputFormat: "mp4", video: SMALL } });
  await hasRun("job-1", 15);
  const [pid = 0] = await runnerPids(base.path);
  child.kill("SIGTERM");
  expect(await exited).toBe(0);
  expect(await isRunning(pid)).toBe(false);
  expect((await hasEnded("job-1")).payload.status).toBe("STOPPED");
  expect(streamOf(await ffprobe(base.file("media", "job-1.mp4")), "video").codec_name).toBe("h264");
}, 120_000);

test("with STOP_JOBS_ON_EXIT a second signal ends agent and jobs at once", async () => {
  const { child, exited, output } = await agent({ STOP_JOBS_ON_EXIT: "true" });
  double.assign("job-1", { config: { streamUrl: "test:", video: SMALL } });
  await hasRun("job-1", 1);
  const [pid = 0] = await runnerPids(base.path);
  // Held, so that the graceful stop cannot be over before the second signal.
  process.kill(pid, "SIGSTOP");
  child.kill("SIGINT");
  await waitFor(() => output().includes('"msg":"stopping"'), { what: "the first signal is taken" });
  child.kill("SIGINT");
  expect(await exited).toBe(130);
  await waitFor(async () => !(await isRunning(pid)), { what: "the runner is gone" });
}, 120_000);
