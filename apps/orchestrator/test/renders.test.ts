import { mkdir, writeFile } from "node:fs/promises";
import { describe, expect, test } from "@jest/globals";
import { temporaryFolder, waitFor } from "@stream-control/test-kit";
import { GuardedHouse } from "./guarded-house.js";
import { House } from "./house.js";

const RENDER = { width: 64, height: 48, elements: [{ type: "shape", duration: 1 }] };
const SOON = { Prefer: "respond-async" };
/** An agent that knows renders, and does with them what the test says. */
const RENDERER = { agentId: "new", features: ["renders"], onAssign: () => {} };

describe("a render", () => {
  test("is given to agents that render, and to no others", async () => {
    await using folder = await temporaryFolder();
    await using house = await House.open({ mediaDir: folder.path });
    await house.agent({ agentId: "old" });
    const asked = await house.api("POST", "/api/v1/orchestrate", { ...RENDER, id: "a" }, SOON);
    expect([asked.status, asked.body]).toMatchObject([202, { status: "queued", jobId: "a" }]);
    const [job] = (await house.api("GET", "/v1/jobs")).body;
    const detail = await house.jobWhere(job.id, ({ passedOver }) => passedOver?.length === 1, "passed over");
    expect(detail.passedOver).toMatchObject([{ agentId: "old", code: "FEATURE" }]);
    const { body } = await house.api("GET", "/api/v1/jobs/a/status");
    expect(body).toMatchObject({ status: "queued", progress: "0%", message: detail.pendingReason });

    const agent = await house.agent(RENDERER);
    const { payload } = await agent.next("orchestrator.assign.start");
    expect(payload).toMatchObject({ jobId: job.id, config: { kind: "render", request: { width: 64, id: "a" } } });
  });

  test("is cut into tasks by the service alone: nobody else says whose files are joined", async () => {
    await using house = await House.open();
    const task = { type: "merge", parts: [{ key: "of-another-room/frames-0.mp4", frames: 30 }], totalFrames: 30 };
    const inlineConfig = { kind: "render", request: RENDER, task };
    const refused = await house.api("POST", "/v1/jobs", { inlineConfig });
    expect([refused.status, refused.body.error]).toEqual([422, expect.stringContaining("config.task")]);
    await house.api("POST", "/v1/templates", { id: "cut", name: "cut", config: inlineConfig });
    expect((await house.api("POST", "/v1/jobs", { templateId: "cut" })).status).not.toBe(201);
  });

  test("may take as long as is configured when it begins, unless its request says how long", async () => {
    await using folder = await temporaryFolder();
    await using house = await House.open({ mediaDir: folder.path });
    await house.api("POST", "/api/v1/orchestrate", { ...RENDER, id: "patient", timeout: 5000 }, SOON);
    await house.api("POST", "/api/v1/orchestrate", { ...RENDER, id: "usual" }, SOON);
    await house.api("PUT", "/api/v1/config", { orchestration: { defaultTimeout: 90_000 } });
    const agent = await house.agent({ ...RENDERER, slots: 2 });
    const given = (id: string) =>
      agent.next("orchestrator.assign.start", ({ config }) => config.request.id === id).then(({ payload }) => payload);
    expect((await given("patient")).config.request.timeout).toBe(5000);
    expect((await given("usual")).config.request.timeout).toBe(90_000);
    // The same request again is the same render, whatever is configured by now.
    const again = await house.api("POST", "/api/v1/orchestrate", { ...RENDER, id: "usual" }, SOON);
    expect(again.status).toBe(202);
  });

  test("that ends while its request waits is answered at once, with its file where that is there", async () => {
    await using folder = await temporaryFolder();
    await using house = await House.open({ mediaDir: folder.path });
    const agent = await house.agent(RENDERER);
    const asked = house.api("POST", "/api/v1/orchestrate", { ...RENDER, id: "a/b", metadata: { order: 1 } });
    const { jobId } = (await agent.next("orchestrator.assign.start")).payload;
    await mkdir(folder.file(jobId));
    await writeFile(folder.file(`${jobId}/render.mp4`), "film");
    agent.send("agent.assign.ack", { jobId, accepted: true });
    const render = { step: "done", totalFrames: 30, elapsedMs: 1234, bytes: 4, file: `${jobId}/render.mp4` };
    agent.send("agent.job.stopped", { jobId, status: "STOPPED", progress: { frame: 30, render } });
    const { status, body } = await asked;
    expect([status, body]).toMatchObject([
      200,
      { status: "immediate", jobId: "a/b", processing_time: "1234ms", file_size: "4B", file_size_bytes: 4 },
    ]);
    expect(body.result_url).toContain(`${house.url}/media/${jobId}/render.mp4?expires=`);
    await house.api("DELETE", "/api/v1/jobs/a%2Fb");
    const after = (await house.api("GET", "/api/v1/jobs/a%2Fb/status")).body;
    expect([after.status, after.result_url, after.metadata]).toEqual(["completed", undefined, { order: 1 }]);
    expect(after.message).toContain("not in MEDIA_DIR");
  });

  test("has the file that its agent names in the render's own folder, and no file of somebody else's", async () => {
    await using folder = await temporaryFolder();
    await using house = await House.open({ mediaDir: folder.path });
    const agent = await house.agent(RENDERER);
    await mkdir(folder.file("other"));
    await writeFile(folder.file("other/render.mp4"), "film");
    const asked = house.api("POST", "/api/v1/orchestrate", { ...RENDER, id: "a" });
    const { jobId } = (await agent.next("orchestrator.assign.start")).payload;
    agent.send("agent.assign.ack", { jobId, accepted: true });
    const render = { step: "done", totalFrames: 30, file: `${jobId}/../other/render.mp4` };
    agent.send("agent.job.stopped", { jobId, status: "STOPPED", progress: { frame: 30, render } });
    expect((await asked).body).toMatchObject({ status: "immediate" });
    expect((await asked).body.result_url).toBeUndefined();
  });

  test("is tried again where that can help, and ends at once where it cannot", async () => {
    await using folder = await temporaryFolder();
    await using house = await House.open({
      mediaDir: folder.path,
      restart: { maxRestarts: 1, baseMs: 1, maxMs: 2, goodRunMs: 60_000 },
    });
    const agent = await house.agent(RENDERER);
    let tries = 0;
    const failWith = async (detail: object) => {
      tries += 1;
      await waitFor(() => agent.assignments.length === tries);
      const { jobId } = agent.assignments.at(-1) ?? {};
      agent.send("agent.assign.ack", { jobId, accepted: true });
      const error = { code: "SOURCE_UNREACHABLE", message: "A source broke off.", detail };
      agent.send("agent.job.stopped", { jobId, status: "FAILED", error });
    };
    const lasting = house.api("POST", "/api/v1/orchestrate", { ...RENDER, id: "lasting" });
    await failWith({ fault: "source", retryable: false });
    expect(await lasting).toMatchObject({ status: 422, body: { error: "RENDER_FAILED", retryable: false } });
    const passing = house.api("POST", "/api/v1/orchestrate", { ...RENDER, id: "passing" });
    await failWith({ fault: "network", retryable: true });
    await failWith({ fault: "network", retryable: true });
    expect(await passing).toMatchObject({
      status: 503,
      body: { error: "RENDER_INTERRUPTED", message: "A source broke off.", retryable: true },
    });
  });

  test("that is only checked tells which texts nobody can draw, and what can't be looked into before", async () => {
    await using house = await House.open();
    await house.agent({ ...RENDERER, drawsText: false });
    const dry = (elements: object[]) => house.api("POST", "/api/v1/orchestrate?dryRun=true", { ...RENDER, elements });
    const text = { type: "text", text: "Final", duration: 1 };
    const refused = await dry([{ type: "shape", duration: 1 }, text]);
    expect([refused.status, refused.body.details]).toMatchObject([422, [{ path: "elements.1.text" }]]);
    const stored = await dry([{ type: "video", source: "s3://films/final.mp4", duration: 2 }]);
    expect([stored.status, stored.body]).toMatchObject([
      200,
      { total_frames: 60, sources: [{ source: "s3://films/final.mp4", checked: false }] },
    ]);
    await house.agent({ ...RENDERER, agentId: "with-fonts" });
    expect((await dry([text])).status).toBe(200);
  });

  test("is refused where nobody could fetch its file", async () => {
    await using house = await House.open();
    const answer = await house.api("POST", "/api/v1/orchestrate", RENDER);
    expect([answer.status, answer.body]).toMatchObject([409, { error: "RENDERS_UNAVAILABLE", retryable: false }]);
    expect((await house.api("GET", "/v1/jobs")).body).toEqual([]);
  });

  test("of one room is none of another's business, its id neither", async () => {
    await using folder = await temporaryFolder();
    await using guarded = await GuardedHouse.open({ mediaDir: folder.path });
    const [hall, annex] = [await guarded.let({ hall: "operator" }), await guarded.let({ annex: "operator" })];
    const made = await hall.api("POST", "/api/v1/orchestrate", { ...RENDER, id: "a" }, SOON);
    expect(made.status).toBe(202);
    const taken = await annex.api("POST", "/api/v1/orchestrate", { ...RENDER, id: "a" }, SOON);
    expect([taken.status, taken.body.error]).toEqual([409, "IDEMPOTENCY_KEY_IN_USE"]);
    expect((await annex.api("GET", "/api/v1/jobs/a/status")).status).toBe(404);
    const nobody = await guarded.stranger.api("GET", "/api/v1/jobs/a/status");
    expect([nobody.status, nobody.body]).toMatchObject([401, { error: "UNAUTHENTICATED", retryable: false }]);
    expect(nobody.headers.get("www-authenticate")).toBe("Bearer");
  });
});
