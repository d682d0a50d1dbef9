import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import {
  dryRunReplySchema,
  orchestrateReplySchema,
  type RenderRequestInput,
  type RenderStatusBody,
  renderErrorSchema,
  renderStatusSchema,
  workflowDetailSchema,
} from "@stream-control/protocol";
import { endGroup, ffmpeg, secret, videoPackets, waitFor } from "@stream-control/test-kit";
import { runnersOf } from "./processes.js";
import { Room } from "./room.js";

let room: Room;
beforeEach(async () => {
  room = await Room.open();
  await mkdir(room.media, { recursive: true });
});
afterEach(() => room.close());

const SMALL = { width: 160, height: 120, fps: 20 };
/** Minutes of work. */
const LONG: RenderRequestInput = {
  ...{ width: 640, height: 360, fps: 30 },
  elements: [{ type: "shape", duration: 1800, effects: [{ type: "fade_in", duration: 1800 }] }],
};

const orchestrate = (body: object, headers: Record<string, string> = {}, query = "") =>
  room.call(`/api/v1/orchestrate${query}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
const status = async (id: string): Promise<RenderStatusBody> =>
  renderStatusSchema.parse(await (await room.call(`/api/v1/jobs/${id}/status`)).json());
const untilStatus = (id: string, holds: (body: RenderStatusBody) => boolean) =>
  waitFor(
    async () => {
      const body = await status(id);
      return holds(body) ? body : undefined;
    },
    { deadlineMs: 60_000, what: "the status of the render" },
  );

async function clip(name: string): Promise<void> {
  const inputs = ["-f", "lavfi", "-i", "color=lime:s=64x48:r=20:d=2", "-f", "lavfi", "-i", "sine=d=2"];
  await ffmpeg([...inputs, "-shortest", "-c:v", "libx264", "-pix_fmt", "yuv420p", join(room.media, name)]);
}

test("a short render is answered with its file, once for its id, and is gone when it is deleted", async () => {
  await room.startAgent();
  await clip("clip.mp4");
  const request = {
    ...{ id: "film 1", ...SMALL, metadata: { order: 7 }, priority: "normal" },
    elements: [
      { id: "a", type: "video", source: "clip.mp4", track: 1, x: "0%", y: "0%", width: "100%", height: "100%" },
      { id: "b", type: "text", text: "Final", time: 0.5, duration: 1, track: 2 },
    ],
  };
  const both = await Promise.all([orchestrate(request), orchestrate(request)]);
  expect(both.map((answer) => answer.status)).toEqual([200, 200]);
  const [reply, again] = await Promise.all(
    both.map(async (answer) => orchestrateReplySchema.parse(await answer.json())),
  );
  expect(reply).toMatchObject({
    jobId: "film 1",
    status: "immediate",
    processing_time: expect.stringMatching(/^\d+ms$/),
  });
  expect(again?.workflow_id).toBe(reply?.workflow_id);
  expect(await room.jobs()).toHaveLength(1);
  // Nobody watches a render.
  expect(await (await room.call("/status")).json()).toEqual({ streams: [] });

  const path = new URL(reply?.result_url ?? "").pathname;
  const file = await (await room.call(path)).bytes();
  expect(file.length).toBe(reply?.file_size_bytes);
  expect(await videoPackets(join(room.media, path.replace("/media/", "")))).toHaveLength(40);
  expect(await status("film%201")).toMatchObject({
    ...{ status: "completed", progress: "100%", current_step: "done", metadata: { order: 7 } },
    result_url: expect.stringContaining(path),
  });

  const other = await orchestrate({ ...request, width: 320 });
  expect([other.status, await other.json()]).toMatchObject([
    409,
    { error: "IDEMPOTENCY_KEY_IN_USE", retryable: false },
  ]);

  expect((await room.call("/api/v1/jobs/film%201", { method: "DELETE" })).status).toBe(204);
  expect((await room.call(path)).status).toBe(404);
  const left = await status("film%201");
  expect([left.status, left.result_url]).toEqual(["completed", undefined]);
}, 90_000);

test("a wrong request is answered with every mistake at once, and with the caller's correlation id", async () => {
  const answer = await orchestrate(
    {
      width: 101,
      height: 100,
      watermark: "logo.png",
      elements: [{ type: "video", source: "rtmp://x/y" }],
    },
    { "X-Correlation-ID": "case-7" },
  );
  expect([answer.status, answer.headers.get("x-correlation-id")]).toEqual([422, "case-7"]);
  const body = renderErrorSchema.parse(await answer.json());
  expect(body).toMatchObject({ error: "INVALID_REQUEST", retryable: false });
  const details = body.details as { path: string }[];
  expect(details.map(({ path }) => path).sort()).toEqual(["elements.0.source", "watermark", "width"]);
  const none = await room.call("/api/v1/jobs/none/status");
  expect([none.status, await none.json()]).toMatchObject([404, { error: "JOB_NOT_FOUND", retryable: false }]);
  expect(none.headers.get("x-correlation-id")).toMatch(/^[0-9a-f-]{36}$/);
});

test("a long render is queued, tells its true progress, and ends when it is cancelled", async () => {
  await room.startAgent();
  const answer = await orchestrate({ ...LONG, id: "long" }, { Prefer: "wait=1" });
  expect(answer.status).toBe(202);
  const reply = orchestrateReplySchema.parse(await answer.json());
  expect(reply).toMatchObject({ jobId: "long", status: "queued", status_check_endpoint: "/api/v1/jobs/long/status" });
  expect(reply.resource_allocation_id).toMatch(/_1$/);
  const early = await room.call("/api/v1/jobs/long", { method: "DELETE" });
  expect([early.status, await early.json()]).toMatchObject([409, { error: "JOB_NOT_ENDED" }]);
  const percent = ({ progress }: RenderStatusBody) => Number.parseInt(progress, 10);
  const running = await untilStatus("long", (body) => percent(body) >= 1);
  expect(running).toMatchObject({ status: "processing", current_step: "video_processing" });
  expect(Date.parse(running.estimated_completion ?? "")).toBeGreaterThan(Date.now());
  await untilStatus("long", (body) => percent(body) > percent(running));
  expect((await room.call("/api/v1/jobs/long/cancel", { method: "POST" })).status).toBe(202);
  expect(await untilStatus("long", (body) => body.status === "cancelled")).toMatchObject({
    progress: expect.any(String),
  });
  await waitFor(async () => (await runnersOf(room.folder.path)).length === 0);
}, 90_000);

test("a render whose runner is killed is done again, and one asked for without an agent waits for one", async () => {
  const request = {
    ...LONG,
    id: "again",
    elements: [{ type: "shape", duration: 30, effects: [{ type: "fade_in", duration: 30 }] }],
  };
  const queued = await orchestrate(request, { Prefer: "respond-async" });
  expect(queued.status).toBe(202);
  expect(await status("again")).toMatchObject({
    status: "queued",
    progress: "0%",
    message: expect.stringContaining("agent"),
  });
  await room.startAgent();
  await untilStatus("again", (body) => body.current_step === "video_processing" && body.progress !== "0%");
  const [runner] = await runnersOf(room.folder.path);
  endGroup(runner ?? 0);
  const done = await untilStatus("again", (body) => body.status === "completed");
  const path = new URL(done.result_url ?? "").pathname;
  expect(await videoPackets(join(room.media, path.replace("/media/", "")))).toHaveLength(900);
  const [job] = await room.jobs();
  expect([job?.status, job?.epoch]).toEqual(["STOPPED", 2]);
}, 120_000);

test("a dry run looks into every source and times the whole, or says which can't be used", async () => {
  await room.startAgent();
  await clip("clip.mp4");
  const video = { type: "video", source: "clip.mp4" };
  const image = { type: "image", source: "a.png" };
  await ffmpeg(["-f", "lavfi", "-i", "testsrc2=s=50x40", "-frames:v", "1", join(room.media, "a.png")]);
  const dry = await orchestrate({ ...SMALL, elements: [video, image] }, {}, "?dryRun=true");
  expect(dry.status).toBe(200);
  expect(dryRunReplySchema.parse(await dry.json())).toMatchObject({
    ...{ valid: true, duration_seconds: 2, total_frames: 40, estimate: null },
    sources: [
      { source: "clip.mp4", checked: true, duration_seconds: 2, width: 64, height: 48 },
      { source: "a.png", checked: true, type: "image", width: 50, height: 40 },
    ],
  });
  const elements = [
    video,
    { type: "audio", source: "missing.wav" },
    { type: "audio", source: "http://169.254.169.254/" },
    { type: "image", source: "clip.mp4" },
    { type: "image", source: "http://169.254.169.254/a.png" },
    { type: "image", source: "s3://not-ours/a.png" },
    image,
  ];
  const refused = await orchestrate({ ...SMALL, elements }, {}, "?dryRun=true");
  const body = renderErrorSchema.parse(await refused.json());
  expect([refused.status, body.error]).toEqual([422, "INVALID_REQUEST"]);
  expect((body.details as { path: string }[]).map(({ path }) => path)).toEqual([
    "elements.1.source",
    "elements.2.source",
    "elements.3.source",
    "elements.4.source",
    "elements.5.source",
  ]);
  expect(await room.jobs()).toEqual([]);
}, 60_000);

test("a failed render says what is wrong with it, whether to try again, and nothing that is secret", async () => {
  await room.startAgent();
  const password = secret("source-password");
  const elements = [{ type: "video", source: `http://user:${password}@169.254.169.254/a.mp4` }];
  const answer = await orchestrate({ ...SMALL, id: "bad", elements });
  const text = await answer.text();
  expect([answer.status, JSON.parse(text)]).toMatchObject([
    422,
    { error: "RENDER_FAILED", retryable: false, details: { jobId: "bad", code: "SOURCE_REFUSED" } },
  ]);
  expect(await status("bad")).toMatchObject({ status: "failed", retryable: false, error: { code: "SOURCE_REFUSED" } });
  expect(text + (await room.logs())).not.toContain(password);
}, 60_000);

test("a render outlives its agent and the orchestrator, and neither makes it begin again", async () => {
  await room.close();
  room = await Room.open({ env: { LEASE_MS: "60000" } });
  await mkdir(room.media, { recursive: true });
  await room.startAgent();
  const request = {
    ...LONG,
    ...{ id: "outlives", template: "balanced_async" },
    elements: [{ type: "shape", duration: 60, effects: [{ type: "fade_in", duration: 60 }] }],
  };
  const queued = orchestrateReplySchema.parse(await (await orchestrate(request)).json());
  await untilStatus("outlives", (body) => body.current_step === "video_processing" && body.progress !== "0%");
  await room.killAgent();
  await room.killOrchestrator();
  await room.startOrchestrator();
  await room.startAgent();
  const done = await untilStatus("outlives", (body) => body.status === "completed");
  const path = new URL(done.result_url ?? "").pathname;
  expect(await videoPackets(join(room.media, path.replace("/media/", "")))).toHaveLength(1800);
  const workflow = await room.call(`/api/v1/workflows/${queued.workflow_id}`);
  const { steps } = workflowDetailSchema.parse(await workflow.json());
  expect(
    steps.filter(({ status }) => status === "completed").map(({ name, attempts }) => [name, attempts.length]),
  ).toEqual(steps.flatMap(({ name }) => (name === "notify" ? [] : [[name, 1]])));
  expect((await room.jobs()).map(({ epoch, status: last }) => [epoch, last])).toEqual([[1, "STOPPED"]]);
}, 120_000);
