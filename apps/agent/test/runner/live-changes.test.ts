import { readFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import {
  ffmpeg,
  ffprobe,
  frameDistances,
  freePort,
  measured,
  REFUSING_PORT,
  type RtmpServer,
  startRtmpServer,
  streamOf,
  type TemporaryFolder,
  temporaryFolder,
  videoPackets,
  volumeOverTime,
  waitFor,
} from "@stream-control/test-kit";
import { camera, complaints, type Ends, onAir, record, SMALL, TestRunner } from "./runner-kit.js";

let server: RtmpServer;
let folder: TemporaryFolder;
const runners: TestRunner[] = [];
const ends: Ends = [];

beforeAll(async () => {
  server = await startRtmpServer();
  folder = await temporaryFolder("sc-live-");
});
afterEach(async () => {
  await Promise.all(runners.splice(0).map((runner) => runner.dispose()));
  await Promise.all(ends.splice(0).map((end) => end()));
});
afterAll(async () => {
  await server.close();
  await folder.remove();
});

const start = async (...args: Parameters<typeof TestRunner.start>) => {
  const runner = await TestRunner.start(...args);
  runners.push(runner);
  return runner;
};

test("destinations and inputs change, sound goes and a pause passes in one unbroken stream", async () => {
  const runner = await start({
    source: { type: "test", pattern: "smptebars" },
    destinations: [{ type: "rtmp", id: "main", url: server.url("changes") }],
    video: SMALL,
  });
  const client = await runner.client();
  await waitFor(() => server.live.has("/live/changes"));
  const file = folder.file("changes.flv");
  const stopRecording = record(ends, server.url("changes"), file);
  await waitFor(async () => (await readFile(file)).length > 20_000);
  const stateOf = (id: string) =>
    client
      .all("progress")
      .at(-1)
      ?.progress.destinations?.find((destination) => destination.id === id);

  // A recording joins, at a keyframe; its name is taken then.
  const path = folder.file("joined.ts");
  const added = { type: "destination.add", destination: { type: "file", id: "tape", path } };
  expect(await client.command(added)).toMatchObject({ ok: true });
  await waitFor(() => stateOf("tape")?.state === "LIVE");
  expect(await client.command(added)).toMatchObject({ ok: false, error: { code: "DESTINATION_EXISTS" } });

  // A recording onto a disk without room fails alone.
  const full = { type: "file", id: "full", path: "/dev/full", format: "ts" };
  const addedAt = performance.now();
  expect(await client.command({ type: "destination.add", destination: full })).toMatchObject({ ok: true });
  await client.event(
    "event",
    ({ event, message }) => event === "stream.destination_failed" && /disk is full/.test(message),
  );
  measured("the disk is full under a recording", { from: addedAt, to: performance.now() });
  await waitFor(() => stateOf("full")?.state === "FAILED");

  // What can't be opened changes nothing.
  const nowhere = { type: "rtsp", url: `rtsp://u:hush-hush@127.0.0.1:${REFUSING_PORT}/cam` };
  expect(await client.command({ type: "input.switch", source: nowhere })).toMatchObject({
    ok: false,
    error: { code: "SOURCE_UNREACHABLE", detail: { cause: "REFUSED" } },
  });
  const other = { type: "test", pattern: "testsrc2" };
  expect(await client.command({ type: "input.switch", source: other })).toMatchObject({ ok: true });
  await client.event("event", ({ event }) => event === "stream.input_switched");

  // The sound stays off through pause, pause's end and another input.
  expect(await client.command({ type: "mute", muted: true })).toMatchObject({ ok: true });
  const pausedAt = performance.now();
  expect(await client.command({ type: "pause", paused: true })).toMatchObject({ ok: true });
  await client.event("event", onAir("paused"));
  measured("pause and unpause", { from: pausedAt, to: performance.now() }, { until: "paused" });
  await client.event("progress", ({ progress }) => progress.onAir === "paused");
  const seen = client.events.length;
  const unpausedAt = performance.now();
  expect(await client.command({ type: "pause", paused: false })).toMatchObject({ ok: true });
  await waitFor(() => client.events.slice(seen).find(onAir("program")));
  measured("pause and unpause", { from: unpausedAt, to: performance.now() }, { until: "program" });
  expect(await client.command({ type: "input.switch", source: null })).toMatchObject({ ok: true });

  // The recording leaves, whole; the last destination can't.
  expect(await client.command({ type: "destination.remove", destinationId: "tape" })).toMatchObject({ ok: true });
  await waitFor(() => stateOf("tape") === undefined);
  expect(await client.command({ type: "destination.remove", destinationId: "main" })).toMatchObject({
    ok: false,
    error: { code: "LAST_DESTINATION" },
  });
  const { frame = 0 } = client.all("progress").at(-1)?.progress ?? {};
  await client.event("progress", ({ progress }) => (progress.frame ?? 0) > frame + 25);
  await stopRecording();
  await client.command({ type: "stop" });
  expect(await runner.result()).toMatchObject({ status: "STOPPED" });

  expect(server.published.filter((published) => published === "/live/changes")).toHaveLength(1);
  for (const recording of [file, path]) {
    expect(await complaints(recording)).toEqual([]);
    expect(Math.max(...frameDistances(await videoPackets(recording)))).toBeLessThan(0.5);
  }
  expect(streamOf(await ffprobe(path), "audio")).toMatchObject({ codec_name: "aac" });
  const sound = await volumeOverTime(file);
  const firstSilent = sound.findIndex(({ rmsDb }) => rmsDb < -80);
  expect(firstSilent).toBeGreaterThan(5);
  expect(sound.slice(firstSilent + 3).filter(({ rmsDb }) => rmsDb > -80)).toEqual([]);
  expect(JSON.stringify(client.events)).not.toContain("hush-hush");
}, 90_000);

test("a file that is paused onto nothing goes on where it was, and begins paused where that is asked", async () => {
  const clip = folder.file("clip.mp4");
  await ffmpeg([
    ...["-f", "lavfi", "-i", "testsrc2=s=320x180:r=25", "-f", "lavfi", "-i", "sine", "-t", "5"],
    ...["-c:v", "libx264", "-preset", "ultrafast", "-g", "25", clip],
  ]);
  const path = folder.file("paused.ts");
  const runner = await start(
    {
      source: { type: "file", path: clip },
      destinations: [
        { type: "file", path },
        { type: "hls", path: folder.file("hls") },
      ],
      video: SMALL,
      pause: { to: "nothing" },
    },
    { paused: true },
  );
  const client = await runner.client();
  expect(await client.event("hello")).toMatchObject({ paused: true });
  await client.event("progress", ({ progress }) => progress.onAir === "nothing");
  expect(await client.command({ type: "pause", paused: false })).toMatchObject({ ok: true });
  await client.event("progress", ({ progress }) => (progress.outTimeMs ?? 0) > 1500);
  const seen = client.events.length;
  expect(await client.command({ type: "pause", paused: true })).toMatchObject({ ok: true });
  const later = () => client.events.slice(seen);
  await waitFor(() => later().find(onAir("nothing")));
  const length = () => client.all("progress").at(-1)?.progress.outTimeMs ?? 0;
  const before = length();
  // Long enough for several reports without progress.
  const reports = client.all("progress").length;
  await waitFor(() => client.all("progress").length > reports + 2);
  expect(length()).toBeLessThan(before + 300);
  expect(await client.command({ type: "pause", paused: false })).toMatchObject({ ok: true });
  expect(await runner.result()).toMatchObject({ status: "STOPPED" });
  expect(await complaints(path)).toEqual([]);
  // All of the file, give or take the pictures around the pause, and no gap of its length.
  const packets = await videoPackets(path);
  expect(packets.length).toBeGreaterThan(110);
  expect(packets.length).toBeLessThan(150);
  expect(Math.max(...frameDistances(packets))).toBeLessThan(1.1);
}, 60_000);

test("a lease that nobody renews ends the job, also when the runner was frozen meanwhile", async () => {
  const config = { source: { type: "test" }, video: SMALL } as const;
  const runner = await start(
    { ...config, destinations: [{ type: "file", path: folder.file("leased.ts") }] },
    { leaseMs: 6000 },
  );
  const client = await runner.client();
  for (let round = 1; round <= 3; round += 1) {
    await client.event("progress", ({ progress }) => (progress.outTimeMs ?? 0) > round * 1000);
    expect(await client.command({ type: "lease.renew", leaseMs: 3000 })).toMatchObject({ ok: true });
  }
  expect(client.all("ended")).toEqual([]);
  expect(await runner.result()).toMatchObject({
    status: "FAILED",
    error: { code: "LEASE_EXPIRED", detail: { fault: "network" } },
  });

  const path = folder.file("frozen.ts");
  const frozen = await start({ ...config, destinations: [{ type: "file", path }] }, { leaseMs: 5000 });
  const other = await frozen.client();
  await other.event("progress", ({ progress }) => (progress.outTimeMs ?? 0) > 1000);
  expect(await other.command({ type: "lease.renew", leaseMs: 1000 })).toMatchObject({ ok: true });
  frozen.process.kill("SIGSTOP");
  const frozenAt = performance.now();
  await waitFor(() => performance.now() - frozenAt > 1500);
  const { length } = await readFile(path);
  const wokenAt = performance.now();
  frozen.process.kill("SIGCONT");
  expect(await frozen.result()).toMatchObject({ status: "FAILED", error: { code: "LEASE_EXPIRED" } });
  measured("the runner is frozen for longer than its lease", { from: wokenAt, to: performance.now() });
  expect((await readFile(path)).length).toBe(length);
}, 60_000);

test("a program that is slower than real time for too long is told of, and ends where that is asked", async () => {
  const port = await freePort();
  const url = `rtmp://127.0.0.1:${port}/live/camera`;
  camera(ends, url, 0.6);
  const runner = await start({
    source: { type: "rtmp", url, listen: true },
    destinations: [{ type: "file", path: folder.file("slow.ts") }],
    video: SMALL,
    slowEncoder: { forMs: 2000, action: "fail" },
  });
  const client = await runner.client();
  await client.event("progress", ({ progress }) => (progress.outTimeMs ?? 0) > 0);
  const slowSince = performance.now();
  const told = await client.event("event", ({ event }) => event === "stream.encoder_slow");
  expect(told.message).toMatch(/^The program runs at 0\.\d+ of real time: /);
  expect(await runner.result()).toMatchObject({ status: "FAILED", error: { code: "ENCODER_SLOW" } });
  measured(
    "slower than real time for too long",
    { from: slowSince, to: performance.now() },
    { setting: { name: "slowEncoder.forMs", ms: 2000 } },
  );
}, 60_000);

test("a job that uses too much of its machine is told of, and ends where that is asked", async () => {
  const runner = await start({
    source: { type: "test" },
    destinations: [{ type: "file", path: folder.file("limits.ts") }],
    video: SMALL,
    limits: { memoryMiB: 64, forMs: 1000, action: "restart" },
  });
  const client = await runner.client();
  await client.event("progress", ({ progress }) => (progress.cpuPercent ?? 0) > 0 && (progress.memoryMiB ?? 0) > 64);
  const overAt = performance.now();
  const exceeded = await client.event("event", ({ event }) => event === "stream.limit_exceeded");
  measured(
    "more CPU or memory than the job may use",
    { from: overAt, to: performance.now() },
    { setting: { name: "limits.forMs", ms: 1000 } },
  );
  expect(exceeded.message).toMatch(/^The job uses \d+ MiB of memory where 64 MiB are allowed\.$/);
  // A new encoder is no smaller than the old one.
  expect(await runner.result()).toMatchObject({ status: "FAILED", error: { code: "LIMIT_EXCEEDED" } });
  const names = client.all("event").map(({ event }) => event);
  expect(names.filter((name) => name === "stream.encoder_restarted")).toHaveLength(1);
}, 60_000);
