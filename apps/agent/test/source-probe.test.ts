import { once } from "node:events";
import { createReadStream } from "node:fs";
import { copyFile, readdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { sourceSchema } from "@stream-control/protocol";
import { ffmpeg, REFUSING_PORT, type RtmpServer, secret, startRtmpServer, waitFor } from "@stream-control/test-kit";
import { AgentKit } from "./agent-kit.js";

let kit: AgentKit;
let rtmp: RtmpServer;
beforeEach(async () => {
  [kit, rtmp] = await Promise.all([AgentKit.open(), startRtmpServer()]);
});
afterEach(async () => {
  await kit.close();
  await rtmp.close();
});

let asked = 0;
async function look(source: object, deadlineMs = 20_000, image = false) {
  asked += 1;
  const probeId = `probe-${asked}`;
  kit.double.send("orchestrator.probe", { probeId, source: sourceSchema.parse(source), image, deadlineMs });
  const { payload } = await kit.double.next("agent.probe.result", (result) => result.probeId === probeId);
  return payload;
}
const PICTURES = ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=25", "-f", "lavfi", "-i", "sine=r=44100"];
const VIDEO = ["-c:v", "libx264", "-preset", "ultrafast", "-b:v", "300k", "-g", "25", "-pix_fmt", "yuv420p"];
const ENCODED = [...VIDEO, "-c:a", "aac"];
const leftovers = () => readdir(join(kit.base.path, "probe")).catch(() => []);

test("a file is told as ffprobe sees it", async () => {
  const { hello } = await kit.started();
  expect(hello.capabilities.features).toContain("probe");
  await ffmpeg([...PICTURES, "-t", "2", ...ENCODED, join(kit.media, "film.mp4")]);
  const { success, probe } = await look({ type: "file", path: "film.mp4" });
  expect({ success, probe }).toMatchObject({
    success: true,
    probe: {
      container: "mov,mp4,m4a,3gp,3g2,mj2",
      streams: [
        { type: "video", codec: "h264", width: 320, height: 180, fps: 25 },
        { type: "audio", codec: "aac", sampleRateHz: 44_100, channels: 1 },
      ],
    },
  });
  expect(probe?.durationSeconds).toBeCloseTo(2, 0);
  expect(probe?.bitrateKbps).toBeGreaterThan(0);
  expect(probe?.streams.every(({ bitrateKbps = 0 }) => bitrateKbps > 0)).toBe(true);
});

test("a live stream is told with the time to its first packet, and nothing is left of the look", async () => {
  await kit.started();
  const key = secret("stream-key");
  const pushed = ffmpeg(["-re", ...PICTURES, "-t", "60", ...ENCODED, "-f", "flv", rtmp.url(key)]);
  const over = pushed.catch(() => {});
  await waitFor(() => rtmp.live.has(`/live/${key}`), { what: "the stream" });
  const before = performance.now();
  const { success, probe } = await look({ type: "rtmp", url: rtmp.url(key) });
  expect({ success, container: probe?.container }).toEqual({ success: true, container: "flv" });
  expect(probe?.streams.map(({ type, codec }) => `${type} ${codec}`).sort()).toEqual(["audio aac", "video h264"]);
  expect(probe?.streams.find(({ type }) => type === "video")).toMatchObject({ width: 320, height: 180 });
  expect(probe?.durationSeconds).toBeUndefined();
  expect(probe?.firstPacketMs).toBeGreaterThan(0);
  expect(probe?.firstPacketMs).toBeLessThan(performance.now() - before);
  expect(await leftovers()).toEqual([]);
  await rtmp.close();
  await over;
});

test("a source that cannot be read is told in the words that a job would have, without its secrets", async () => {
  await kit.started();
  const [user, key] = [secret("password"), secret("stream-key")];
  const refusing = await look({ type: "rtmp", url: `rtmp://camera:${user}@127.0.0.1:${REFUSING_PORT}/live/${key}` });
  expect(refusing).toMatchObject({
    success: false,
    error: {
      code: "SOURCE_UNREACHABLE",
      message: "The source could not be opened: the connection was refused.",
      detail: { fault: "source", cause: "REFUSED" },
    },
  });
  for (const hidden of [user, key]) expect(JSON.stringify(kit.double.received)).not.toContain(hidden);
  // A server that takes the connection and then says nothing.
  const silent = createServer(() => {}).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const address = silent.address();
  const port = typeof address === "object" ? address?.port : 0;
  const late = await look({ type: "http", url: `http://127.0.0.1:${port}/a.ts` }, 1500);
  expect(late.error).toMatchObject({ code: "SOURCE_UNREACHABLE" });
  silent.closeAllConnections();
  silent.close();
  expect(await leftovers()).toEqual([]);
});

test("an image is told as a render would use it, from a file and from the web, and nothing else is taken for one", async () => {
  const { hello } = await kit.started();
  expect(hello.capabilities.features).toContain("render-sources");
  const picture = join(kit.media, "logo-%03d.png");
  await ffmpeg([
    "-f",
    "lavfi",
    "-i",
    "testsrc2=s=64x36",
    "-frames:v",
    "1",
    "-update",
    "1",
    "-y",
    join(kit.media, "a.png"),
  ]);
  await copyFile(join(kit.media, "a.png"), picture);
  const file = await look({ type: "file", path: "logo-%03d.png" }, 20_000, true);
  expect(file).toMatchObject({ success: true, probe: { streams: [{ codec: "png", width: 64, height: 36 }] } });
  const server = createServer((_request, response) => createReadStream(picture).pipe(response)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/logo`;
  expect(await look({ type: "http", url }, 20_000, true)).toMatchObject({
    ...{ success: true, probe: { container: "png_pipe", streams: [{ width: 64, height: 36 }] } },
  });
  server.close();
  await writeFile(join(kit.media, "page.png"), "<html>");
  const page = await look({ type: "file", path: "page.png" }, 20_000, true);
  expect(page.error).toMatchObject({ code: "SOURCE_UNREACHABLE", message: expect.stringContaining("PNG, JPEG") });
  expect(await leftovers()).toEqual([]);
});

test("what a job's source may not be or lead to is not looked into either", async () => {
  await kit.started({ reach: { networks: ["public"] } });
  const [path, address, host] = [
    await look({ type: "file", path: "/etc/passwd" }),
    await look({ type: "rtsp", url: "rtsp://127.0.0.1/camera" }),
    await look({ type: "http", url: "http://localhost:1/" }),
  ];
  expect(path.error).toMatchObject({ code: "CONFIG_INVALID", message: expect.stringContaining("must lie below") });
  expect(address.error).toMatchObject({ code: "SOURCE_REFUSED" });
  expect(host.error).toMatchObject({ code: "SOURCE_REFUSED", detail: { cause: "REFUSED_HOST" } });
  for (const type of ["test", "device"])
    expect((await look({ type, video: { format: "v4l2", device: "/dev/video0" } })).error?.code).toBe("NOT_SUPPORTED");
});

test("an address that leads on to one that may not be reached is refused as that one", async () => {
  const redirecting = createServer((_request, response) => {
    response.writeHead(302, { location: "http://169.254.169.254/latest/" }).end();
  }).listen(0, "127.0.0.1");
  await once(redirecting, "listening");
  const address = redirecting.address();
  const port = typeof address === "object" ? address?.port : 0;
  await kit.started({ reach: { networks: ["loopback"] } });
  const { error } = await look({ type: "http", url: `http://127.0.0.1:${port}/a.ts` });
  expect(error).toMatchObject({ code: "SOURCE_REFUSED", message: expect.stringContaining("169.254.169.254") });
  redirecting.close();
});
