import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { OrchestratorDouble } from "@stream-control/agent-sdk/testing";
import { isRunning, measured, waitFor } from "@stream-control/test-kit";
import { AgentKit } from "./agent-kit.js";

let kit: AgentKit;
let double: OrchestratorDouble;
beforeEach(async () => {
  kit = await AgentKit.open({ timings: { heartbeatIntervalMs: 100 } });
  ({ double } = kit);
});
afterEach(() => kit.close());

const LEASE_MS = 2500;
const LEASE = { until: "end of the old run", setting: { name: "LEASE_MS", ms: LEASE_MS } };
const fenced = { leaseMs: LEASE_MS, onDisconnect: "fence" } as const;
const renewals = async (jobId: string) =>
  (await kit.commands()).filter((command) => command.type === "lease.renew" && command.jobId === jobId);

test("a fenced job goes on as long as it is renewed, and ends by itself when it is not; another goes on for good", async () => {
  await kit.started();
  const startedAt = performance.now();
  const pid = await kit.running("good-fenced", { ...fenced, epoch: 2 });
  const free = await kit.running("good-free", { onDisconnect: "continue" });
  await waitFor(() => performance.now() - startedAt > LEASE_MS + 500, { what: "the first lease is over" });
  expect(await isRunning(pid)).toBe(true);
  for (const { leaseMs } of await renewals("good-fenced")) {
    expect(leaseMs).toBeGreaterThan(0);
    expect(leaseMs).toBeLessThanOrEqual(LEASE_MS);
  }
  double.renew = false;
  const lastAt = performance.now();
  const end = await double.next("agent.job.stopped");
  expect(end.payload).toMatchObject({
    jobId: "good-fenced",
    epoch: 2,
    status: "FAILED",
    error: { code: "LEASE_EXPIRED" },
  });
  const endedAt = performance.now();
  expect(endedAt - lastAt).toBeLessThan(LEASE_MS + 2000);
  measured("away for longer than the lease; the job may move", { from: lastAt, to: endedAt }, LEASE);
  expect(await isRunning(free)).toBe(true);
  expect(await renewals("good-free")).toEqual([]);
}, 60_000);

test("an agent that is cut off loses its fenced job in time, says so afterwards, and still has the other", async () => {
  // As long as the orchestrator refuses the connection.
  const slow = { spreadMs: 5000, random: () => 0.8 };
  await kit.started({ connection: { reconnect: slow } });
  const pid = await kit.running("good-fenced", fenced);
  const free = await kit.running("good-free", { onDisconnect: "continue" });
  const since = double.received.length;
  const cutAt = performance.now();
  double.dropAll();
  await waitFor(async () => !(await isRunning(pid)), { what: "the fenced job ended without anybody's help" });
  const endedAt = performance.now();
  expect(endedAt - cutAt).toBeLessThan(LEASE_MS + 1000);
  measured("cut off for longer than the lease; the job may move", { from: cutAt, to: endedAt }, LEASE);
  const hello = await double.next("agent.hello", () => true, { since });
  expect(hello.payload.activeJobs?.map(({ jobId }) => jobId).toSorted()).toEqual(["good-fenced", "good-free"]);
  const end = await double.next("agent.job.stopped", () => true, { since });
  expect(end.payload).toMatchObject({ jobId: "good-fenced", error: { code: "LEASE_EXPIRED" } });
  await double.next("agent.job.update", ({ jobId, status }) => jobId === "good-free" && status === "RUNNING", {
    since,
  });
  expect(await isRunning(free)).toBe(true);
}, 60_000);

test("a new agent adopts a fenced runner and renews it; without an agent it ends in time", async () => {
  const first = await kit.started();
  const pid = await kit.running("good-1", { ...fenced, epoch: 3 });
  await first.agent.stop();
  const before = (await renewals("good-1")).length;
  const second = await kit.started();
  const startedAt = performance.now();
  await waitFor(async () => (await renewals("good-1")).length > before, { what: "the new agent renews" });
  await waitFor(() => performance.now() - startedAt > LEASE_MS + 500, { what: "the old lease is over" });
  expect(await isRunning(pid)).toBe(true);
  const leftAt = performance.now();
  await second.agent.stop();
  await waitFor(async () => !(await isRunning(pid)), { what: "the orphan ended by itself" });
  measured("killed for longer than the lease; the job may move", { from: leftAt, to: performance.now() }, LEASE);
  const third = await kit.started();
  const end = await double.next("agent.job.stopped", ({ jobId }) => jobId === "good-1", { since: third.since });
  expect(end.payload).toMatchObject({ epoch: 3, status: "FAILED", error: { code: "LEASE_EXPIRED" } });
}, 60_000);
