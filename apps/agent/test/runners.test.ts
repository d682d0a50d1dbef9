import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { OrchestratorDouble } from "@stream-control/agent-sdk/testing";
import { isRunning, measured, type TemporaryFolder, waitFor } from "@stream-control/test-kit";
import { AgentKit, type StartOptions } from "./agent-kit.js";

let kit: AgentKit;
let double: OrchestratorDouble;
let base: TemporaryFolder;
beforeEach(async () => {
  kit = await AgentKit.open();
  ({ double, base } = kit);
});
afterEach(() => kit.close());

const runnersDir = () => kit.runnersDir;
const folders = () => kit.folders();
const runnerPids = () => kit.runnerPids();
const started = (options: StartOptions = {}) => kit.started(options);
const running = (jobId: string, epoch = 1) => kit.running(jobId, { epoch });

test("a job runs in a detached process with a bare environment, and its folder goes when it is settled", async () => {
  double.settle = false;
  await started();
  const pid = await running("good-1");
  const [name = ""] = await folders();
  const folder = join(runnersDir(), name);
  expect((await stat(folder)).mode & 0o777).toBe(0o700);
  expect((await stat(join(folder, "spec.json"))).mode & 0o777).toBe(0o600);
  const line = await double.next("agent.job.log", ({ jobId }) => jobId === "good-1");
  expect(line.payload.message).toBe(`in ${folder} with ONLY`);
  const msgId = double.send("orchestrator.job.mute", { jobId: "good-1" });
  expect(await double.next("agent.job.mute")).toMatchObject({ correlationId: msgId, payload: { success: true } });
  double.send("orchestrator.job.stop", { jobId: "good-1" });
  const end = await double.next("agent.job.stopped");
  expect(end.payload).toMatchObject({ status: "STOPPED", epoch: 1, progress: { frame: expect.any(Number) } });
  expect(await folders()).toHaveLength(1);
  double.send("orchestrator.job.settled", { jobId: "good-1", epoch: 1, status: "STOPPED" });
  await waitFor(async () => (await folders()).length === 0, { what: "the folder is gone" });
  expect(await isRunning(pid)).toBe(false);
});

test("progress goes out about once a second, however often the runner tells it", async () => {
  await started();
  await running("good-1");
  const from = performance.now();
  await double.next("agent.job.update", ({ progress }) => (progress?.frame ?? 0) > 2500);
  const seconds = (performance.now() - from) / 1000;
  const updates = double.received.filter(({ type }) => type === "agent.job.update");
  expect(updates.length).toBeLessThanOrEqual(seconds + 5);
});

test("a runner that is killed costs its job, with a reason, and leaves no process behind", async () => {
  await started();
  await running("crash-1");
  const killedAt = performance.now();
  double.send("orchestrator.job.mute", { jobId: "crash-1" });
  const end = await double.next("agent.job.stopped");
  measured("the runner is killed", { from: killedAt, to: performance.now() });
  expect(end.payload).toMatchObject({
    status: "FAILED",
    error: { code: "RUNNER_LOST", detail: { fault: "agent", signal: "SIGKILL" } },
  });
  expect((await double.next("agent.job.mute")).payload).toMatchObject({
    success: false,
    error: { code: "JOB_NOT_RUNNING" },
  });
  const left = Number(await readFile(join(base.path, "left-behind"), "utf8"));
  await waitFor(async () => !(await isRunning(left)), { what: "the child of the runner is gone" });
});

test("a runner that ignores a stop is ended by force after the grace times", async () => {
  await started();
  const pid = await running("deaf-1");
  double.send("orchestrator.job.stop", { jobId: "deaf-1" });
  const end = await double.next("agent.job.stopped");
  expect(end.payload).toMatchObject({ status: "STOPPED", error: { message: expect.stringContaining("by force") } });
  expect(await isRunning(pid)).toBe(false);
});

test("a kill ends even a runner that ignores it", async () => {
  await started();
  const pid = await running("deaf-1");
  double.send("orchestrator.job.kill", { jobId: "deaf-1" });
  const end = await double.next("agent.job.stopped");
  expect(end.payload.status).toBe("STOPPED");
  expect(await isRunning(pid)).toBe(false);
});

test("a runner that never listens is given up", async () => {
  await started();
  double.assign("silent-1", { config: { streamUrl: "test:" } });
  const end = await double.next("agent.job.stopped");
  expect(end.payload).toMatchObject({ status: "FAILED", error: { code: "RUNNER_LOST" } });
});

test("a refused mute carries the runner's reason; a bad config is declined without a process", async () => {
  await started();
  await running("refuse-1");
  double.send("orchestrator.job.mute", { jobId: "refuse-1" });
  expect((await double.next("agent.job.mute")).payload).toMatchObject({
    success: false,
    error: { code: "NO_SOUND", message: "There is no sound." },
  });
  double.assign("bad-1", { config: { streamUrl: "test:", outputPath: "/etc/x.mp4", quality: "huge" } });
  const ack = await double.next("agent.assign.ack", ({ jobId }) => jobId === "bad-1");
  expect(ack.payload).toMatchObject({ accepted: false, error: { code: "CONFIG_INVALID" } });
  expect(ack.payload.reason).toContain("quality");
  expect(await folders()).toHaveLength(1);
});

test("a new agent takes the running jobs over, and reports what ended or died meanwhile", async () => {
  double.settle = false;
  const first = await started();
  const alive = await running("good-1", 3);
  const dead = await running("good-2");
  await first.agent.stop();
  expect(await isRunning(alive)).toBe(true);
  process.kill(-dead, "SIGKILL");
  const startedAt = performance.now();
  const second = await started();
  expect(second.hello.activeJobs).toContainEqual({ jobId: "good-1", epoch: 3, status: "RUNNING" });
  const { since } = second;
  const lost = await double.next("agent.job.stopped", ({ jobId }) => jobId === "good-2", { since });
  expect(lost.payload).toMatchObject({ status: "FAILED", epoch: 1, error: { code: "RUNNER_LOST" } });
  await double.next("agent.job.update", ({ jobId, progress }) => jobId === "good-1" && progress !== undefined, {
    since,
  });
  measured("the agent dies while the orchestrator is away", { from: startedAt, to: performance.now() });
  expect(await runnerPids()).toContain(alive);
  double.send("orchestrator.job.stop", { jobId: "good-1" });
  await double.next("agent.job.stopped", ({ jobId, status }) => jobId === "good-1" && status === "STOPPED", { since });
  // Neither end is settled yet: a third agent reports both again.
  await second.agent.stop();
  const third = await started();
  for (const jobId of ["good-1", "good-2"])
    await double.next("agent.job.stopped", (payload) => payload.jobId === jobId, { since: third.since });
});

test("folders that make no sense are removed and disturb nobody", async () => {
  for (const [name, spec] of Object.entries({ empty: undefined, broken: "{", other: '{"jobId":1}' })) {
    await mkdir(join(runnersDir(), name), { recursive: true });
    if (spec !== undefined) await writeFile(join(runnersDir(), name, "spec.json"), spec);
    // A number that another process has taken since.
    await writeFile(join(runnersDir(), name, "pid"), `${process.pid}\n`);
  }
  await writeFile(join(runnersDir(), "a-file"), "");
  const { hello } = await started();
  expect(hello.activeJobs).toEqual([]);
  expect(await folders()).toEqual(["a-file"]);
});

test("with stopJobsOnExit the jobs end before the agent does, gracefully and by force", async () => {
  const { agent } = await started({ stopJobsOnExit: true });
  const pids = [await running("good-1"), await running("deaf-1")];
  await agent.stop();
  for (const pid of await runnerPids()) expect(await isRunning(pid)).toBe(false);
  for (const pid of pids) expect(await isRunning(pid)).toBe(false);
  await double.next("agent.job.stopped", ({ jobId }) => jobId === "good-1");
  await double.next("agent.job.stopped", ({ jobId }) => jobId === "deaf-1");
});

test("a data folder with a long path has its sockets elsewhere, in a private folder", async () => {
  await started({ runnersDir: join(base.path, "x".repeat(100), "runners") });
  double.assign("good-1", { config: { streamUrl: "test:" } });
  await double.next("agent.job.update", ({ status }) => status === "RUNNING");
  const folder = (await readdir(base.path)).find((name) => name.startsWith("stream-control-")) ?? "";
  expect((await stat(join(base.path, folder))).mode & 0o777).toBe(0o700);
  double.send("orchestrator.job.stop", { jobId: "good-1" });
  await double.next("agent.job.stopped");
  await waitFor(async () => (await readdir(join(base.path, folder))).length === 0, { what: "the socket is gone" });
});

test("a job that ends by itself at once is reported after its acknowledgement", async () => {
  await started();
  double.assign("short-1", { config: { streamUrl: "test:" } });
  const end = await double.next("agent.job.stopped");
  expect(end.payload).toMatchObject({ status: "FAILED", error: { code: "FFMPEG_EXITED" } });
  const types = double.received.map(({ type }) => type).filter((type) => type !== "agent.job.log");
  expect(types.indexOf("agent.assign.ack")).toBeLessThan(types.indexOf("agent.job.stopped"));
});
