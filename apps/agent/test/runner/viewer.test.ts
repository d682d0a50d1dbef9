import { readFile, writeFile } from "node:fs/promises";
import { afterEach, expect, test } from "@jest/globals";
import type { Alarm, Progress, StreamConfigInput } from "@stream-control/protocol";
import {
  argumentsOf,
  childrenOf,
  ffmpeg,
  frameDistances,
  run,
  startRtmpServer,
  temporaryFolder,
  videoPackets,
  waitFor,
} from "@stream-control/test-kit";
import { type Ends, type RunnerClient, record, SMALL, TestRunner } from "./runner-kit.js";

const ends: Ends = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const EAGER = { pictureMs: 500, alarms: { blackMs: 500, frozenMs: 1000, silentMs: 1000, clippingMs: 500 } };

async function start(config: StreamConfigInput): Promise<{ runner: TestRunner; client: RunnerClient }> {
  const runner = await TestRunner.start({ video: SMALL, monitoring: EAGER, ...config });
  ends.push(() => runner.dispose());
  return { runner, client: await runner.client() };
}

async function folderOfTest() {
  const folder = await temporaryFolder();
  ends.push(() => folder.remove());
  return folder;
}

/** A clip of a picture and a sound, both as lavfi writes them. */
async function clip(path: string, picture: string, sound: string): Promise<string> {
  const inputs = [picture, sound].flatMap((source) => ["-f", "lavfi", "-i", source]);
  await ffmpeg([...inputs, ...["-t", "4", "-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-c:a", "aac", path]]);
  return path;
}

/** The mean colour of a JPEG, red, green and blue. */
async function colourOf(jpegBase64: string): Promise<number[]> {
  const folder = await folderOfTest();
  await writeFile(folder.file("a.jpg"), Buffer.from(jpegBase64, "base64"));
  const args = ["-v", "error", "-i", folder.file("a.jpg"), "-vf", "scale=1:1:flags=area", "-f", "rawvideo"];
  await run("ffmpeg", [...args, "-pix_fmt", "rgb24", folder.file("a.rgb")]);
  return [...(await readFile(folder.file("a.rgb")))];
}

const loudest = ({ audio }: Progress): number => Math.max(...(audio?.peaksDbfs.flat() ?? [Number.NaN]));
const alarmsOf = (client: RunnerClient, event: "stream.alarm_raised" | "stream.alarm_cleared") =>
  client.all("event").flatMap((told) => (told.event === event ? [told.data?.alarm as Alarm] : []));

test("shows what goes out and how loud it is: the picture, a mute, another input", async () => {
  const folder = await folderOfTest();
  const red = await clip(folder.file("red.mp4"), "color=c=red:s=320x180:r=25", "sine=frequency=440,volume=4");
  const blue = await clip(folder.file("blue.mp4"), "color=c=blue:s=320x180:r=25", "sine=frequency=440,volume=4");
  const { client } = await start({
    source: { type: "file", path: red, loop: true },
    destinations: [
      { type: "file", path: folder.file("out.ts") },
      { type: "hls", path: folder.file("hls") },
    ],
  });
  const first = await client.event("picture");
  const [r = 0, g = 0, b = 0] = await colourOf(first.jpeg);
  expect({ r: r > 200, g: g < 60, b: b < 60 }).toEqual({ r: true, g: true, b: true });
  expect(Math.abs(Date.now() - Date.parse(first.takenAt))).toBeLessThan(20_000);

  const heard = await client.event("progress", ({ progress }) => loudest(progress) > -20);
  expect(heard.progress.audio).toMatchObject({ intervalMs: 100, peaksDbfs: expect.any(Array) });
  expect(heard.progress.audio?.rmsDbfs).toHaveLength(2);
  await client.command({ type: "mute", muted: true });
  const muted = await client.event("progress", ({ progress }) => loudest(progress) < -90);
  const after = (count: number) => client.all("progress").slice(count);
  await client.command({ type: "mute", muted: false });
  const since = client.all("progress").indexOf(muted);
  await waitFor(() => after(since).some(({ progress }) => loudest(progress) > -20), { what: "the sound to be back" });
  // Muted on purpose is no alarm.
  expect(alarmsOf(client, "stream.alarm_raised")).not.toContain("silent");

  await client.command({ type: "input.switch", source: { type: "file", path: blue, loop: true } });
  await waitFor(
    async () => {
      const last = client.all("picture").at(-1);
      return last !== undefined && ((await colourOf(last.jpeg))[2] ?? 0) > 200;
    },
    { what: "a blue picture", everyMs: 200 },
  );
}, 60_000);

test("raises an alarm for what is wrong for long enough, says what it is, and clears it", async () => {
  const folder = await folderOfTest();
  const dead = await clip(folder.file("dead.mp4"), "color=c=black:s=320x180:r=25", "anullsrc=r=48000:cl=stereo");
  const loud = await clip(
    folder.file("loud.mp4"),
    "testsrc2=s=320x180:r=25",
    "sine=frequency=440,aformat=channel_layouts=stereo,volume=40dB",
  );
  const { client } = await start({
    source: { type: "file", path: dead, loop: true },
    destinations: [
      { type: "file", path: folder.file("out.ts") },
      { type: "hls", path: folder.file("hls") },
    ],
  });
  await waitFor(() => alarmsOf(client, "stream.alarm_raised").length >= 3, { what: "three alarms" });
  expect(alarmsOf(client, "stream.alarm_raised").sort()).toEqual(["black", "frozen", "silent"]);
  await client.event("progress", ({ progress }) => progress.alarms?.join() === "black,frozen,silent");
  expect(client.all("event").find(({ data }) => data?.alarm === "silent")).toMatchObject({
    message: "There is no sound.",
    data: { fault: "source" },
  });
  await client.command({ type: "input.switch", source: { type: "file", path: loud, loop: true } });
  await waitFor(() => alarmsOf(client, "stream.alarm_cleared").length >= 3, { what: "the alarms to be over" });
  await client.event("event", ({ event, data }) => event === "stream.alarm_raised" && data?.alarm === "clipping");
  await client.event("progress", ({ progress }) => progress.alarms?.join() === "clipping");
}, 60_000);

test("a viewer that dies is started again, and the stream never notices", async () => {
  const server = await startRtmpServer();
  ends.push(() => server.close());
  const folder = await folderOfTest();
  const { runner, client } = await start({
    source: { type: "test" },
    destinations: [{ type: "rtmp", url: server.url(), streamKey: "seen" }],
  });
  await waitFor(() => server.live.has("/live/seen"), { what: "the stream" });
  const stop = record(ends, server.url("seen"), folder.file("seen.flv"));
  const viewer = async () => {
    for (const pid of await childrenOf(runner.pid)) if ((await argumentsOf(pid)).includes("image2pipe")) return pid;
    return undefined;
  };
  await client.event("picture");
  const pid = await waitFor(viewer, { what: "the viewer" });
  process.kill(pid, "SIGKILL");
  const shown = client.all("picture").length;
  await waitFor(async () => ((await viewer()) ?? pid) !== pid, { what: "another viewer" });
  await waitFor(() => client.all("picture").length > shown, { what: "another picture" });
  await stop();
  const distances = frameDistances(await videoPackets(folder.file("seen.flv")));
  expect(Math.max(...distances)).toBeLessThan(0.1);
  expect(client.all("event")).toEqual([]);
}, 60_000);

test("is left out where the job does not want it, and at full speed, where nobody could look", async () => {
  const folder = await folderOfTest();
  const { client } = await start({
    source: { type: "test" },
    destinations: [{ type: "hls", path: folder.file("hls") }],
    monitoring: { enabled: false },
  });
  const { progress } = await client.event("progress", (told) => (told.progress.frame ?? 0) > 50);
  expect(progress.audio).toBeUndefined();
  expect(client.all("picture")).toEqual([]);
}, 60_000);
