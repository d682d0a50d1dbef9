import { readdir } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { OrchestratorDouble } from "@stream-control/agent-sdk/testing";
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

const LONG = { timeoutMs: 90_000 };
const FPS = 25;
const FRAMES = 150;

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

async function agent(env: Record<string, string> = {}) {
  const since = double.received.length;
  const dirs = { DATA_DIR: base.path, OUTPUT_DIRS: base.file("media"), INPUT_DIRS: base.path };
  const started = startAgent({ ORCHESTRATOR_URL: double.url, SLOTS: "2", ...dirs, ...env });
  agents.push(started);
  await double.next("agent.hello", () => true, { since, ...LONG });
  return started;
}

async function clip(color: string): Promise<void> {
  const inputs = ["-f", "lavfi", "-i", `testsrc2=s=320x180:r=25:d=6,drawbox=c=${color}:t=20`];
  const sound = ["-f", "lavfi", "-i", "sine=f=440:d=6"];
  await ffmpeg(["-y", ...inputs, ...sound, "-c:v", "libx264", "-preset", "ultrafast", base.file("clip.mp4")]);
}

/** Six seconds of a film, with a text from the second second to the third. */
const withText = (text: string, more: object = {}) => ({
  ...{ width: 640, height: 360, fps: FPS, ...more },
  elements: [
    { type: "video", source: "clip.mp4" },
    { type: "text", text, track: 2, time: 2, duration: 1, effects: [{ type: "fade_in", duration: 0.5 }] },
    { type: "shape", track: 3, time: 4, width: "10%", height: "10%" },
  ],
});

async function render(jobId: string, request: object) {
  double.assign(jobId, { config: { kind: "render", request } });
  const { payload } = await double.next("agent.job.stopped", (ended) => ended.jobId === jobId, LONG);
  expect(payload.error ?? null).toBeNull();
  const { frame, render: state } = payload.progress ?? {};
  expect([frame, (await videoPackets(file(jobId))).length]).toEqual([FRAMES, FRAMES]);
  return {
    reused: state?.reusedFrames ?? 0,
    elapsedMs: state?.elapsedMs ?? 0,
    bytes: state?.bytes,
    sha256: state?.sha256,
  };
}
const file = (jobId: string) => base.file(`media/${jobId}/render.mp4`);

/** How alike two films are, in decibels: of the worst picture, and of all of the sound. */
async function likeness(one: string, other: string): Promise<{ picture: number; seconds: number[] }> {
  const stats = base.file("psnr.log");
  await ffmpeg([
    "-i",
    one,
    "-i",
    other,
    "-filter_complex",
    `[0:v]settb=1/25,setpts=N[a];[1:v]settb=1/25,setpts=N[b];[a][b]psnr=stats_file=${stats}`,
    "-an",
    "-f",
    "null",
    "-",
  ]);
  const { readFile } = await import("node:fs/promises");
  const values = [...(await readFile(stats, "utf8")).matchAll(/psnr_avg:(\S+)/g)].map(([, value]) =>
    value === "inf" ? 100 : Number(value),
  );
  expect(values).toHaveLength(FRAMES);
  const seconds = await Promise.all(
    [one, other].map(async (path) => Number(streamOf(await ffprobe(path), "audio").duration ?? 0)),
  );
  return { picture: Math.min(...values), seconds };
}

test("the same composition again is a copy of the first, and takes less than a second", async () => {
  await agent();
  await clip("red");
  const first = await render("first", withText("one", { id: "a" }));
  const again = await render("again", withText("one", { id: "b", metadata: { order: 2 } }));
  expect([first.reused, again.reused, again.sha256]).toEqual([0, FRAMES, first.sha256]);
  expect(again.elapsedMs).toBeLessThan(1000);
  // What follows on a disk of its own, and what is done twice in one moment, must not disturb the film that is kept.
  expect((await render("third", withText("one"))).sha256).toBe(first.sha256);
}, 120_000);

test("a changed text costs what it touches, and the film is as if it had been rendered from the beginning", async () => {
  const cached = await agent();
  await clip("red");
  await render("first", withText("one"));
  const changed = await render("changed", withText("another"));
  expect(changed.reused).toBe(FRAMES - FPS);
  // A film that was put together is itself one to take from.
  const back = await render("back", withText("third", { background: "#000000" }));
  expect(back.reused).toBe(FRAMES - FPS);
  cached.child.kill("SIGTERM");
  await cached.exited;
  await agent({ RENDER_CACHE_MAX_GB: "0" });
  const scratch = await render("scratch", withText("another"));
  expect(scratch.reused).toBe(0);
  const moments = (await videoPackets(file("changed"))).map(({ time }) => time).sort((a, b) => a - b);
  const worst = Math.max(...moments.map((time, index) => Math.abs(time - (moments[0] ?? 0) - index / FPS)));
  expect(worst).toBeLessThan(0.002);
  const { picture, seconds } = await likeness(file("changed"), file("scratch"));
  expect(picture).toBeGreaterThan(42);
  expect(Math.abs((seconds[0] ?? 0) - (seconds[1] ?? 0))).toBeLessThan(0.03);
}, 120_000);

test("a source that is another one by now is rendered anew, and so is what another size or rate asks for", async () => {
  await agent();
  await clip("red");
  await render("first", withText("one"));
  await clip("blue");
  const anew = await render("anew", withText("one"));
  expect(anew.reused).toBe(0);
  const { picture } = await likeness(file("first"), file("anew"));
  expect(picture).toBeLessThan(25);
  expect((await render("wider", withText("one", { width: 720 }))).reused).toBe(0);
  expect(await readdir(base.file("cache/renders/files"))).toHaveLength(3);
}, 120_000);
