import { type ChildProcess, spawn } from "node:child_process";
import { afterEach, expect, test } from "@jest/globals";
import { OrchestratorDouble } from "@stream-control/agent-sdk/testing";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function orchestratorAnd(program: string, ...args: string[]) {
  const double = await OrchestratorDouble.listen({ token: "dev-shared-token", timings: { heartbeatIntervalMs: 50 } });
  cleanups.push(() => double.close());
  const agent: ChildProcess = spawn(process.execPath, [`${import.meta.dirname}/../${program}`, double.url, ...args], {
    stdio: "ignore",
  });
  cleanups.push(() => void agent.kill("SIGKILL"));
  return double;
}

test("the plain one runs a job, mutes and stops it, and comes back with it after a lost connection", async () => {
  const double = await orchestratorAnd("agent.mjs");
  await double.next("agent.heartbeat");
  const msgId = double.assign("job-1", { config: { streamUrl: "test:" } });
  const ack = await double.next("agent.assign.ack");
  expect(ack).toMatchObject({ correlationId: msgId, payload: { jobId: "job-1", accepted: true } });
  await double.next("agent.job.update", ({ status }) => status === "RUNNING");
  double.assign("job-2");
  await double.next("agent.assign.ack", ({ jobId, accepted }) => jobId === "job-2" && !accepted);
  double.send("orchestrator.job.mute", { jobId: "job-1" });
  await double.next("agent.job.mute", ({ success }) => success);
  const since = double.received.length;
  double.dropAll();
  const hello = await double.next("agent.hello", () => true, { since });
  expect(hello.payload.activeJob).toEqual({ jobId: "job-1", status: "RUNNING" });
  await double.next("agent.heartbeat", () => true, { since });
  double.send("orchestrator.job.stop", { jobId: "job-1" });
  await double.next("agent.job.update", ({ jobId, status }) => jobId === "job-1" && status === "STOPPED");
});

test("the ten-line one acknowledges and finishes a job", async () => {
  const double = await orchestratorAnd("ten-lines.ts");
  await double.next("agent.hello");
  const msgId = double.assign("job-1");
  expect((await double.next("agent.assign.ack")).correlationId).toBe(msgId);
  await double.next("agent.job.stopped", ({ jobId, status }) => jobId === "job-1" && status === "STOPPED");
});
