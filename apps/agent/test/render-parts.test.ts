import { copyFile, readdir } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { OrchestratorDouble } from "@stream-control/agent-sdk/testing";
import type { RenderTask } from "@stream-control/protocol";
import {
  endGroup,
  ffmpeg,
  ffprobe,
  streamOf,
  type TemporaryFolder,
  temporaryFolder,
  videoPackets,
} from "@stream-control/test-kit";
import { type AgentProcess, runnerPids, startAgent } from "./agent-process.js";

const LONG = { timeoutMs: 60_000 };
const FRAMES = 80;

let base: TemporaryFolder;
let double: OrchestratorDouble;
let agent: AgentProcess;
beforeEach(async () => {
  base = await temporaryFolder();
  double = await OrchestratorDouble.listen();
  const dirs = { DATA_DIR: base.path, OUTPUT_DIRS: base.file("media"), INPUT_DIRS: base.path };
  agent = startAgent({ ORCHESTRATOR_URL: double.url, SLOTS: "4", ...dirs });
  await double.next("agent.hello", () => true, LONG);
  const inputs = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=20:d=4", "-f", "lavfi", "-i", "sine=d=4"];
  await ffmpeg([...inputs, "-shortest", "-c:v", "libx264", "-pix_fmt", "yuv420p", base.file("clip.mp4")]);
});
afterEach(async () => {
  agent.child.kill("SIGKILL");
  await agent.exited;
  for (const pid of await runnerPids(base.path)) endGroup(pid);
  await double.close();
  await base.remove();
});

const facts = [{ element: 0, hasVideo: true, hasAudio: true, durationSeconds: 4 }];
const request = {
  ...{ width: 160, height: 120, fps: 20 },
  elements: [
    { type: "video", source: "clip.mp4" },
    { type: "text", text: "hello", time: 1, effects: [{ type: "fade_in", duration: 3 }] },
  ],
};
const frames = (firstFrame: number, count: number): RenderTask => ({
  ...{ type: "frames", firstFrame, frames: count, totalFrames: FRAMES, facts },
});

async function done(jobId: string, task: object) {
  double.assign(jobId, { config: { kind: "render", request, task } });
  const { payload } = await double.next("agent.job.stopped", (ended) => ended.jobId === jobId, LONG);
  return payload;
}

test("parts of a render are joined to the whole, and each tells how far it is", async () => {
  const parts = await Promise.all([
    done("a", frames(0, 45)),
    done("b", frames(45, 35)),
    done("s", { type: "sound", totalFrames: FRAMES, facts }),
  ]);
  expect(parts.map(({ status, progress }) => [status, progress?.frame, progress?.render])).toMatchObject([
    ["STOPPED", 45, { step: "done", totalFrames: 45, file: "a/frames-0.mp4" }],
    ["STOPPED", 35, { step: "done", totalFrames: 35, file: "b/frames-45.mp4" }],
    ["STOPPED", FRAMES, { step: "done", totalFrames: FRAMES, file: "s/sound.mp4" }],
  ]);
  const merge = {
    ...{ type: "merge", sound: "s/sound.mp4", totalFrames: FRAMES },
    parts: [
      { key: "a/frames-0.mp4", frames: 45 },
      { key: "b/frames-45.mp4", frames: 35 },
    ],
  };
  const merged = await done("m", merge);
  expect(merged.error ?? null).toBeNull();
  expect(merged.progress).toMatchObject({
    frame: FRAMES,
    render: { step: "done", totalFrames: FRAMES, file: "m/render.mp4" },
  });
  const file = base.file("media/m/render.mp4");
  expect(await videoPackets(file)).toHaveLength(FRAMES);
  const media = await ffprobe(file);
  expect([streamOf(media, "video").width, streamOf(media, "audio").codec_name]).toEqual([160, "aac"]);
  expect(await readdir(base.file("media/m"))).toEqual(["render.mp4"]);

  // What was encoded in another way has other headers.
  await ffmpeg([
    "-i",
    base.file("clip.mp4"),
    "-an",
    "-c:v",
    "libx264",
    "-refs",
    "1",
    base.file("media/b/frames-45.mp4"),
  ]);
  expect(await done("n", merge)).toMatchObject({ status: "FAILED", error: { code: "PARTS_DIFFER" } });
  const missing = { ...merge, parts: [{ key: "c/frames-0.mp4", frames: FRAMES }] };
  expect(await done("o", missing)).toMatchObject({ error: { code: "RESULT_NOT_THERE" } });
  await copyFile(base.file("media/a/frames-0.mp4"), base.file("media/b/frames-45.mp4"));
  expect(await done("p", { ...merge, totalFrames: 200 })).toMatchObject({ error: { code: "FRAMES_MISSING" } });
}, 90_000);

test("a part is not made of another film, nor from a task that cannot be read", async () => {
  const longer = [{ ...facts[0], durationSeconds: 4.5 }];
  expect(await done("a", { ...frames(0, 45), totalFrames: 90, facts: longer })).toMatchObject({
    error: { code: "SOURCE_CHANGED", detail: { retryable: true } },
  });
  expect(await done("b", { ...frames(0, 45), totalFrames: 90 })).toMatchObject({ error: { code: "CONFIG_INVALID" } });
  const task = { type: "merge", parts: [{ key: "../secret", frames: 1 }], totalFrames: 1 };
  double.assign("c", { config: { kind: "render", request, task } });
  const { payload } = await double.next("agent.assign.ack", ({ jobId }) => jobId === "c", LONG);
  expect(payload).toMatchObject({ accepted: false, error: { code: "CONFIG_INVALID" } });
  expect(payload.error?.detail?.issues).toMatchObject([{ path: "task.parts.0.key" }]);
}, 60_000);
