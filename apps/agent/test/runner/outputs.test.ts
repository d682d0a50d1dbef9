import { once } from "node:events";
import { readdir, readFile, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import {
  argumentsOf,
  childrenOf,
  ffmpeg,
  ffprobe,
  frameDistances,
  freeUdpPort,
  isRunning,
  keyframeDistances,
  measured,
  REFUSING_PORT,
  type RtmpServer,
  run,
  secret,
  startRtmpServer,
  streamOf,
  type TemporaryFolder,
  temporaryFolder,
  videoPackets,
  volumeOverTime,
  waitFor,
} from "@stream-control/test-kit";
import { SMALL, TestRunner } from "./runner-kit.js";

const TEST_SOURCE = { type: "test" } as const;
let server: RtmpServer;
let outputs: TemporaryFolder;
const runners: TestRunner[] = [];

const start = async (...args: Parameters<typeof TestRunner.start>) => {
  const runner = await TestRunner.start(...args);
  runners.push(runner);
  return runner;
};

beforeAll(async () => {
  server = await startRtmpServer();
  outputs = await temporaryFolder("sc-out-");
});
afterEach(async () => {
  await Promise.all(runners.splice(0).map((runner) => runner.dispose()));
});
afterAll(async () => {
  await server.close();
  await outputs.remove();
});

const hiddenKey = secret("stream-key");

test("a stream arrives at an RTMP server as configured, and a stop ends it cleanly", async () => {
  const key = secret("stream-key");
  const runner = await start({
    source: TEST_SOURCE,
    destinations: [{ type: "rtmp", id: "main", url: server.url(), streamKey: key }],
    video: { width: 640, height: 360, fps: 30, bitrateKbps: 800 },
  });
  const client = await runner.client();
  expect(await client.event("hello")).toMatchObject({ jobId: "job-1", epoch: 1, pid: runner.pid, muted: false });
  await client.event("progress", ({ progress }) => progress.destinations?.[0]?.state === "LIVE");
  await client.event("status", ({ status }) => status === "RUNNING");
  await waitFor(() => server.live.has(`/live/${key}`));

  const recording = runner.folder.file("received.flv");
  await ffmpeg(["-rw_timeout", "15000000", "-i", server.url(key), "-t", "5", "-c", "copy", recording]);
  const media = await ffprobe(recording);
  expect(streamOf(media, "video")).toMatchObject({
    ...{ codec_name: "h264", profile: "High", width: 640, height: 360, pix_fmt: "yuv420p", r_frame_rate: "30/1" },
  });
  expect(streamOf(media, "audio")).toMatchObject({ codec_name: "aac", sample_rate: "48000", channels: 2 });
  const distances = keyframeDistances(await videoPackets(recording));
  expect(distances.length).toBeGreaterThanOrEqual(2);
  for (const distance of distances) expect(distance).toBeCloseTo(2, 1);

  const progress = client.all("progress").at(-1)?.progress;
  expect(progress).toMatchObject({ destinations: [{ id: "main", type: "rtmp", state: "LIVE", restarts: 0 }] });
  expect(progress?.frame).toBeGreaterThan(60);
  expect(progress?.speed).toBeGreaterThan(0.5);
  expect(progress?.destinations?.[0]?.target).toBe(`${server.url()}/[secret]`);

  expect(await client.command({ type: "stop" })).toMatchObject({ ok: true });
  const result = await runner.result();
  expect(result).toMatchObject({ status: "STOPPED" });
  expect(result.error).toBeUndefined();
  expect(client.all("ended")).toHaveLength(1);
  await expect(stat(runner.spec.socketPath)).rejects.toThrow("ENOENT");
  expect(JSON.stringify(client.events)).not.toContain(key);
}, 60_000);

/** The processes that the stream goes through: not the viewer, which may end and come back as it likes. */
async function streaming(runnerPid: number): Promise<number[]> {
  const children = await Promise.all(
    (await childrenOf(runnerPid)).map(async (pid) => ({
      pid,
      looksOn: (await argumentsOf(pid)).includes("image2pipe"),
    })),
  );
  return children.filter(({ looksOn }) => !looksOn).map(({ pid }) => pid);
}

test("mute silences the running program within half a second and without a gap in the picture", async () => {
  const runner = await start({
    source: TEST_SOURCE,
    destinations: [{ type: "rtmp", url: server.url(), streamKey: "mute-me" }],
    video: SMALL,
  });
  const client = await runner.client();
  await client.event("progress", ({ progress }) => progress.destinations?.[0]?.state === "LIVE");
  const before = await streaming(runner.pid);
  const recording = runner.folder.file("received.ts");
  const recorded = ffmpeg([
    ...["-rw_timeout", "15000000", "-i", server.url("mute-me"), "-t", "7", "-c", "copy", "-flush_packets", "1"],
    recording,
  ]);
  const seconds = async () => Number((await ffprobe(recording)).format.duration);
  await waitFor(async () => (await seconds()) > 2, { everyMs: 100 });
  const lookedAt = Date.now();
  const recordedThen = await seconds();
  // At most this much had been recorded when the command was sent: looking takes time, too.
  const askedAt = recordedThen + (Date.now() - lookedAt) / 1000;
  expect(await client.command({ type: "mute", muted: true })).toMatchObject({ ok: true });
  await waitFor(async () => (await seconds()) > askedAt + 2, { everyMs: 100 });
  expect(await client.command({ type: "mute", muted: false })).toMatchObject({ ok: true });
  await recorded;

  const sound = await volumeOverTime(recording);
  const firstSilent = sound.find(({ rmsDb }) => rmsDb < -80)?.time;
  const lastSilent = sound.findLast(({ rmsDb }) => rmsDb < -80)?.time;
  expect(firstSilent).toBeDefined();
  expect((firstSilent ?? 99) - askedAt).toBeLessThan(0.5);
  const silent = sound.filter(({ time }) => time >= (firstSilent ?? 0) && time <= (lastSilent ?? 0));
  expect(silent.length).toBeGreaterThan(10);
  expect(silent.every(({ rmsDb }) => rmsDb < -80)).toBe(true);
  expect(sound.slice(0, 10).every(({ rmsDb }) => rmsDb > -30)).toBe(true);
  expect(sound.slice(-5).every(({ rmsDb }) => rmsDb > -30)).toBe(true);
  expect(Math.max(...frameDistances(await videoPackets(recording)))).toBeLessThan(0.1);
  expect(await streaming(runner.pid)).toEqual(before);
}, 60_000);

test("a job that starts muted is silent from the first sample, until it is unmuted", async () => {
  const path = outputs.file("muted.mp4");
  const runner = await start(
    { source: TEST_SOURCE, destinations: [{ type: "file", path }], video: SMALL },
    { muted: true },
  );
  const client = await runner.client();
  expect(await client.event("hello")).toMatchObject({ muted: true });
  await client.event("progress", ({ progress }) => (progress.outTimeMs ?? 0) > 1500);
  expect(await client.command({ type: "mute", muted: false })).toMatchObject({ ok: true });
  const at = client.all("progress").at(-1)?.progress.outTimeMs ?? 0;
  await client.event("progress", ({ progress }) => (progress.outTimeMs ?? 0) > at + 1500);
  await client.command({ type: "stop" });
  expect(await runner.result()).toMatchObject({ status: "STOPPED" });
  const sound = await volumeOverTime(path);
  expect(sound.filter(({ time }) => time < 1.2).every(({ rmsDb }) => rmsDb < -80)).toBe(true);
  expect(sound.at(-2)?.rmsDb).toBeGreaterThan(-30);
}, 60_000);

test("one destination that refuses is given up alone while the others go on", async () => {
  const path = outputs.file("kept.mp4");
  const startedAt = performance.now();
  const runner = await start({
    source: TEST_SOURCE,
    destinations: [
      { type: "rtmp", id: "dead", url: `rtmp://127.0.0.1:${REFUSING_PORT}/live`, streamKey: hiddenKey },
      { type: "file", id: "record", path },
    ],
    video: SMALL,
  });
  const client = await runner.client();
  const failed = await client.event(
    "progress",
    ({ progress }) => progress.destinations?.[0]?.state === "FAILED" && progress.destinations[1]?.state === "LIVE",
    40_000,
  );
  measured("it never was there", { from: startedAt, to: performance.now() });
  expect(failed.progress.destinations?.[0]).toMatchObject({ id: "dead", restarts: 2 });
  expect(failed.progress.destinations?.[0]?.message).toContain("the connection was refused");
  expect(client.all("progress").some(({ progress }) => progress.destinations?.[0]?.state === "RETRYING")).toBe(true);
  const frame = failed.progress.frame ?? 0;
  await client.event("progress", ({ progress }) => (progress.frame ?? 0) > frame + 10);
  await client.command({ type: "stop" });
  expect(await runner.result()).toMatchObject({ status: "STOPPED" });
  expect(streamOf(await ffprobe(path), "video")).toMatchObject({ codec_name: "h264", width: 320 });
  expect(JSON.stringify(client.events)).not.toContain(hiddenKey);
}, 90_000);

test("a job whose only destination refuses fails with the reason", async () => {
  const runner = await start({
    source: TEST_SOURCE,
    destinations: [{ type: "rtmp", url: `rtmp://127.0.0.1:${REFUSING_PORT}/live`, streamKey: hiddenKey }],
    video: SMALL,
  });
  const result = await runner.result();
  expect(result).toMatchObject({
    status: "FAILED",
    error: { code: "STREAMING_FAILED", detail: { fault: "destination", cause: "REFUSED" } },
  });
  expect(JSON.stringify(result)).not.toContain(hiddenKey);
}, 60_000);

test("a destination that never answers holds nobody up, and a job that reached nobody has failed", async () => {
  const hole = createServer((socket) => socket.on("error", () => {})).listen(0, "127.0.0.1");
  await once(hole, "listening");
  const address = hole.address();
  const url = `rtmp://127.0.0.1:${typeof address === "object" ? address?.port : 0}/live`;
  const path = outputs.file("beside-the-hole.mp4");
  const config = { source: TEST_SOURCE, video: SMALL, durationSeconds: 3 };
  const silent = { type: "rtmp", url, streamKey: hiddenKey } as const;
  const quickEnd = { stopGraceMs: 500, killAfterMs: 500 };
  const both = await start({ ...config, destinations: [silent, { type: "file", path }] }, quickEnd);
  const alone = await start({ ...config, destinations: [silent] }, quickEnd);
  const patientSince = performance.now();
  const patient = await start({ source: TEST_SOURCE, video: SMALL, destinations: [silent] }, quickEnd);
  const client = await patient.client();
  expect(await both.result()).toMatchObject({
    status: "STOPPED",
    progress: { destinations: [{ state: "FAILED" }, { state: "ENDED" }] },
  });
  expect((await videoPackets(path)).length).toBeGreaterThanOrEqual(74);
  expect(await alone.result()).toMatchObject({ status: "FAILED", error: { code: "STREAMING_FAILED" } });
  // A job without an end does not wait for ever: its sender gives a silent server up after 10 s.
  await client.event("event", ({ event }) => event === "stream.destination_retrying", 60_000);
  measured(
    "it accepts and then reads nothing",
    { from: patientSince, to: performance.now() },
    { setting: { name: "10 s of silence", ms: 10_000 } },
  );
  hole.close();
}, 90_000);

test("a destination that goes away and comes back is taken up again alone", async () => {
  const other = await startRtmpServer();
  const runner = await start({
    source: TEST_SOURCE,
    destinations: [{ type: "rtmp", url: other.url(), streamKey: "again" }],
    video: SMALL,
  });
  const client = await runner.client();
  await client.event("progress", ({ progress }) => progress.destinations?.[0]?.state === "LIVE");
  const program = (await childrenOf(runner.pid))[0];
  await other.close();
  await client.event("progress", ({ progress }) => progress.destinations?.[0]?.state === "RETRYING");
  const back = await startRtmpServer({ port: other.port });
  try {
    const backAt = performance.now();
    await waitFor(() => back.live.has("/live/again"), { deadlineMs: 40_000 });
    measured("one of them refuses or breaks off", { from: backAt, to: performance.now() });
    await client.event(
      "progress",
      ({ progress }) => progress.destinations?.[0]?.state === "LIVE" && (progress.destinations[0].restarts ?? 0) > 0,
    );
    expect(await childrenOf(runner.pid)).toContain(program);
    await client.command({ type: "stop" });
    expect(await runner.result()).toMatchObject({ status: "STOPPED" });
  } finally {
    await back.close();
  }
}, 90_000);

test("an HLS folder is playable while it grows, and closed after the end", async () => {
  const path = outputs.file("hls");
  const runner = await start({
    source: TEST_SOURCE,
    destinations: [{ type: "hls", path, segmentSeconds: 1, listSize: 0 }],
    video: SMALL,
    durationSeconds: 4,
  });
  const playlist = `${path}/index.m3u8`;
  await waitFor(async () => (await readFile(playlist, "utf8")).includes("segment_000001.ts"));
  expect(streamOf(await ffprobe(playlist), "video")).toMatchObject({ codec_name: "h264", width: 320, height: 180 });
  expect(await runner.result()).toMatchObject({ status: "STOPPED" });
  const text = await readFile(playlist, "utf8");
  expect(text).toContain("#EXT-X-ENDLIST");
  for (const [, seconds] of text.matchAll(/#EXTINF:([\d.]+)/g)) expect(Number(seconds)).toBeLessThanOrEqual(1.05);
  expect((await readdir(path)).filter((name) => name.endsWith(".ts")).length).toBeGreaterThanOrEqual(4);
}, 60_000);

test("SRT arrives at a listener", async () => {
  const port = await freeUdpPort();
  const path = outputs.file("srt.ts");
  const receiver = run("ffmpeg", [
    ...["-hide_banner", "-nostdin", "-y", "-mode", "listener", "-passphrase", "a-long-passphrase"],
    ...["-i", `srt://127.0.0.1:${port}`, "-t", "3", "-c", "copy", path],
  ]);
  const runner = await start({
    source: TEST_SOURCE,
    destinations: [{ type: "srt", url: `srt://127.0.0.1:${port}`, passphrase: "a-long-passphrase" }],
    video: SMALL,
  });
  expect(await receiver).toMatchObject({ code: 0 });
  expect(streamOf(await ffprobe(path), "video")).toMatchObject({ codec_name: "h264", width: 320 });
  const client = await runner.client();
  await client.command({ type: "stop" });
  expect(await runner.result()).toMatchObject({ status: "STOPPED" });
}, 60_000);

test("recordings in every container hold what was sent, and a runner that is killed leaves them playable", async () => {
  const path = outputs.file("all");
  const formats = ["mp4", "mov", "mkv", "ts", "flv"] as const;
  const runner = await start({
    source: TEST_SOURCE,
    destinations: formats.map((format) => ({ type: "file" as const, path: `${path}/a.${format}` })),
    video: SMALL,
  });
  const client = await runner.client();
  await client.event("progress", ({ progress }) => (progress.outTimeMs ?? 0) > 4000);
  const children = await childrenOf(runner.pid);
  // The program, the senders and the viewer.
  expect(children).toHaveLength(2 + formats.length);
  runner.process.kill("SIGKILL");
  await waitFor(async () => !(await Promise.all(children.map(isRunning))).includes(true));
  for (const format of formats) {
    const media = await ffprobe(`${path}/a.${format}`);
    expect([format, streamOf(media, "video").codec_name]).toEqual([format, "h264"]);
    expect([format, streamOf(media, "audio").codec_name]).toEqual([format, "aac"]);
    await ffmpeg(["-xerror", "-v", "error", "-i", `${path}/a.${format}`, "-f", "null", "-"]);
  }
}, 60_000);

test("the stream key does not stand in the program's command line", async () => {
  const runner = await start({
    source: TEST_SOURCE,
    destinations: [{ type: "rtmp", url: server.url(), streamKey: "only-for-the-sender" }],
    video: SMALL,
  });
  const client = await runner.client();
  await client.event("status", ({ status }) => status === "RUNNING");
  const lines = await Promise.all((await childrenOf(runner.pid)).map(argumentsOf));
  const program = lines.find((args) => args.includes("-filter_complex") || args.includes("-vf"));
  expect(program?.join(" ")).not.toContain("only-for-the-sender");
}, 60_000);
