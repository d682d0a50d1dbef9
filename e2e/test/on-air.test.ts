import { mkdir } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { JobDetail } from "@stream-control/protocol";
import {
  ffmpeg,
  frameDistances,
  measured,
  type RtmpServer,
  startRtmpServer,
  videoPackets,
  waitFor,
} from "@stream-control/test-kit";
import { Camera } from "./camera.js";
import { runnersOf } from "./processes.js";
import { Room } from "./room.js";

const SMALL = { width: 320, height: 180, fps: 25, bitrateKbps: 300, preset: "ultrafast" };

describe("a stream that has to stay on air", () => {
  let room: Room;
  let rtmp: RtmpServer;
  const cameras: Camera[] = [];

  beforeAll(async () => {
    [room, rtmp] = await Promise.all([Room.open(), startRtmpServer()]);
    await mkdir(room.media, { recursive: true });
    await room.startAgent();
  });
  afterAll(async () => {
    for (const camera of cameras) await camera.unplug();
    await room.close();
    await rtmp.close();
    expect(await runnersOf(room.folder.path)).toEqual([]);
  });

  const plugIn = async (name: string): Promise<Camera> => {
    const camera = await Camera.plugIn(rtmp, name);
    cameras.push(camera);
    return camera;
  };
  const pushTo = (name: string, more: object = {}) => ({
    source: { type: "test" },
    destinations: [{ type: "rtmp", url: rtmp.url(name) }],
    video: SMALL,
    ...more,
  });
  const onAir = (id: string, what: string) =>
    waitFor(async () => ((await room.job(id)).progress?.onAir === what ? true : undefined), {
      deadlineMs: 30_000,
      what,
    });
  const times = (path: string) => rtmp.published.filter((published) => published === path).length;

  it("shows the slate while its camera is away and comes back, all in one publication", async () => {
    const camera = await plugIn("camera");
    const config = pushTo("out", { source: { type: "rtmp", url: rtmp.url("camera") } });
    const { id } = await room.submit({ inlineConfig: config });
    await room.until(id, "RUNNING");
    await waitFor(() => rtmp.live.has("/live/out"), { what: "the publication" });
    await onAir(id, "program");
    const file = room.folder.file("viewer.ts");
    const viewer = ffmpeg(["-rw_timeout", "20000000", "-i", rtmp.url("out"), "-t", "12", "-c", "copy", file]);
    await camera.unplug();
    await onAir(id, "slate");
    expect((await room.job(id)).status).toBe("RUNNING");
    await plugIn("camera");
    await onAir(id, "program");
    await viewer;
    await room.stop(id);
    expect(times("/live/out")).toBe(1);
    await ffmpeg(["-xerror", "-i", file, "-f", "null", "/dev/null"]);
    for (const distance of frameDistances(await videoPackets(file))) expect(distance).toBeLessThan(1.5);
    const types = (await room.events(id)).map(({ type }) => type);
    expect(types).toEqual(expect.arrayContaining(["stream.source_lost", "stream.on_air", "stream.source_back"]));
  });

  it("is paused, gets another destination and another input, all while it is live", async () => {
    const { id } = await room.submit({ inlineConfig: pushTo("one") });
    await room.until(id, "RUNNING");
    await waitFor(() => rtmp.live.has("/live/one"), { what: "the publication" });

    expect((await room.post(`/v1/jobs/${id}/pause`)).status).toBe(202);
    await onAir(id, "paused");
    expect((await room.job(id)).streamMetadata?.isPaused).toBe(true);
    expect((await room.post(`/v1/jobs/${id}/unpause`)).status).toBe(202);
    await onAir(id, "program");

    const destination = { type: "rtmp", id: "second", url: rtmp.url("two") };
    expect((await room.post(`/v1/jobs/${id}/destinations`, { destination })).status).toBe(201);
    await waitFor(() => rtmp.live.has("/live/two"), { what: "the second destination" });
    expect((await room.post(`/v1/jobs/${id}/destinations`, { destination })).status).toBe(409);
    const removed = await fetch(`${room.url}/v1/jobs/${id}/destinations/second`, { method: "DELETE" });
    expect(removed.status).toBe(200);
    await waitFor(() => !rtmp.live.has("/live/two"), { what: "the second destination to go" });

    await plugIn("other");
    const source = { type: "rtmp", url: rtmp.url("other") };
    expect((await room.post(`/v1/jobs/${id}/input`, { source })).status).toBe(200);
    const refused = await room.post(`/v1/jobs/${id}/input`, { source: { type: "file", path: "/etc/passwd" } });
    expect(refused.status).toBe(422);
    await onAir(id, "program");
    await room.stop(id);
    expect(times("/live/one")).toBe(1);
  });

  it("goes on by itself while its agent is killed, and the next agent has it at once", async () => {
    const { id } = await room.submit({ inlineConfig: pushTo("orphan") });
    await room.until(id, "RUNNING");
    await waitFor(() => rtmp.live.has("/live/orphan"), { what: "the publication" });
    const before = await runnersOf(room.folder.path);
    await room.killAgent();
    await room.startAgent();
    expect(await runnersOf(room.folder.path)).toEqual(before);
    await room.until(id, "RUNNING");
    expect((await room.post(`/v1/jobs/${id}/mute`)).status).toBe(202);
    await waitFor(async () => (await room.job(id)).streamMetadata?.isMuted === true, { what: "the mute" });
    await room.stop(id);
    expect(times("/live/orphan")).toBe(1);
  });

  it("moves to another agent when its own is lost for good, and never runs on both", async () => {
    await room.startAgent("encoder-2");
    const { id } = await room.submit({ inlineConfig: pushTo("mover"), restartPolicy: "onFailure" });
    const { agentId } = await room.until(id, "RUNNING");
    await waitFor(() => rtmp.live.has("/live/mover"), { what: "the publication" });
    const lost = agentId ?? "";
    const killedAt = performance.now();
    await room.killAgent(lost);
    await waitFor(() => !rtmp.live.has("/live/mover"), { what: "the old publication to end" });
    const moved: JobDetail = await waitFor(
      async () => {
        const job = await room.job(id);
        return job.status === "RUNNING" && job.agentId !== lost ? job : undefined;
      },
      { deadlineMs: 30_000, what: "the job on the other agent" },
    );
    expect(moved.epoch).toBe(2);
    // The server refuses a second publisher of the same name, so that two at once would have failed the job.
    await waitFor(() => rtmp.live.has("/live/mover"), { what: "the publication by the other agent" });
    measured(
      "the machine is dead; the job may move",
      { from: killedAt, to: performance.now() },
      { until: "stream at the server again", setting: { name: "LEASE_MS", ms: 3000 } },
    );
    await room.stop(id);
    await room.startAgent(lost);
    await waitFor(async () => (await runnersOf(room.folder.path)).length === 0, { what: "every runner to be gone" });
  });

  it("leaves a draining agent for another one", async () => {
    const { id } = await room.submit({ inlineConfig: pushTo("drained"), restartPolicy: "onFailure" });
    const { agentId } = await room.until(id, "RUNNING");
    await waitFor(() => rtmp.live.has("/live/drained"), { what: "the publication" });
    const askedAt = performance.now();
    expect((await room.post(`/v1/agents/${agentId}/drain`, { drain: true, migrate: true })).status).toBe(200);
    await waitFor(
      async () => {
        const job = await room.job(id);
        return job.status === "RUNNING" && job.agentId !== agentId;
      },
      { deadlineMs: 30_000, what: "the job on the other agent" },
    );
    await waitFor(() => rtmp.live.has("/live/drained"), { what: "the publication by the other agent" });
    measured("a drain with migrate", { from: askedAt, to: performance.now() });
    await room.post(`/v1/agents/${agentId}/drain`, { drain: false });
    await room.stop(id);
  });
});
