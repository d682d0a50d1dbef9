import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { OrchestratorDouble } from "@stream-control/agent-sdk/testing";
import { endGroup, measured, type TemporaryFolder, temporaryFolder, waitFor } from "@stream-control/test-kit";
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

function agent(env: Record<string, string> = {}) {
  const dirs = { DATA_DIR: base.path, OUTPUT_DIRS: base.file("media") };
  const started = startAgent({ ORCHESTRATOR_URL: double.url, SLOTS: "4", ...dirs, ...env });
  agents.push(started);
  return started;
}
async function jobOf(first: AgentProcess, jobId = "job-1") {
  double.assign(jobId, { epoch: 2, config: { streamUrl: "test:", video: SMALL } });
  const runs = ({ status, progress }: { status: string; progress?: { frame?: number | undefined } | undefined }) =>
    status === "RUNNING" && (progress?.frame ?? 0) > 0;
  await double.next("agent.job.update", runs, LONG);
  first.child.kill("SIGKILL");
  await first.exited;
}

test("an agent that is killed supervises its runner again within two seconds of its next start", async () => {
  const first = agent();
  await double.next("agent.hello", undefined, LONG);
  await jobOf(first);
  const taken: number[] = [];
  for (let round = 0; round < 3; round++) {
    const since = double.received.length;
    const startedAt = performance.now();
    const next = agent();
    const hello = await double.next("agent.hello", () => true, { since, ...LONG });
    expect(hello.payload.activeJobs).toEqual([{ jobId: "job-1", epoch: 2, status: "RUNNING" }]);
    expect(hello.payload.capabilities.videoEncoders).toContain("libx264");
    double.send("orchestrator.job.mute", { jobId: "job-1" });
    const { payload } = await double.next("agent.job.mute", () => true, { since, ...LONG });
    taken.push(performance.now() - startedAt);
    measured("killed or upgraded, and started again within the lease", taken.at(-1) ?? 0);
    expect(payload.success).toBe(true);
    next.child.kill("SIGKILL");
    await next.exited;
  }
  process.stdout.write(`supervised again after ${taken.map((ms) => Math.round(ms)).join(", ")} ms\n`);
  // The best of three: other work on the machine is not what is measured.
  expect(Math.min(...taken)).toBeLessThan(2000);
}, 180_000);

test("an ffmpeg that is gone at a restart costs no running job: only new ones are declined", async () => {
  const first = agent();
  await double.next("agent.hello", undefined, LONG);
  await jobOf(first);
  const since = double.received.length;
  const second = agent({ FFMPEG_PATH: base.file("no-ffmpeg") });
  await double.next("agent.hello", ({ activeJobs }) => activeJobs?.length === 1, { since, ...LONG });
  await waitFor(() => second.output().includes("jobs are declined"), { what: "the missing ffmpeg is said" });
  const assignedAt = performance.now();
  double.assign("job-2", { config: { streamUrl: "test:" } });
  const ack = await double.next("agent.assign.ack", ({ jobId }) => jobId === "job-2", { since });
  measured("its ffmpeg is gone at a restart", { from: assignedAt, to: performance.now() });
  expect(ack.payload).toMatchObject({ accepted: false, error: { code: "FFMPEG_UNAVAILABLE" } });
  expect(ack.payload.reason).toContain("ffmpeg was not found: install it");
  double.send("orchestrator.job.stop", { jobId: "job-1" });
  const end = await double.next("agent.job.stopped", ({ jobId }) => jobId === "job-1", { since, ...LONG });
  expect(end.payload.status).toBe("STOPPED");
}, 120_000);

test("two agents on one data folder: the second does not start and says why; a read-only folder only declines", async () => {
  const first = agent();
  await double.next("agent.hello", undefined, LONG);
  const second = agent();
  expect(await second.exited).toBe(78);
  expect(second.output()).toBe(
    `DATA_DIR ${base.path} is in use by another agent (process ${first.child.pid}). Stop that one, or give this one a DATA_DIR of its own.\n`,
  );
  const readOnly = agent({ DATA_DIR: "/sys/kernel", AGENT_ID: "read-only" });
  await double.next("agent.hello", ({ agentId }) => agentId === "read-only", LONG);
  await waitFor(() => readOnly.output().includes("The agent's data folder"), { what: "the problem is said" });
  const expiresAt = new Date(Date.now() + 30_000).toISOString();
  const config = { streamUrl: "test:", outputPath: "a.mp4" };
  const job = { jobId: "job-1", idempotencyKey: null, config, expiresAt, metadata: {}, epoch: 1 };
  double.send("orchestrator.assign.start", job, "read-only");
  const ack = await double.next("agent.assign.ack", ({ jobId }) => jobId === "job-1", LONG);
  expect(ack.payload).toMatchObject({ accepted: false, error: { code: "DATA_DIR_NOT_WRITABLE" } });
  readOnly.child.kill("SIGTERM");
  expect(await readOnly.exited).toBe(0);
}, 120_000);

test("a reboot between two agents is known by the system's own mark", async () => {
  const first = agent();
  await double.next("agent.hello", undefined, LONG);
  await jobOf(first);
  const [pid = 0] = await runnerPids(base.path);
  const [folder = ""] = await readdir(join(base.path, "runners"));
  const mark = join(base.path, "runners", folder, "boot-id");
  expect(await readFile(mark, "utf8")).toBe(await readFile("/proc/sys/kernel/random/boot_id", "utf8"));
  await writeFile(mark, "00000000-0000-0000-0000-000000000000\n");
  const since = double.received.length;
  agent();
  const end = await double.next("agent.job.stopped", () => true, { since, ...LONG });
  expect(end.payload).toMatchObject({ jobId: "job-1", epoch: 2, status: "FAILED", error: { code: "RUNNER_LOST" } });
  process.kill(-pid, "SIGKILL");
}, 120_000);
