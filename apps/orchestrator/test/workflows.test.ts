import { existsSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { callbackEventSchema, workflowDetailSchema, workflowSchema } from "@stream-control/protocol";
import { temporaryFolder, waitFor } from "@stream-control/test-kit";
import { GuardedHouse } from "./guarded-house.js";
import { House } from "./house.js";
import { QUICK } from "./webhook-house.js";
import { isSignedWith, Receiver } from "./webhook-receiver.js";
import { namesIn, RENDER, RENDERER, RenderDesk, SOON, stepOf } from "./workflow-kit.js";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let house: House;
let desk: RenderDesk;
beforeEach(async () => {
  folder = await temporaryFolder();
  house = await House.open({ mediaDir: folder.path, webhooks: { ...QUICK, giveUpMs: 300 } });
  desk = new RenderDesk((...request) => house.api(...request), folder.path);
});
afterEach(async () => {
  await house[Symbol.asyncDispose]();
  await folder.remove();
});

describe("a workflow", () => {
  test("says of each step when it was done, and is among the active ones until it ends", async () => {
    const id = await desk.ask("film");
    await desk.ask("other");
    const first = await desk.untilStep(id, "allocate", "running");
    expect(workflowDetailSchema.parse(first)).toMatchObject({
      ...{ id, job_id: "film", template: "quick_sync", limits: "quick_sync", status: "running", outcome: null },
      ...{ current_steps: ["allocate"], generation: 1, work_ms: 0 },
    });
    expect(first.steps.map(({ name }) => name)).toEqual([
      ...["validate", "allocate", "download", "process", "upload", "update", "notify", "cleanup"],
    ]);
    expect(stepOf(first, "validate")).toMatchObject({ status: "completed", output: { complexity: "simple" } });

    const active = (await house.api("GET", "/api/v1/workflows")).body;
    expect(active.items.map((item: unknown) => workflowSchema.parse(item).job_id)).toEqual(["other", "film"]);
    const page = (await house.api("GET", "/api/v1/workflows?limit=1")).body;
    const next = (await house.api("GET", `/api/v1/workflows?limit=1&cursor=${page.nextCursor}`)).body;
    expect([page.items, next.items].map(([item]) => item.job_id)).toEqual(["other", "film"]);

    const agent = await house.agent(RENDERER);
    const job = await desk.take(agent);
    desk.report(agent, job, "downloading");
    await desk.untilStep(id, "download", "running");
    desk.report(agent, job, "rendering", 3);
    await desk.untilStep(id, "process", "running");
    expect((await house.api("GET", "/api/v1/jobs/film/status")).body).toMatchObject({
      ...{ status: "processing", current_step: "video_processing", progress: "10%", workflow_id: id },
    });
    await desk.finish(agent, job);
    const ended = await desk.until(id, ({ status }) => status === "completed");
    expect(namesIn(ended, "completed")).toEqual(
      first.steps.map(({ name }) => name).filter((name) => name !== "notify"),
    );
    expect(namesIn(ended, "skipped")).toEqual(["notify"]);
    for (const name of namesIn(ended, "completed")) {
      const { started_at: from, ended_at: to, duration_ms: ms } = stepOf(ended, name) ?? {};
      expect(Date.parse(to ?? "") - Date.parse(from ?? "")).toBe(ms);
    }
    const finished = (await house.api("GET", "/api/v1/workflows?status=completed,failed")).body;
    expect(finished.items.map((item: { job_id: string }) => item.job_id)).toEqual(["film"]);
    const none = await house.api("GET", "/api/v1/workflows/wf_none");
    expect([none.status, none.body]).toMatchObject([404, { error: "WORKFLOW_NOT_FOUND", retryable: false }]);
  });

  test("does a step again from which it is re-run, all after it, and nothing before it", async () => {
    const agent = await house.agent(RENDERER);
    const id = await desk.ask("film");
    const early = await house.api("POST", `/api/v1/workflows/${id}/rerun`, { fromStep: "process" });
    expect([early.status, early.body]).toMatchObject([409, { error: "WORKFLOW_NOT_ENDED", retryable: true }]);
    const job = await desk.take(agent);
    await desk.finish(agent, job);
    await desk.until(id, ({ status }) => status === "completed");

    const wrong = await house.api("POST", `/api/v1/workflows/${id}/rerun`, { fromStep: "nothing" });
    expect([wrong.status, wrong.body.error]).toEqual([422, "INVALID_REQUEST"]);
    await house.api("POST", `/api/v1/workflows/${id}/rerun`, { fromStep: "update" });
    const updated = await desk.until(id, ({ generation, status }) => generation === 2 && status === "completed");
    expect(updated.steps.filter(({ generation }) => generation === 2).map(({ name }) => name)).toEqual([
      ...["update", "notify", "cleanup"],
    ]);
    expect(agent.assignments).toHaveLength(1);

    await house.api("POST", `/api/v1/workflows/${id}/rerun`, { fromStep: "process" });
    const again = await desk.take(agent, 2);
    expect(again).not.toBe(job);
    await desk.finish(agent, again);
    const rendered = await desk.until(id, ({ generation, status }) => generation === 3 && status === "completed");
    expect(stepOf(rendered, "process", 1)?.status).toBe("completed");
    expect(stepOf(rendered, "process", 3)?.status).toBe("completed");
    expect(stepOf(rendered, "validate", 3)).toBeUndefined();
    const { body } = await house.api("GET", "/api/v1/jobs/film/status");
    expect(body.result_url).toContain(again);
    // What was rendered before is not the result any more.
    expect([existsSync(folder.file(job)), existsSync(folder.file(again))]).toEqual([false, true]);
  });

  test("begins no further step while it is paused", async () => {
    const agent = await house.agent(RENDERER);
    const id = await desk.ask("film");
    const job = await desk.take(agent);
    const paused = await house.api("POST", `/api/v1/workflows/${id}/pause`);
    expect([paused.status, paused.body.status]).toEqual([202, "paused"]);
    await desk.finish(agent, job);
    const held = await desk.untilStep(id, "upload", "completed");
    expect([held.status, namesIn(held, "waiting")]).toEqual(["paused", ["update", "notify", "cleanup"]]);
    await house.stop();
    await house.start();
    expect((await desk.workflow(id)).status).toBe("paused");
    await house.api("POST", `/api/v1/workflows/${id}/resume`);
    await desk.until(id, ({ status }) => status === "completed");
    const late = await house.api("POST", `/api/v1/workflows/${id}/pause`);
    expect([late.status, late.body.error]).toEqual([409, "WORKFLOW_ENDED"]);
  });

  test("that is cancelled stops its job, and takes back what that left behind", async () => {
    const agent = await house.agent({ ...RENDERER, onStop: () => {} });
    await using receiver = await Receiver.open();
    const id = await desk.ask("film", { callback_url: receiver.url });
    const job = await desk.take(agent);
    desk.report(agent, job, "downloading");
    await desk.untilStep(id, "download", "running");
    await house.api("POST", `/api/v1/workflows/${id}/cancel`);
    await agent.next("orchestrator.job.stop");
    // It was done in that very moment.
    await desk.finish(agent, job);
    const ended = await desk.until(id, ({ status }) => status === "cancelled");
    expect(stepOf(ended, "allocate")?.compensation).toBe("done");
    expect(existsSync(folder.file(job))).toBe(false);
    expect((await receiver.ofType("render.cancelled"))[0]?.body.data).toMatchObject({ status: "cancelled" });
    expect((await house.api("GET", "/api/v1/jobs/film/status")).body.status).toBe("cancelled");
  });

  test("whose job somebody stops is cancelled", async () => {
    const id = await desk.ask("film");
    const [job] = (await house.api("GET", "/v1/jobs")).body;
    await house.api("POST", `/v1/jobs/${job.id}/stop`);
    const ended = await desk.until(id, ({ status }) => status === "cancelled");
    expect(ended.error).toBeNull();
  });
});

describe("a render", () => {
  test("asked for twice at once, and again after a restart, is one", async () => {
    const both = await Promise.all([desk.ask("film"), desk.ask("film")]);
    await house.stop();
    await house.start();
    const again = await desk.ask("film");
    expect(new Set([...both, again]).size).toBe(1);
    expect((await house.api("GET", "/v1/jobs")).body).toHaveLength(1);
  });

  test("forgets who asked for it where they are erased, also in what is still to be done", async () => {
    await using guarded = await GuardedHouse.open({ mediaDir: folder.path });
    const person = await guarded.let({ hall: "operator" }, { name: "Ada Example" });
    const asked = await person.api("POST", "/api/v1/orchestrate", { ...RENDER, id: "film" }, SOON);
    const job = async () => (await guarded.admin.api("GET", "/v1/jobs")).body.at(-1);
    await waitFor(async () => (await job())?.requestedBy === "Ada Example");
    await guarded.admin.api("POST", "/v1/audit/erase", { requestedBy: "Ada Example" });
    await person.api("POST", "/api/v1/jobs/film/cancel");
    await waitFor(async () => (await person.api("GET", "/api/v1/jobs/film/status")).body.status === "cancelled");
    await person.api("POST", `/api/v1/workflows/${asked.body.workflow_id}/rerun`, { fromStep: "process" });
    const jobs = await waitFor(async () => {
      const { body } = await guarded.admin.api("GET", "/v1/jobs");
      return body.length === 2 ? body : undefined;
    });
    expect(jobs.map(({ requestedBy }: { requestedBy: string | null }) => requestedBy)).toEqual([null, null]);
  });

  test("that is large is queued at once, with when it should be done where that is known", async () => {
    const agent = await house.agent(RENDERER);
    const large = { width: 1280, height: 720, elements: [{ type: "shape", duration: 120 }] };
    const queued = await house.api("POST", "/api/v1/orchestrate", { ...large, id: "large" });
    expect([queued.status, queued.body]).toMatchObject([202, { status: "queued", jobId: "large" }]);
    const id = queued.body.workflow_id;
    const begun = await desk.untilStep(id, "allocate", "running");
    expect([begun.template, begun.timeout_ms, namesIn(begun, "completed")]).toEqual([
      ...["balanced_async", 900_000],
      ["validate", "create_record", "queue"],
    ]);
    const job = await desk.take(agent);
    expect(agent.assignments[0]?.config.qa).toBe(true);
    await desk.finish(agent, job);
    // The fleet's own pace, once it is known, wins over the complexity.
    for (let count = 2; count <= 5; count += 1) {
      const more = await desk.ask(`small${count}`);
      await desk.finish(agent, await desk.take(agent, count));
      await desk.until(more, ({ status }) => status === "completed");
    }
    const asked = await house.api(
      "POST",
      "/api/v1/orchestrate",
      { ...RENDER, id: "slow", fps: 120, timeout: 5_400_000 },
      SOON,
    );
    expect(Date.parse(asked.body.estimated_completion)).toBeGreaterThan(Date.now());
    expect((await desk.workflow(asked.body.workflow_id)).timeout_ms).toBe(5_400_000);
  });

  test("that was thought quick and is not becomes queued, and goes on as it is under other limits", async () => {
    await house.stop();
    await house.start({ renderWaitMs: 150 });
    const agent = await house.agent(RENDERER);
    const asked = house.api("POST", "/api/v1/orchestrate", { ...RENDER, id: "film" });
    const job = await desk.take(agent);
    desk.report(agent, job, "rendering", 3);
    const { status, body } = await asked;
    expect([status, body.status]).toEqual([202, "queued"]);
    const relaxed = await desk.until(body.workflow_id, ({ limits }) => limits === "balanced_async");
    expect([relaxed.template, relaxed.timeout_ms, relaxed.current_steps]).toEqual(["quick_sync", 900_000, ["process"]]);
    const types = (await house.eventsOf(job)).map(({ type }) => type);
    expect(types.filter((type) => type === "job.assigned" || type === "job.restart_limits_changed")).toEqual([
      ...["job.assigned", "job.restart_limits_changed"],
    ]);
    const { items } = (await house.api("GET", "/v1/audit?type=workflow.relaxed")).body;
    expect(items).toMatchObject([
      { subject: `workflow:${body.workflow_id.slice(3)}`, data: { limits: "balanced_async" } },
    ]);
    await desk.finish(agent, job);
    const ended = await desk.until(body.workflow_id, ({ outcome }) => outcome !== null);
    expect([ended.outcome, stepOf(ended, "process")?.attempts.length]).toEqual(["completed", 1]);
  });

  test("answers under its older names in their shapes", async () => {
    const agent = await house.agent(RENDERER);
    const asked = await house.api("POST", "/videocreate", { ...RENDER, id: "film" }, SOON);
    expect([asked.status, asked.body]).toMatchObject([
      202,
      { status: "processing", job_id: "film", progress: "0%", status_check_endpoint: "/videoresult/film" },
    ]);
    const again = house.api("POST", "/videocreate", { ...RENDER, id: "film" });
    await desk.finish(agent, await desk.take(agent));
    expect((await again).body).toMatchObject({ status: "completed", job_id: "film", processing_time: "1234ms" });
    const { body } = await house.api("GET", "/videoresult/film");
    expect(body).toMatchObject({
      status: "completed",
      file_size: "4B",
      result_url: expect.stringContaining("/media/"),
    });
    const none = await house.api("GET", "/videoresult/none");
    expect([none.status, none.body.error]).toEqual([404, "JOB_NOT_FOUND"]);
    const wrong = await house.api("POST", "/videocreate", { width: 1 });
    expect([wrong.status, wrong.body]).toMatchObject([422, { error: "INVALID_REQUEST", retryable: false }]);
    await desk.ask("gone");
    await house.api("POST", "/api/v1/jobs/gone/cancel");
    expect((await house.api("GET", "/videoresult/gone")).body).toMatchObject({ status: "failed", error: "CANCELLED" });
  });
});

describe("the client of a render", () => {
  test("is told of its end by one signed request, again and again until it takes it", async () => {
    await using receiver = await Receiver.open();
    receiver.answers.push(503, "cut");
    const agent = await house.agent(RENDERER);
    const id = await desk.ask("film", { webhook_url: receiver.url, metadata: { order: 7 } });
    const job = await desk.take(agent);
    // The address is between the client and us.
    expect(JSON.stringify(agent.assignments)).not.toContain(receiver.url);
    await desk.finish(agent, job);
    const ended = await desk.until(id, ({ status }) => status === "completed");
    expect(receiver.received).toHaveLength(3);
    expect(new Set(receiver.received.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    const [told] = receiver.received;
    expect(callbackEventSchema.parse(told?.body)).toMatchObject({
      type: "render.completed",
      data: { job_id: "film", status: "completed", result_url: expect.stringContaining(job), metadata: { order: 7 } },
    });
    const { secret } = (await house.api("GET", "/api/v1/callback-secret")).body;
    expect(told !== undefined && isSignedWith(secret, told)).toBe(true);
    const notify = stepOf(ended, "notify");
    expect(notify).toMatchObject({ status: "completed", output: { response_status: 204 } });
    expect(notify?.attempts.map(({ error }) => error?.code ?? null)).toEqual([
      ...["CALLBACK_FAILED", "CALLBACK_FAILED"],
      null,
    ]);
    expect(JSON.stringify(ended)).not.toContain("T0P");
  });

  test("that takes nothing fails no render, and that shows", async () => {
    await using receiver = await Receiver.open();
    receiver.usually = 500;
    const agent = await house.agent(RENDERER);
    const id = await desk.ask("film", { callback_url: receiver.url });
    await desk.finish(agent, await desk.take(agent));
    await waitFor(async () => (await house.api("GET", "/api/v1/jobs/film/status")).body.status === "completed");
    const ended = await desk.until(id, ({ status }) => status === "completed");
    expect(stepOf(ended, "notify")).toMatchObject({
      status: "failed",
      error: { code: "CALLBACK_FAILED", message: expect.stringContaining("The receiver answered 500.") },
    });
    expect(stepOf(ended, "cleanup")?.status).toBe("completed");
  });

  test("is told of a failure, and still knows us by the secret before while the room has a new one", async () => {
    await using receiver = await Receiver.open();
    const agent = await house.agent(RENDERER);
    const before = (await house.api("GET", "/api/v1/callback-secret")).body;
    const after = (await house.api("POST", "/api/v1/callback-secret/rotate")).body;
    expect([before.previous_until, after.secret === before.secret]).toEqual([null, false]);
    expect(Date.parse(after.previous_until)).toBeGreaterThan(Date.now());
    await desk.ask("film", { callback_url: receiver.url });
    const job = await desk.take(agent);
    const error = { code: "SOURCE_UNREACHABLE", message: "A source is gone.", detail: { retryable: false } };
    agent.send("agent.job.stopped", { jobId: job, status: "FAILED", error });
    const [told] = await receiver.ofType("render.failed");
    if (told === undefined) throw new Error("Nobody was told.");
    expect(told.body.data).toMatchObject({ status: "failed", error: { code: "SOURCE_UNREACHABLE" }, retryable: false });
    for (const { secret } of [before, after]) expect(isSignedWith(secret, told)).toBe(true);
  });

  test("has an address that may be reached, or is told at once that it has not", async () => {
    await house.stop();
    await house.start({ webhooks: { ...QUICK, networks: ["public"], plainHttp: false } });
    const refused = async (more: object) => {
      const { status, body } = await house.api("POST", "/api/v1/orchestrate", { ...RENDER, ...more });
      return [status, body.error, body.details?.map(({ path }: { path: string }) => path)];
    };
    const wrong = (path: string) => [422, "INVALID_REQUEST", [path]];
    expect(await refused({ callback_url: "https://10.1.2.3/x" })).toEqual(wrong("callback_url"));
    expect(await refused({ webhook_url: "http://example.com/x" })).toEqual(wrong("webhook_url"));
    expect(await refused({ webhook_url: "ftp://example.com/x" })).toEqual(wrong("webhook_url"));
    const two = { webhook_url: "https://example.com/a", callback_url: "https://example.com/b" };
    expect(await refused(two)).toEqual(wrong("webhook_url"));
    expect((await house.api("GET", "/v1/jobs")).body).toEqual([]);
  });
});
