import { mkdir, readdir, readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { JobDetail } from "@stream-control/protocol";
import {
  ffmpeg,
  ffprobe,
  frameDistances,
  freePort,
  keyframeDistances,
  measured,
  type RtmpServer,
  secret,
  startRtmpServer,
  streamOf,
  videoPackets,
  waitFor,
} from "@stream-control/test-kit";
import WebSocket from "ws";
import { Listener } from "./listener.js";
import { runnersOf } from "./processes.js";
import { Room } from "./room.js";

const SMALL = { width: 640, height: 360, fps: 25, bitrateKbps: 600, preset: "ultrafast" };

describe("a stream that is scheduled on a real agent", () => {
  let room: Room;
  let rtmp: RtmpServer;

  beforeAll(async () => {
    [room, rtmp] = await Promise.all([Room.open(), startRtmpServer()]);
    await mkdir(room.media, { recursive: true });
    await room.startAgent();
  });
  afterAll(async () => {
    await room.close();
    await rtmp.close();
    expect(await runnersOf(room.folder.path)).toEqual([]);
  });

  const pushTo = (name: string) => ({
    source: { type: "test" },
    destinations: [{ type: "rtmp", url: rtmp.url(name) }],
    video: SMALL,
  });

  it("arrives at an RTMP server as configured, with a keyframe every two seconds", async () => {
    const { id } = await room.submit({ inlineConfig: pushTo("probe") });
    await room.until(id, "RUNNING");
    await waitFor(() => rtmp.live.has("/live/probe"), { what: "the publication" });

    const media = await ffprobe(rtmp.url("probe"), ["-rw_timeout", "20000000"]);
    expect(streamOf(media, "video")).toMatchObject({
      codec_name: "h264",
      width: 640,
      height: 360,
      avg_frame_rate: "25/1",
    });
    expect(streamOf(media, "audio")).toMatchObject({ codec_name: "aac", sample_rate: "48000", channels: 2 });
    const distances = keyframeDistances(await videoPackets(rtmp.url("probe"), 9));
    expect(distances.length).toBeGreaterThanOrEqual(3);
    for (const distance of distances) expect(distance).toBeCloseTo(2, 1);

    await room.stop(id);
    await waitFor(() => !rtmp.live.has("/live/probe"), { what: "the end of the publication" });
    const types = (await room.events(id)).map(({ type }) => type);
    expect(types).toEqual(
      expect.arrayContaining(["job.created", "job.assigned", "job.accepted", "job.running", "job.stopped"]),
    );
  });

  it("is silenced within half a second by a mute, without a gap in the picture, and comes back", async () => {
    const { id } = await room.submit({ inlineConfig: pushTo("mute") });
    await room.until(id, "RUNNING");
    await waitFor(() => rtmp.live.has("/live/mute"), { what: "the publication" });
    const listener = new Listener(rtmp.url("mute"));
    const file = room.folder.file("received.ts");
    const recording = ffmpeg(["-rw_timeout", "20000000", "-i", rtmp.url("mute"), "-t", "8", "-c", "copy", file]);
    try {
      await waitFor(() => listener.silent === false && Date.now() - listener.since > 1000, {
        what: "sound at the receiver",
      });
      const before = await runnersOf(room.folder.path);
      for (const [action, muted] of [
        ["mute", true],
        ["unmute", false],
      ] as const) {
        const asked = Date.now();
        expect((await room.post(`/v1/jobs/${id}/${action}`)).status).toBe(202);
        await waitFor(() => listener.silent === muted, { what: `${action} at the receiver` });
        expect(listener.since - asked).toBeLessThan(500);
        await waitFor(async () => (await room.job(id)).streamMetadata?.isMuted === muted, {
          what: `${action} in the metadata`,
        });
      }
      expect(await runnersOf(room.folder.path)).toEqual(before);
      await recording;
    } finally {
      await listener.close();
    }
    await room.stop(id);
    for (const distance of frameDistances(await videoPackets(file))) expect(distance).toBeLessThan(0.1);
  });

  it("goes to the platform of its metadata, and its key stays out of every log", async () => {
    const youtube = { streamUrl: rtmp.url().replace(/\/$/, ""), streamKey: secret("stream-key") };
    const { id } = await room.submit({
      inlineConfig: { source: { type: "test" }, video: SMALL },
      streamMetadata: { platform: "youtube", youtube },
    });
    await room.until(id, "RUNNING");
    await waitFor(() => rtmp.live.has(`/live/${youtube.streamKey}`), { what: "the publication" });
    const { progress } = await waitFor(
      async () => {
        const job = await room.job(id);
        return job.progress?.destinations === undefined ? undefined : job;
      },
      { what: "progress" },
    );
    await room.stop(id);
    expect(JSON.stringify(progress)).not.toContain(youtube.streamKey);
    expect(JSON.stringify(await room.events(id))).not.toContain(youtube.streamKey);
    expect(await room.logs()).not.toContain(youtube.streamKey);
  });

  it("leaves a playable file when it is stopped, while a destination that refuses stops nobody else", async () => {
    const refused = `rtmp://127.0.0.1:${await freePort()}/live/nobody`;
    const { id } = await room.submit({
      inlineConfig: {
        source: { type: "test" },
        destinations: [
          { type: "file", path: "recording.mp4" },
          { type: "rtmp", id: "refused", url: refused },
          { type: "rtmp", id: "works", url: rtmp.url("works") },
        ],
        video: SMALL,
      },
    });
    await waitFor(
      async () => {
        const destinations = (await room.job(id)).progress?.destinations ?? [];
        const states = new Map(destinations.map((destination) => [destination.id, destination.state]));
        return states.get("works") === "LIVE" && ["RETRYING", "FAILED"].includes(states.get("refused") ?? "");
      },
      { deadlineMs: 60_000, what: "one destination live and one refused" },
    );
    expect((await room.job(id)).status).toBe("RUNNING");
    await room.stop(id);
    const media = await ffprobe(`${room.media}/recording.mp4`);
    expect(streamOf(media, "video")).toMatchObject({ codec_name: "h264", width: 640, height: 360 });
    await ffmpeg(["-xerror", "-i", `${room.media}/recording.mp4`, "-f", "null", "/dev/null"]);
  });

  it("takes the short forms: a source and a file, a format, or a quality", async () => {
    const source = await room.submit({ inlineConfig: pushTo("source") });
    await room.until(source.id, "RUNNING");
    await waitFor(() => rtmp.live.has("/live/source"), { what: "the publication" });
    const streamUrl = rtmp.url("source");
    const path = `${room.media}/short.mp4`;
    const video = { preset: "ultrafast" };
    const jobs: JobDetail[] = [
      await room.submit({ inlineConfig: { streamUrl, outputPath: path, video: { ...SMALL } } }),
      await room.submit({ inlineConfig: { streamUrl, outputFormat: "mkv", video: { ...SMALL } } }),
      await room.submit({ inlineConfig: { streamUrl, quality: "240p", video } }),
    ];
    for (const { id } of jobs) await room.until(id, "RUNNING");
    for (const { id } of jobs)
      await waitFor(async () => ((await room.job(id)).progress?.outTimeMs ?? 0) > 3000, {
        what: "three seconds of output",
      });
    const [, recorded, preview] = jobs;
    const playlist = await (await fetch(`${room.url}/media/${preview?.id}/index.m3u8`)).text();
    expect(playlist).toContain("#EXTM3U");
    for (const { id } of jobs) await room.stop(id);
    await room.stop(source.id);
    expect(streamOf(await ffprobe(path), "video").height).toBe(360);
    expect(streamOf(await ffprobe(`${room.media}/${recorded?.id}.mkv`), "audio").codec_name).toBe("aac");
    const folder = `${room.media}/${preview?.id}`;
    expect((await readdir(folder)).filter((name) => name.endsWith(".ts")).length).toBeGreaterThan(0);
    expect(streamOf(await ffprobe(`${folder}/index.m3u8`), "video").height).toBe(240);
  });

  it("tells pages how it fares about once a second", async () => {
    const page = new WebSocket(`ws://127.0.0.1:${room.port}/ui`);
    const measured = new Map<string, number[]>();
    page.on("message", (data) => {
      const { type, payload } = JSON.parse(String(data)) as { type: string; payload: JobDetail };
      const at = payload.progress?.measuredAt;
      if (type === "ui.job.update" && at != null)
        measured.set(payload.id, [...(measured.get(payload.id) ?? []), Date.parse(at)]);
    });
    const { id } = await room.submit({ inlineConfig: { source: { type: "test" }, video: SMALL } });
    const times = await waitFor(() => ((measured.get(id)?.length ?? 0) >= 5 ? measured.get(id) : undefined), {
      what: "five measurements",
    });
    const job = await room.job(id);
    await room.stop(id);
    page.close();
    const span = (times.at(-1) ?? 0) - (times[0] ?? 0);
    expect(span / (times.length - 1)).toBeGreaterThan(500);
    expect(span / (times.length - 1)).toBeLessThan(2500);
    expect(job.progress).toMatchObject({
      fps: expect.any(Number),
      speed: expect.any(Number),
      droppedFrames: expect.any(Number),
    });
  });

  it("refuses on the agent what it may not read, write or understand, and says why", async () => {
    const outside = await room.submit({
      inlineConfig: { streamUrl: "rtmp://127.0.0.1/live/x", outputPath: "/etc/cron.d/x.mp4" },
    });
    const foreign = await room.submit({ inlineConfig: { streamUrl: "gopher://example.com/live" } });
    const wrong = await room.submit({ inlineConfig: { streamUrl: "rtmp://example.com/live", quality: "9000p" } });
    for (const { id } of [outside, foreign, wrong]) {
      const { error } = await room.until(id, "FAILED");
      expect(error?.code).toBe("CONFIG_INVALID");
    }
    expect((await room.job(outside.id)).error?.message).toContain("must lie below");
    expect((await room.job(wrong.id)).error?.message).toContain("quality");
  });

  it("goes on while the orchestrator is killed and started again, by the same process", async () => {
    const { id } = await room.submit({ inlineConfig: pushTo("survivor") });
    await room.until(id, "RUNNING");
    await waitFor(() => rtmp.live.has("/live/survivor"), { what: "the publication" });
    const before = await runnersOf(room.folder.path);
    await room.killOrchestrator();
    const startedAt = performance.now();
    await room.startOrchestrator();
    await waitFor(async () => (await room.agents()).some(({ state }) => state === "RUNNING"), {
      deadlineMs: 60_000,
      what: "the agent's return",
    });
    expect((await room.job(id)).status).toBe("RUNNING");
    measured("killed and started again within the lease", { from: startedAt, to: performance.now() });
    expect(await runnersOf(room.folder.path)).toEqual(before);
    expect(rtmp.published.filter((path) => path === "/live/survivor")).toHaveLength(1);
    await room.stop(id);
  });

  it("keeps no secret file readable by others while it runs", async () => {
    const { id } = await room.submit({ inlineConfig: pushTo("private") });
    await room.until(id, "RUNNING");
    const runners = `${room.agentData()}/runners`;
    const [folder] = await readdir(runners);
    const { mode } = await import("node:fs/promises").then(({ stat }) => stat(`${runners}/${folder}/spec.json`));
    expect(mode & 0o077).toBe(0);
    expect(JSON.parse(await readFile(`${runners}/${folder}/spec.json`, "utf8"))).toMatchObject({ jobId: id });
    await room.stop(id);
    await waitFor(async () => (await readdir(runners)).length === 0, { what: "the runner's folder to go" });
  });
});
