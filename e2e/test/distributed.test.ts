import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import {
  type JobRecord,
  orchestrateReplySchema,
  type RenderJobConfig,
  type RenderRequestInput,
  type RenderStatusBody,
  renderStatusSchema,
} from "@stream-control/protocol";
import { endGroup, ffmpeg, runnersIn, signal, videoPackets, waitFor } from "@stream-control/test-kit";
import { Room } from "./room.js";

let room: Room;
beforeEach(async () => {
  room = await Room.open();
  await mkdir(room.media, { recursive: true });
});
afterEach(() => room.close());

/** Some seconds of work for each of four parts. */
const FILM: RenderRequestInput = {
  ...{ width: 640, height: 360, fps: 30, template: "distributed" },
  elements: [
    { type: "shape", duration: 48, effects: [{ type: "fade_in", duration: 48 }] },
    { type: "shape", duration: 48, width: "50%", effects: [{ type: "fade_out", duration: 40 }] },
  ],
};
const FRAMES = 1440;

async function queued(request: RenderRequestInput): Promise<void> {
  const answer = await room.call("/api/v1/orchestrate", {
    method: "POST",
    headers: { "Content-Type": "application/json", Prefer: "respond-async" },
    body: JSON.stringify(request),
  });
  expect([answer.status, orchestrateReplySchema.parse(await answer.json()).status]).toEqual([202, "queued"]);
}
const status = async (id: string): Promise<RenderStatusBody> =>
  renderStatusSchema.parse(await (await room.call(`/api/v1/jobs/${id}/status`)).json());
const percent = ({ progress }: RenderStatusBody) => Number.parseInt(progress, 10);

/** Waits for the end; progress must never go back. @returns the file. */
async function completed(id: string): Promise<string> {
  let before = 0;
  const done = await waitFor(
    async () => {
      const body = await status(id);
      expect(body.status).not.toBe("failed");
      expect(percent(body)).toBeGreaterThanOrEqual(before);
      before = percent(body);
      return body.status === "completed" ? body : undefined;
    },
    { deadlineMs: 150_000, what: "the end of the render" },
  );
  return join(room.media, decodeURIComponent(new URL(done.result_url ?? "").pathname).replace("/media/", ""));
}

const taskOf = (job: JobRecord) => (job.inlineConfig as unknown as RenderJobConfig).task;
const pictures = async () => (await room.jobs()).filter((job) => taskOf(job)?.type === "frames");
const twoAgents = (env: Record<string, string> = {}) =>
  Promise.all(["one", "two"].map((id) => room.startAgent(id, { SLOTS: "1", ...env })));
/** The job that an agent renders at this moment. */
const atWork = (agentId: string) =>
  waitFor(async () => (await pictures()).find((job) => job.agentId === agentId && (job.progress?.frame ?? 0) > 20), {
    deadlineMs: 60_000,
    what: `frames from ${agentId}`,
  });

test("a render in parts is what it would be in one, and leaves nothing but its file", async () => {
  await twoAgents();
  const source = ["-f", "lavfi", "-i", "testsrc2=s=160x90:r=25:d=12", "-f", "lavfi", "-i", "sine=d=12"];
  await ffmpeg([...source, "-shortest", "-c:v", "libx264", "-pix_fmt", "yuv420p", join(room.media, "clip.mp4")]);
  const request: RenderRequestInput = {
    ...{ width: 160, height: 90, fps: 30 },
    elements: [
      { type: "video", source: "clip.mp4", effects: [{ type: "fade_out", duration: 5 }] },
      { type: "text", text: "Final", time: 2, duration: 9, effects: [{ type: "fade_in", duration: 6 }] },
    ],
  };
  await queued({ ...request, id: "one" });
  const one = await completed("one");
  await queued({ ...request, id: "parts", template: "distributed" });
  const many = await completed("parts");
  const parts = await pictures();
  expect(parts.length).toBeGreaterThan(1);
  expect(new Set(parts.map(({ agentId }) => agentId)).size).toBe(2);
  expect(await videoPackets(many)).toHaveLength(360);
  const [exact, joined] = await Promise.all([one, many].map(decoded));
  expect(joined?.sound.equals(exact?.sound ?? Buffer.alloc(0))).toBe(true);
  const size = 160 * 90;
  for (let frame = 0; frame < 360; frame += 1) {
    const [a, b] = [exact, joined].map((film) => film?.picture.subarray(frame * size, (frame + 1) * size));
    const difference = (a ?? Buffer.alloc(0)).reduce((sum, value, at) => sum + Math.abs(value - (b?.[at] ?? 255)), 0);
    expect(difference / size).toBeLessThan(4);
  }
  await waitFor(async () => (await readdir(room.media)).length === 3, { what: "the end of the parts' files" });
}, 180_000);

async function decoded(path: string) {
  await ffmpeg(["-i", path, "-map", "v:0", "-pix_fmt", "gray", "-f", "rawvideo", `${path}.gray`]);
  await ffmpeg(["-i", path, "-map", "a:0", "-f", "s16le", `${path}.pcm`]);
  return { picture: await readFile(`${path}.gray`), sound: await readFile(`${path}.pcm`) };
}

test("a part whose agent dies is rendered by another one", async () => {
  await twoAgents();
  await queued({ ...FILM, id: "film" });
  const lost = await atWork("two");
  const [runner] = await runnersIn(room.agentData("two"));
  await room.killAgent("two");
  endGroup(runner?.pid ?? 0);
  expect(await videoPackets(await completed("film"))).toHaveLength(FRAMES);
  const parts = await pictures();
  const first = (job: JobRecord) => (taskOf(job) as { firstFrame: number }).firstFrame;
  const same = parts.filter((job) => first(job) === first(lost));
  expect(same.some(({ status: at, agentId }) => at === "STOPPED" && agentId === "one")).toBe(true);
}, 180_000);

test("a part that stands still is begun a second time on an idle agent, and the first that is done counts", async () => {
  await twoAgents();
  await queued({ ...FILM, id: "film" });
  const stuck = await atWork("two");
  const [runner] = await runnersIn(room.agentData("two"));
  for (const pid of [runner?.pid ?? 0, ...(runner?.children ?? [])]) signal(pid, "SIGSTOP");
  expect(await videoPackets(await completed("film"))).toHaveLength(FRAMES);
  const first = (job: JobRecord) => (taskOf(job) as { firstFrame: number }).firstFrame;
  const tries = (await pictures()).filter((job) => first(job) === first(stuck));
  expect(tries).toHaveLength(2);
  expect(tries.find(({ id }) => id !== stuck.id)).toMatchObject({ status: "STOPPED", agentId: "one" });
  // The other one is not left running.
  await waitFor(async () => ["STOPPED", "FAILED"].includes((await room.job(stuck.id)).status), { deadlineMs: 60_000 });
  await waitFor(async () => (await readdir(room.media)).length === 1, { deadlineMs: 60_000, what: "one folder" });
}, 180_000);

test("an orchestrator that is killed in the middle goes on with the parts that there are", async () => {
  await twoAgents();
  await queued({ ...FILM, id: "film" });
  await waitFor(async () => (await pictures()).some(({ status: at }) => at === "STOPPED"), { deadlineMs: 90_000 });
  const before = await pictures();
  await room.killOrchestrator();
  await room.startOrchestrator();
  expect(await videoPackets(await completed("film"))).toHaveLength(FRAMES);
  const after = await pictures();
  expect(after.map(({ id }) => id).sort()).toEqual(before.map(({ id }) => id).sort());
  const ends = (jobs: JobRecord[]) =>
    jobs
      .filter(({ id }) => before.some((job) => job.id === id && job.status === "STOPPED"))
      .map(({ endedAt }) => endedAt);
  expect(ends(after)).toEqual(ends(before));
}, 180_000);
