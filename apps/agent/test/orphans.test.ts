import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { OrchestratorDouble } from "@stream-control/agent-sdk/testing";
import { isRunning, measured, waitFor } from "@stream-control/test-kit";
import { AgentKit } from "./agent-kit.js";

let kit: AgentKit;
let double: OrchestratorDouble;
beforeEach(async () => {
  kit = await AgentKit.open();
  ({ double } = kit);
});
afterEach(() => kit.close());

const LOST = { status: "FAILED", error: { code: "RUNNER_LOST", detail: { fault: "agent" } } };
const theFolder = async () => join(kit.runnersDir, (await kit.folders())[0] ?? "");

test("after a reboot no runner of before is believed, even where its number and its name are in use", async () => {
  const first = await kit.started({ bootId: async () => "boot-1" });
  const pid = await kit.running("good-1", { epoch: 5 });
  const folder = await theFolder();
  expect(await readFile(join(folder, "boot-id"), "utf8")).toBe("boot-1\n");
  await first.agent.stop();
  const startedAt = performance.now();
  const { since } = await kit.started({ bootId: async () => "boot-2" });
  const end = await double.next("agent.job.stopped", () => true, { since });
  expect(end.payload).toMatchObject({ jobId: "good-1", epoch: 5, ...LOST });
  const toldAt = performance.now();
  expect(toldAt - startedAt).toBeLessThan(2500);
  measured("the machine comes back from a reboot", { from: startedAt, to: toldAt });
  // Nothing that only looks like ours is touched.
  expect(await isRunning(pid)).toBe(true);
  process.kill(-pid, "SIGKILL");
});

test("an end that was written before the reboot is believed", async () => {
  const first = await kit.started({ bootId: async () => "boot-1" });
  const pid = await kit.running("good-1");
  await first.agent.stop();
  const folder = await theFolder();
  const result = { status: "STOPPED", endedAt: new Date().toISOString() };
  process.kill(-pid, "SIGKILL");
  await writeFile(join(folder, "result.json"), JSON.stringify(result));
  const { since } = await kit.started({ bootId: async () => "boot-2" });
  expect((await double.next("agent.job.stopped", () => true, { since })).payload.status).toBe("STOPPED");
});

test("a number that another program has by now is no runner, and that program is left alone", async () => {
  const first = await kit.started();
  const pid = await kit.running("good-1", { epoch: 2 });
  await first.agent.stop();
  process.kill(-pid, "SIGKILL");
  const stranger = spawn("sleep", ["600"], { detached: true, stdio: "ignore" });
  await once(stranger, "spawn");
  await writeFile(join(await theFolder(), "pid"), `${stranger.pid}\n`);
  const { since } = await kit.started();
  const end = await double.next("agent.job.stopped", () => true, { since });
  expect(end.payload).toMatchObject({ epoch: 2, ...LOST });
  await waitFor(async () => (await kit.folders()).length === 0, { what: "the folder is gone" });
  expect(stranger.exitCode).toBeNull();
  stranger.kill("SIGKILL");
  await once(stranger, "close");
});

test("a job found again that is not this agent's any more ends, and its folder goes, though nobody settles it", async () => {
  double.settle = false;
  const first = await kit.started();
  const pid = await kit.running("good-1", { epoch: 2 });
  await first.agent.stop();
  const startedAt = performance.now();
  const { since } = await kit.started();
  double.send("orchestrator.job.stop", { jobId: "good-1", reason: "NOT_YOURS", deadlineMs: 0 });
  await double.next("agent.job.stopped", ({ epoch }) => epoch === 2, { since });
  measured("it comes back while its job runs elsewhere, or has ended", { from: startedAt, to: performance.now() });
  await waitFor(async () => (await kit.folders()).length === 0, { what: "the folder is gone" });
  expect(await isRunning(pid)).toBe(false);
});

test("a job that is not this agent's any more ends even where its runner does not listen to a stop", async () => {
  double.settle = false;
  const first = await kit.started();
  const pid = await kit.running("deaf-1");
  await first.agent.stop();
  await kit.started();
  double.send("orchestrator.job.stop", { jobId: "deaf-1", reason: "NOT_YOURS", deadlineMs: 0 });
  await waitFor(async () => (await kit.folders()).length === 0, { what: "the folder is gone" });
  expect(await isRunning(pid)).toBe(false);
});

test("where the data folder can't be written to, a job is declined with the reason and the others go on", async () => {
  const { agent } = await kit.started();
  await kit.running("good-1");
  const blocked = await kit.started({
    runnersDir: join(kit.base.file("blocker"), "runners"),
    connection: { agentId: "agent-2" },
  });
  await writeFile(kit.base.file("blocker"), "");
  const assignedAt = performance.now();
  double.send("orchestrator.assign.start", assignment("good-2"), "agent-2");
  const ack = await double.next("agent.assign.ack", ({ jobId }) => jobId === "good-2", { since: blocked.since });
  measured("the agent's data folder is read-only", { from: assignedAt, to: performance.now() }, { until: "no" });
  expect(ack.payload).toMatchObject({
    accepted: false,
    error: {
      code: "DATA_DIR_NOT_WRITABLE",
      message: "The agent's data folder lies below something that is no folder (ENOTDIR).",
    },
  });
  await rm(kit.base.file("blocker"));
  const freedAt = performance.now();
  double.send("orchestrator.assign.start", assignment("good-3"), "agent-2");
  await double.next("agent.assign.ack", ({ jobId, accepted }) => jobId === "good-3" && accepted);
  measured("the agent's data folder is read-only", { from: freedAt, to: performance.now() }, { until: "yes again" });
  double.send("orchestrator.job.stop", { jobId: "good-3" }, "agent-2");
  await double.next("agent.job.stopped", ({ jobId }) => jobId === "good-3");
  await agent.stop();
});

test("a stop in the middle of an assignment leaves no job that nobody knows of", async () => {
  const { agent, since } = await kit.started();
  for (const jobId of ["good-1", "good-2", "good-3"]) double.assign(jobId, { config: { streamUrl: "test:" } });
  await waitFor(async () => (await kit.folders()).length > 0, { what: "a job is being started" });
  await agent.stop();
  const acks = double.received.slice(since).filter((message) => message.type === "agent.assign.ack");
  const taken = acks.filter(({ payload }) => payload.accepted).map(({ payload }) => payload.jobId);
  expect(acks).toHaveLength(3);
  const specs = await Promise.all(
    (await kit.folders()).map(async (name) =>
      JSON.parse(await readFile(join(kit.runnersDir, name, "spec.json"), "utf8")),
    ),
  );
  expect(specs.map(({ jobId }) => jobId).toSorted()).toEqual(taken.toSorted());
});

function assignment(jobId: string) {
  const expiresAt = new Date(Date.now() + 30_000).toISOString();
  return { jobId, idempotencyKey: null, config: { streamUrl: "test:" }, expiresAt, metadata: {}, epoch: 1 };
}
