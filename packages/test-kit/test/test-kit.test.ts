import { afterAll, beforeAll, expect, test } from "@jest/globals";
import {
  ffmpeg,
  ffprobe,
  isRunning,
  keyframeDistances,
  type RtmpServer,
  streamOf,
  type TemporaryFolder,
  temporaryFolder,
  videoPackets,
  volumeOverTime,
  waitFor,
} from "../src/index.js";

let server: RtmpServer | undefined;
let folder: TemporaryFolder;

beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(async () => {
  await server?.close();
  await folder.remove();
});

const source = ["-f", "lavfi", "-i", "testsrc2=s=160x90:r=25", "-f", "lavfi", "-i", "sine=f=440"];
const encode = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac"];

test("the RTMP server takes a stream, reports it, and is gone after close", async () => {
  // Imported from the build, because the server is a process of its own.
  const built = await import("@stream-control/test-kit");
  const started = await built.startRtmpServer();
  server = started;
  await ffmpeg(["-re", ...source, "-t", "1", ...encode, "-f", "flv", started.url("key")]);
  await waitFor(() => started.published.includes("/live/key") && !started.live.has("/live/key"));
  await started.close();
  expect(await isRunning(started.pid)).toBe(false);
});

test("a file is measured: streams, keyframe distances, loudness", async () => {
  const file = folder.file("a.mp4");
  await ffmpeg([...source, "-t", "3", ...encode, "-af", "volume=0:enable='gte(t,1.5)'", file]);
  const media = await ffprobe(file);
  expect(streamOf(media, "video")).toMatchObject({ codec_name: "h264", width: 160, height: 90 });
  expect(keyframeDistances(await videoPackets(file))).toEqual([1, 1]);
  const volume = await volumeOverTime(file);
  expect(volume.filter(({ time }) => time < 1.2).every(({ rmsDb }) => rmsDb > -30)).toBe(true);
  expect(volume.filter(({ time }) => time > 1.8).every(({ rmsDb }) => rmsDb < -60)).toBe(true);
});

test("a wait that is in vain says for what", async () => {
  await expect(waitFor(() => false, { deadlineMs: 50, what: "rain" })).rejects.toThrow("in vain for rain");
});
