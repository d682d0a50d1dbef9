import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "@jest/globals";
import { analyticsReplySchema } from "@stream-control/protocol";
import { temporaryFolder, waitFor } from "@stream-control/test-kit";
import { recommend } from "../src/analytics/recommendations.js";
import { House } from "./house.js";

const STREAM = { source: { type: "test" }, video: { width: 1280, height: 720 } };
const FILM = { width: 64, height: 48, elements: [{ type: "shape", duration: 1 }] };
const SOON = { Prefer: "respond-async" };

const analytics = async (house: House, query = "?period=1h") =>
  (await house.api("GET", `/api/v1/analytics${query}`)).body;

describe("analytics", () => {
  test("count what ended, how long it waited and took, and what it used, streams and renders alike", async () => {
    await using folder = await temporaryFolder();
    await using house = await House.open({ mediaDir: folder.path });
    const resources = { cpu: 8, memoryMiB: 16_384 };
    const agent = await house.agent({ agentId: "one", slots: 4, features: ["renders"], resources, modern: {} });
    const stream = await house.submit({ inlineConfig: STREAM });
    await house.jobIn(stream.id, "RUNNING");
    for (let sample = 0; sample < 3; sample += 1)
      agent.send("agent.job.update", { jobId: stream.id, status: "RUNNING", epoch: 1, progress: { cpuPercent: 50 } });
    await house.api("POST", `/v1/jobs/${stream.id}/stop`);
    await house.jobIn(stream.id, "STOPPED");
    const failing = await house.submit({ inlineConfig: STREAM });
    await house.jobIn(failing.id, "RUNNING");
    const error = { code: "FFMPEG_EXITED", message: "It ended." };
    agent.send("agent.job.stopped", { jobId: failing.id, status: "FAILED", epoch: 1, error });
    await house.jobIn(failing.id, "FAILED");
    const waiting = await house.submit({ inlineConfig: STREAM, room: "attic" });
    await house.api("POST", `/v1/jobs/${waiting.id}/stop`);
    await house.api("POST", "/api/v1/orchestrate", { ...FILM, id: "film" }, SOON);
    const render = await agent.next("orchestrator.assign.start", ({ config }) => config.kind === "render");
    const done = { step: "done", totalFrames: 30, elapsedMs: 10, bytes: 4, file: "x/render.mp4" };
    agent.send("agent.job.stopped", {
      jobId: render.payload.jobId,
      status: "STOPPED",
      epoch: 1,
      progress: { render: done },
    });
    await house.jobIn(render.payload.jobId, "STOPPED");

    const body = await analytics(house);
    expect(analyticsReplySchema.parse(body)).toEqual(body);
    expect(body).toMatchObject({
      period: "1 hour",
      performanceMetrics: { totalJobs: 4, successfulJobs: 2, failedJobs: 1, cancelledJobs: 1, successRate: 0.667 },
      now: { waiting: 0, running: 0 },
      byAgent: [{ key: "one", totalJobs: 3, failedJobs: 1 }],
      byError: [{ code: "FFMPEG_EXITED", count: 1 }],
      predictions: { demandForecast: null, reason: expect.stringContaining("of history") },
    });
    expect(body.performanceMetrics.throughput).toBeCloseTo(4 / 60, 2);
    expect(body.performanceMetrics.processingTime.p95).toBeGreaterThanOrEqual(
      body.performanceMetrics.processingTime.p50,
    );
    // Half a core was used of the quarter that was reserved.
    expect(body.performanceMetrics.resourceEfficiency).toBeCloseTo(2, 1);
    expect(
      Object.fromEntries(body.byKind.map(({ key, totalJobs }: { key: string; totalJobs: number }) => [key, totalJobs])),
    ).toEqual({
      stream: 3,
      render: 1,
    });
    expect((await analytics(house, "?period=1h&room=attic")).performanceMetrics).toMatchObject({
      ...{ totalJobs: 1, averageProcessingTime: null, waitTime: null, resourceEfficiency: null },
    });
    expect((await house.api("GET", "/api/v1/analytics?period=soon")).status).toBe(400);

    // What became of jobs outlives a restart.
    await house.stop();
    await house.start();
    expect((await analytics(house)).performanceMetrics.totalJobs).toBe(4);
    await house.api("PUT", "/api/v1/config", { analytics: { predictionEnabled: false } });
    expect((await analytics(house)).predictions.reason).toContain("switched off");
    await house.api("PUT", "/api/v1/config", { analytics: { enabled: false } });
    expect(await house.api("GET", "/api/v1/analytics")).toMatchObject({
      status: 409,
      body: { error: "ANALYTICS_DISABLED" },
    });
  });

  test("forecast demand from the house's own history, with an interval that it has held", async () => {
    await using folder = await temporaryFolder();
    const options = { dataDir: folder.path, mediaDir: folder.path };
    await using house = await House.open(options);
    await house.agent({ agentId: "one", slots: 1, features: ["renders"] });
    await house.stop();
    const HOUR_MS = 3_600_000;
    const days = 14;
    const start = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - days * 24 * HOUR_MS;
    const database = new DatabaseSync(folder.file("orchestrator.db"));
    const insert = database.prepare(`insert into job_facts
      (job_id, job_seq, room, kind, created_at, ended_at, wait_ms, processing_ms, outcome)
      values (?, 0, 'default', 'render', ?, ?, 100, 60000, 'completed')`);
    database.exec("begin");
    // Ten times as many in the second half of each day.
    const inHour = (hour: number) => (hour % 24 >= 12 ? 10 : 1);
    for (let hour = 0; hour < days * 24; hour += 1)
      for (let job = 0; job < inHour(hour); job += 1) {
        const at = new Date(start + hour * HOUR_MS + job * 60_000).toISOString();
        insert.run(`${hour}-${job}`, at, at);
      }
    database.exec("commit");
    database.close();
    await house.start(options);
    const { predictions } = await analytics(house, "?period=30d&horizon=24h");
    const expected = Array.from({ length: 24 }, (_, index) => inHour(days * 24 + index)).reduce(
      (sum, one) => sum + one,
      0,
    );
    expect(predictions.demandForecast).toMatchObject({
      period: "next 24 hours",
      method: expect.stringMatching(/^holt_winters/),
    });
    expect(Math.abs(predictions.demandForecast.predictedJobCount - expected)).toBeLessThanOrEqual(5);
    expect(predictions.demandForecast.low).toBeLessThanOrEqual(expected);
    expect(predictions.demandForecast.high).toBeGreaterThanOrEqual(expected);
    expect(predictions.demandForecast.confidence).toBeGreaterThan(0.7);
  });

  test("are made up for jobs whose end was not noted any more", async () => {
    await using folder = await temporaryFolder();
    const options = { dataDir: folder.path };
    await using house = await House.open(options);
    const { id } = await house.submit({ inlineConfig: STREAM });
    await house.api("POST", `/v1/jobs/${id}/stop`);
    await waitFor(async () => (await analytics(house)).performanceMetrics.totalJobs === 1);
    await house.stop();
    const database = new DatabaseSync(folder.file("orchestrator.db"));
    database.exec("delete from job_facts");
    database.close();
    await house.start(options);
    expect((await analytics(house)).performanceMetrics).toMatchObject({ totalJobs: 1, cancelledJobs: 1 });
  });
});

describe("recommendations", () => {
  const counts = { totalJobs: 100, successfulJobs: 95, failedJobs: 5, cancelledJobs: 0 };
  const group = { ...counts, averageProcessingTime: 1000, averageWaitTime: 10, resourceEfficiency: null };
  const spread = { average: 1, p50: 1, p95: 90_000, p99: 100_000 };
  const metrics = {
    ...{ ...counts, successRate: 0.95, averageProcessingTime: 1000, processingTime: null, waitTime: spread },
    ...{ throughput: 1, resourceEfficiency: null },
  };
  const nothing = { metrics: { ...metrics, waitTime: null }, byAgent: [], byKind: [], byError: [], advice: [] };
  const room = {
    ...{
      room: "hall",
      desiredAgents: 3,
      currentAgents: 1,
      desiredSlots: 6,
      currentSlots: 2,
      waitingJobs: 4,
      runningJobs: 2,
    },
    ...{ reason: "", timestamp: "2026-01-01T00:00:00.000Z" },
  };

  test("are none where nothing stands out", () => {
    expect(recommend({ ...nothing, byAgent: [{ ...group, key: "a" }], byError: [{ code: "X", count: 5 }] })).toEqual(
      [],
    );
  });

  test("follow from the figures and name them, the most urgent first", () => {
    const bad = { ...group, key: "bad", totalJobs: 20, failedJobs: 10 };
    const all = recommend({
      ...nothing,
      metrics: { ...metrics, failedJobs: 15, totalJobs: 120 },
      byAgent: [bad, { ...group, key: "good" }],
      byKind: [{ ...group, key: "render", resourceEfficiency: 0.2 }],
      byError: [{ code: "FFMPEG_EXITED", count: 12 }],
      advice: [room],
    });
    expect(all.map(({ type, priority }) => [type, priority])).toEqual([
      ["scaling", "high"],
      ["agent_health", "high"],
      ["reliability", "medium"],
      ["resource_optimization", "low"],
    ]);
    expect(all[0]).toMatchObject({
      title: 'Add 2 agents to the room "hall"',
      evidence: { desiredAgents: 3, p95WaitMs: 90_000 },
    });
    expect(all[1]?.title).toContain('"bad": 50 % of its jobs failed, 5 % elsewhere');
    expect(all[1]?.expectedImpact).toContain("about 9 of 10 failures");
    expect(all[2]?.title).toContain("FFMPEG_EXITED");
    expect(all[3]?.expectedImpact).toContain("5 times as many");
    const idle = recommend({ ...nothing, advice: [{ ...room, desiredAgents: 1, currentAgents: 4, desiredSlots: 2 }] });
    expect(idle).toMatchObject([{ type: "cost", priority: "low" }]);
  });
});
