import { readFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import {
  childrenOf,
  ffmpeg,
  frameDistances,
  freePort,
  freeUdpPort,
  measured,
  REFUSING_PORT,
  type RtmpServer,
  startRtmpServer,
  type TemporaryFolder,
  temporaryFolder,
  videoPackets,
  waitFor,
} from "@stream-control/test-kit";
import { camera, complaints, type Ends, onAir, record, SMALL, TestRunner, workersOf } from "./runner-kit.js";

let server: RtmpServer;
let folder: TemporaryFolder;
const runners: TestRunner[] = [];
const ends: Ends = [];

beforeAll(async () => {
  server = await startRtmpServer();
  folder = await temporaryFolder("sc-air-");
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

test("a source that ends, hangs and comes back costs viewers a slate and nothing else", async () => {
  const port = await freePort();
  const publisher = camera(ends, `rtmp://127.0.0.1:${port}/live/camera`);
  const runner = await start({
    source: { type: "rtmp", url: `rtmp://127.0.0.1:${port}/live/camera`, listen: true },
    destinations: [{ type: "rtmp", id: "main", url: server.url("onair") }],
    video: SMALL,
    sourceLoss: { slate: { kind: "text" }, returnAfterMs: 500 },
  });
  const client = await runner.client();
  await waitFor(() => server.live.has("/live/onair"), { deadlineMs: 30_000 });
  const file = folder.file("onair.flv");
  const stopRecording = record(ends, server.url("onair"), file);
  await waitFor(async () => (await readFile(file)).length > 20_000);

  // Unplugged: the connection ends.
  const killedAt = performance.now();
  publisher.signal("SIGKILL");
  await client.event("event", onAir("slate"));
  measured("it ends: unplugged, server gone, decoder dead", { from: killedAt, to: performance.now() });
  await client.event("event", onAir("program"));
  expect(client.all("event").map(({ event }) => event)).toEqual(
    expect.arrayContaining(["stream.source_lost", "stream.on_air", "stream.source_back"]),
  );

  // Hangs: the connection stays and nothing comes.
  const seen = client.events.length;
  publisher.signal("SIGSTOP");
  const frozenAt = performance.now();
  const later = () => client.events.slice(seen).filter((event) => event.type === "event");
  await waitFor(() => later().find(onAir("slate")));
  const slateAt = performance.now();
  expect(slateAt - frozenAt).toBeLessThan(2000);
  measured("it hangs: connected, no frame", { from: frozenAt, to: slateAt }, { setting: { name: "graceMs", ms: 500 } });
  publisher.signal("SIGCONT");
  await waitFor(() => later().find(onAir("program")));

  await stopRecording();
  expect(server.published.filter((path) => path === "/live/onair")).toHaveLength(1);
  expect(await complaints(file)).toEqual([]);
  expect(Math.max(...frameDistances(await videoPackets(file)))).toBeLessThan(1);
  expect(client.all("progress").at(-1)?.progress.destinations?.[0]).toMatchObject({ state: "LIVE", restarts: 0 });
  await client.command({ type: "stop" });
  expect(await runner.result()).toMatchObject({ status: "STOPPED" });
  expect(await childrenOf(runner.pid)).toEqual([]);
}, 90_000);

test("a backup is shown instead of the slate, and the program comes back only by hand where that is asked", async () => {
  const port = await freePort();
  const url = `rtmp://127.0.0.1:${port}/live/camera`;
  const publisher = camera(ends, url);
  const runner = await start({
    source: { type: "rtmp", url, listen: true },
    destinations: [{ type: "file", path: folder.file("backup.ts") }],
    video: SMALL,
    sourceLoss: {
      ...{ slate: { kind: "image", path: folder.file("missing.png") }, returnTo: "manual", returnAfterMs: 0 },
      backup: { type: "test", pattern: "smptebars" },
    },
  });
  const client = await runner.client();
  await client.event("status", ({ status }) => status === "RUNNING");
  // A slate that can't be made is known before it is needed.
  await client.event("event", ({ event }) => event === "stream.slate_failed");
  publisher.signal("SIGKILL");
  await client.event("event", onAir("backup"));
  await client.event("progress", ({ progress }) => progress.onAir === "backup");
  // It is there again, and not taken.
  await waitFor(async () => (await workersOf(runner.pid)).length === 3);
  const { frame = 0 } = client.all("progress").at(-1)?.progress ?? {};
  await client.event("progress", ({ progress }) => (progress.frame ?? 0) > frame + 40);
  expect(client.all("event").some(onAir("program"))).toBe(false);
  const askedAt = performance.now();
  expect(await client.command({ type: "input.switch", source: null })).toMatchObject({ ok: true });
  await client.event("event", onAir("program"));
  measured("it is back, but is not to be taken by itself (returnTo: manual)", { from: askedAt, to: performance.now() });
  await client.command({ type: "stop" });
  expect(await runner.result()).toMatchObject({ status: "STOPPED" });
  expect(await complaints(folder.file("backup.ts"))).toEqual([]);
}, 60_000);

test("a source that stays away ends the job when that is asked, and one that never came is replaced by its backup", async () => {
  const port = await freePort();
  const url = `rtmp://127.0.0.1:${port}/live/camera`;
  const publisher = camera(ends, url);
  const runner = await start({
    source: { type: "rtmp", url, listen: true },
    destinations: [{ type: "file", path: folder.file("away.ts") }],
    video: SMALL,
    sourceLoss: { giveUpAfterMs: 1500, slate: { kind: "color", color: "#0000ff" } },
  });
  const client = await runner.client();
  await client.event("status", ({ status }) => status === "RUNNING");
  const leftAt = performance.now();
  await publisher.end();
  expect(await runner.result()).toMatchObject({ status: "FAILED", error: { detail: { fault: "source" } } });
  measured("it stays away", { from: leftAt, to: performance.now() }, { setting: { name: "giveUpAfterMs", ms: 1500 } });
  expect(client.all("event").some(onAir("slate"))).toBe(true);

  const other = await start({
    source: { type: "rtsp", url: `rtsp://127.0.0.1:${REFUSING_PORT}/cam` },
    destinations: [{ type: "file", path: folder.file("never.ts") }],
    video: SMALL,
    sourceLoss: { backup: { type: "test" } },
  });
  const otherClient = await other.client();
  await otherClient.event("status", ({ status }) => status === "RUNNING");
  await otherClient.event("progress", ({ progress }) => progress.onAir === "backup");
  await otherClient.event("event", ({ event }) => event === "stream.source_retry_failed");
}, 60_000);

test("a black, a frozen and a silent source count as lost where that is asked", async () => {
  const clip = folder.file("faults.mp4");
  const moving = (seconds: number) => `testsrc2=s=320x180:r=25:d=${seconds}`;
  const tone = (seconds: number) => `sine=d=${seconds}`;
  const parts: [string, string][] = [
    [moving(2), tone(2)],
    ["color=c=black:s=320x180:r=25:d=2.4", tone(2.4)],
    [moving(2), tone(2)],
    ["color=c=gray:s=320x180:r=25:d=2.6", tone(2.6)],
    [moving(2), tone(2)],
    [moving(2.4), "anullsrc=d=2.4"],
    [moving(2), tone(2)],
  ];
  await ffmpeg([
    ...parts.flatMap(([picture, sound]) => ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound]),
    ...["-filter_complex", `concat=n=${parts.length}:v=1:a=1`, "-c:v", "libx264", "-preset", "ultrafast", clip],
  ]);
  const runner = await start({
    source: { type: "file", path: clip, loop: true },
    destinations: [{ type: "file", path: folder.file("faults.ts") }],
    video: SMALL,
    sourceLoss: { blackMs: 500, frozenMs: 1000, silentMs: 700, returnAfterMs: 200 },
  });
  const client = await runner.client();
  const causes = () =>
    client.all("event").flatMap(({ event, data }) => (event === "stream.source_lost" ? [data?.cause] : []));
  const lostAt: number[] = [];
  for (const number of [1, 2, 3]) {
    await waitFor(() => causes().length >= number, { deadlineMs: 40_000 });
    lostAt.push(performance.now());
  }
  expect(causes().slice(0, 3)).toEqual(["BLACK", "FROZEN", "SILENT"]);
  expect(client.all("event").filter(onAir("program")).length).toBeGreaterThanOrEqual(2);
  await client.command({ type: "stop" });
  await runner.result();
  // How long viewers saw black; what they saw and heard of the others follows from where the clip, which plays on, is.
  const { stderr } = await ffmpeg([
    "-i",
    folder.file("faults.ts"),
    "-vf",
    "blackdetect=d=0.02",
    "-an",
    "-f",
    "null",
    "-",
  ]);
  const black = Number(/black_duration:([\d.]+)/.exec(stderr)?.[1]);
  expect(black).toBeGreaterThanOrEqual(0.45);
  expect(black).toBeLessThan(2.4);
  const settings = [
    { name: "blackMs", ms: 500, beginsAt: 2 },
    { name: "frozenMs", ms: 1000, beginsAt: 6.4 },
    { name: "silentMs", ms: 700, beginsAt: 11 },
  ];
  for (const [index, { name, ms, beginsAt }] of settings.entries()) {
    const later = (lostAt[index] ?? 0) - (lostAt[0] ?? 0) - (beginsAt - 2) * 1000;
    measured("black, frozen or silent for as long as the job says", black * 1000 + later, { setting: { name, ms } });
  }
}, 60_000);

test("a short glitch is ridden out, and an SRT source that dies without a word is noticed", async () => {
  const port = await freeUdpPort();
  const publisher = camera(ends, `srt://127.0.0.1:${port}?timeout=3000000`);
  const path = folder.file("srt.ts");
  const runner = await start({
    source: { type: "srt", url: `srt://127.0.0.1:${port}`, listen: true },
    destinations: [{ type: "file", path }],
    video: SMALL,
    stallTimeoutMs: 4000,
    sourceLoss: { graceMs: 2500, returnAfterMs: 200 },
  });
  const client = await runner.client();
  await client.event("progress", ({ progress }) => (progress.outTimeMs ?? 0) > 1000);
  publisher.signal("SIGSTOP");
  const frozenAt = performance.now();
  await waitFor(() => performance.now() - frozenAt > 700);
  const wokenAt = performance.now();
  publisher.signal("SIGCONT");
  const { frame = 0 } = client.all("progress").at(-1)?.progress ?? {};
  await client.event("progress", ({ progress }) => (progress.frame ?? 0) > frame);
  measured("a glitch shorter than the grace time", { from: wokenAt, to: performance.now() });
  await client.event("progress", ({ progress }) => (progress.frame ?? 0) > frame + 30);
  expect(client.all("event")).toEqual([]);
  const killedAt = performance.now();
  publisher.signal("SIGKILL");
  await client.event("event", onAir("slate"));
  measured(
    "an SRT source dies without a word",
    { from: killedAt, to: performance.now() },
    { setting: { name: "graceMs", ms: 2500 } },
  );
  expect(client.all("event").find(({ event }) => event === "stream.source_lost")).toMatchObject({
    message: "The source gives no pictures.",
    data: { fault: "source", cause: "NO_FRAMES" },
  });
  await client.event("event", onAir("program"));
  await client.command({ type: "stop" });
  expect(await runner.result()).toMatchObject({ status: "STOPPED" });
  expect(await complaints(path)).toEqual([]);
}, 60_000);

test("an encoder that hangs is started again while viewers see the slate", async () => {
  const path = folder.file("hung.ts");
  const runner = await start({
    source: { type: "test" },
    destinations: [{ type: "file", path }],
    video: SMALL,
    stallTimeoutMs: 1500,
    sourceLoss: { slate: { kind: "color", color: "#0000ff" }, returnAfterMs: 200 },
  });
  const client = await runner.client();
  await client.event("progress", ({ progress }) => (progress.outTimeMs ?? 0) > 1000);
  const program = Math.min(...(await childrenOf(runner.pid)));
  const hungAt = performance.now();
  process.kill(program, "SIGSTOP");
  await client.event("event", onAir("slate"));
  measured(
    "it hangs: alive, no new frame",
    { from: hungAt, to: performance.now() },
    { until: "slate", setting: { name: "graceMs", ms: 500 } },
  );
  const restarted = await client.event("event", ({ event }) => event === "stream.encoder_restarted");
  expect(restarted.data).toMatchObject({ fault: "encoder", code: "ENCODER_STALLED", processState: "T" });
  await client.event("event", onAir("program"));
  measured(
    "it hangs: alive, no new frame",
    { from: hungAt, to: performance.now() },
    { until: "program", setting: { name: "stallTimeoutMs", ms: 1500 } },
  );
  await client.command({ type: "stop" });
  expect(await runner.result()).toMatchObject({ status: "STOPPED" });
  expect(await complaints(path)).toEqual([]);
  expect(Math.max(...frameDistances(await videoPackets(path)))).toBeLessThan(1.1);
}, 60_000);
