import { mkdir, readdir, writeFile } from "node:fs/promises";
import { describe, expect, test } from "@jest/globals";
import { type TemporaryFolder, temporaryFolder, waitFor } from "@stream-control/test-kit";
import { House } from "./house.js";
import type { Assignment, SeedAgent } from "./seed-agent.js";

/** Forty minutes in 1080p. */
const LARGE = { width: 1920, height: 1080, elements: [{ type: "shape", duration: 2400 }] };
const FRAMES = 72_000;
const SOON = { Prefer: "respond-async" };

/** An agent that takes parts of renders, and does with them what the test says. */
async function renderer(house: House, agentId: string, slots = 1): Promise<SeedAgent> {
  const begin = (agent: SeedAgent, assignment: Assignment) => {
    agent.ack(assignment);
    agent.update(assignment.jobId, "RUNNING");
  };
  return house.agent({ agentId, slots, features: ["renders"], onAssign: begin });
}

const taskOf = ({ config }: Assignment) => config.task;
const partsOf = (agents: readonly SeedAgent[]) =>
  agents.flatMap(({ assignments }) => assignments).filter((one) => taskOf(one)?.type === "frames");

/** The agent's file is there, and it says so. */
async function finish(folder: TemporaryFolder, agent: SeedAgent, { jobId, config }: Assignment): Promise<string> {
  const { task } = config;
  const file = `${jobId}/${task.type === "frames" ? `frames-${task.firstFrame}` : "render"}.mp4`;
  await mkdir(folder.file(jobId), { recursive: true });
  await writeFile(folder.file(file), "film");
  const frame = task.frames ?? task.totalFrames;
  const render = { step: "done", totalFrames: frame, elapsedMs: 1000, bytes: 4, file };
  agent.stopped(jobId, "STOPPED", { progress: { frame, render } });
  return file;
}

describe("a large render", () => {
  test("is cut for all agents that render, joined in order, and leaves one file", async () => {
    await using folder = await temporaryFolder();
    await using house = await House.open({ mediaDir: folder.path });
    const alone = await house.api("POST", "/api/v1/orchestrate?dryRun=true", LARGE);
    expect(alone.body).toMatchObject({ complexity: "enterprise", template: "resource_intensive" });
    const agents = await Promise.all(["a", "b"].map((id) => renderer(house, id)));
    const dry = await house.api("POST", "/api/v1/orchestrate?dryRun=true", LARGE);
    expect(dry.body).toMatchObject({ template: "distributed", response: "queued", timeout_ms: 5_400_000 });

    expect((await house.api("POST", "/api/v1/orchestrate", { ...LARGE, id: "film" }, SOON)).status).toBe(202);
    const status = async () => (await house.api("GET", "/api/v1/jobs/film/status")).body;
    const files = new Map<number, string>();
    for (let done = 0; done < 4; done += 1) {
      const part = await waitFor(() => partsOf(agents).find((one) => !files.has(taskOf(one).firstFrame)));
      const agent = agents.find(({ assignments }) => assignments.includes(part)) as SeedAgent;
      const { firstFrame, frames } = taskOf(part);
      const half = { frame: Math.floor(frames / 2), fps: 10, render: { step: "rendering", totalFrames: frames } };
      agent.update(part.jobId, "RUNNING", { progress: half });
      const percent = Math.floor((100 * (done * frames + frames / 2)) / FRAMES);
      await waitFor(async () => Math.abs(Number.parseInt((await status()).progress, 10) - percent) <= 1);
      expect(await status()).toMatchObject({ status: "processing", current_step: "video_processing" });
      files.set(firstFrame, await finish(folder, agent, part));
    }
    const ranges = partsOf(agents).map((one) => taskOf(one));
    expect(ranges.reduce((sum, { frames }) => sum + frames, 0)).toBe(FRAMES);
    expect(new Set(partsOf(agents).map(({ jobId }) => jobId)).size).toBe(4);

    const merge = await waitFor(() =>
      agents.flatMap(({ assignments }) => assignments).find((one) => taskOf(one)?.type === "merge"),
    );
    const inOrder = [...files].sort(([a], [b]) => a - b).map(([, file]) => file);
    expect(taskOf(merge).parts.map(({ key }: { key: string }) => key)).toEqual(inOrder);
    expect([taskOf(merge).sound, taskOf(merge).totalFrames, merge.config.request.template]).toEqual([
      ...[undefined, FRAMES, undefined],
    ]);
    const agent = agents.find(({ assignments }) => assignments.includes(merge)) as SeedAgent;
    await finish(folder, agent, merge);
    const done = await waitFor(async () => ((await status()).status === "completed" ? status() : undefined));
    expect(done.result_url).toContain(`/media/${merge.jobId}/render.mp4`);
    await waitFor(async () => (await readdir(folder.path)).length === 1);
    expect(await readdir(folder.path)).toEqual([merge.jobId]);
  }, 30_000);

  test("has a part that failed by chance made elsewhere, and ends as a whole where nothing can help", async () => {
    await using folder = await temporaryFolder();
    const restart = { maxRestarts: 0, baseMs: 1, maxMs: 1, goodRunMs: 60_000 };
    await using house = await House.open({ mediaDir: folder.path, restart });
    const [a, b] = await Promise.all([renderer(house, "a", 8), renderer(house, "b", 8)]);
    await house.api("POST", "/api/v1/orchestrate", { ...LARGE, id: "film" }, SOON);
    await waitFor(() => partsOf([a, b]).length === 4);
    const [first, second] = a.assignments;
    if (first === undefined || second === undefined) throw new Error("The agent has no parts.");
    await finish(folder, a, second);
    const fail = (agent: SeedAgent, { jobId }: Assignment, detail: object) =>
      agent.stopped(jobId, "FAILED", { error: { code: "FFMPEG_EXITED", message: "It broke.", detail } });
    const same = (one: Assignment) => taskOf(one).firstFrame === taskOf(first).firstFrame && one.jobId !== first.jobId;
    // The job tries it again by itself; then it is another one's turn.
    for (let seen = 0; partsOf([b]).every((one) => !same(one)); ) {
      const tries = a.assignments.filter(({ jobId }) => jobId === first.jobId);
      if (tries.length > seen) {
        seen = tries.length;
        fail(a, first, { fault: "agent", retryable: true });
      }
      await waitFor(
        () => a.assignments.filter(({ jobId }) => jobId === first.jobId).length > seen || partsOf([b]).some(same),
        {
          deadlineMs: 20_000,
        },
      );
    }
    const again = await waitFor(() => partsOf([b]).find(same));
    expect(again.config.avoidAgents).toEqual(["a"]);

    fail(b, again, { fault: "source", retryable: false });
    const end = await waitFor(async () => {
      const { body } = await house.api("GET", "/api/v1/jobs/film/status");
      return body.status === "failed" ? body : undefined;
    });
    expect(end).toMatchObject({ error: { code: "FFMPEG_EXITED", message: "It broke." } });
    // Nobody works on for nothing, and what was made is gone.
    const jobs = (await house.api("GET", "/v1/jobs")).body as { status: string }[];
    expect(jobs.filter(({ status }) => !["STOPPED", "FAILED", "CANCELED"].includes(status))).toEqual([]);
    expect(await readdir(folder.path)).toEqual([]);
  }, 60_000);

  test("is cancelled with all of its parts when one of them is stopped by hand", async () => {
    await using folder = await temporaryFolder();
    await using house = await House.open({ mediaDir: folder.path });
    const agents = await Promise.all(["a", "b"].map((id) => renderer(house, id, 2)));
    await house.api("POST", "/api/v1/orchestrate", { ...LARGE, id: "film" }, SOON);
    const part = await waitFor(() => (partsOf(agents).length === 4 ? partsOf(agents)[0] : undefined));
    await house.api("POST", `/v1/jobs/${part.jobId}/stop`);
    await waitFor(async () => (await house.api("GET", "/api/v1/jobs/film/status")).body.status === "cancelled");
    const jobs = (await house.api("GET", "/v1/jobs")).body as { status: string }[];
    expect(jobs.map(({ status }) => status)).toEqual(["STOPPED", "STOPPED", "STOPPED", "STOPPED"]);
  }, 30_000);
});
