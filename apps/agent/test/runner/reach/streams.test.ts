import { mkdir, rename, symlink, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import type { StreamConfigInput } from "@stream-control/protocol";
import {
  ffmpeg,
  freeUdpPort,
  type RtmpServer,
  startRtmpServer,
  type TemporaryFolder,
  temporaryFolder,
  videoPackets,
  waitFor,
} from "@stream-control/test-kit";
import { SMALL, TestRunner } from "../runner-kit.js";
import { type Closers, FORBIDDEN, rtspReply, startCamera, startDns, startForbidden } from "./servers.js";
import { TLS } from "./tls.js";

type Destinations = NonNullable<StreamConfigInput["destinations"]>;

let folder: TemporaryFolder;
let server: RtmpServer;
const runners: TestRunner[] = [];
const closers: Closers = [];

beforeAll(async () => {
  folder = await temporaryFolder("sc-reach-");
  server = await startRtmpServer();
});
afterEach(async () => {
  await Promise.all(runners.splice(0).map((runner) => runner.dispose()));
  for (const close of closers.splice(0)) await close();
});
afterAll(async () => {
  await server.close();
  await folder.remove();
});

const LOCAL = ["127.0.0.1/32"];

async function start(config: StreamConfigInput, networks: string[] = LOCAL, dnsServers?: string[]) {
  const reach = { networks, ...(dnsServers === undefined ? {} : { dnsServers }) };
  const runner = await TestRunner.start({ video: SMALL, ...config }, { reach });
  runners.push(runner);
  return runner;
}
const push = (...destinations: Destinations): StreamConfigInput => ({ source: { type: "test" }, destinations });
const recording = (name: string): Destinations[number] => ({ type: "file", id: "file", path: folder.file(name) });

describe("an address that may not be reached ends the job at once", () => {
  const USUAL = ["public", "private", "loopback"];

  test.each<StreamConfigInput["source"]>([
    { type: "http", url: "http://169.254.169.254/latest/meta-data/" },
    { type: "http", url: "https://[fd00:ec2::254]/" },
    { type: "http", url: "http://0xA9FEA9FE/" },
    { type: "http", url: "http://2852039166/" },
    { type: "rtmp", url: "rtmp://0251.0376.0251.0376/live/key" },
    { type: "rtmp", url: "rtmps://[::ffff:169.254.169.254]/live/key" },
    { type: "rtsp", url: "rtsp://user:secret-word@169.254.1.1/cam" },
    { type: "rtsp", url: "rtsps://[fe80::1]/cam", transport: "udp" },
    { type: "rtsp", url: "rtsp://[fe80::1%25eth0]/cam" },
    { type: "srt", url: "srt://[64:ff9b::169.254.169.254]:9000" },
    { type: "srt", url: "srt://169.254.169.254:9000?mode=caller", listen: true },
    { type: "srt", url: "srt://224.0.0.1:9000" },
    { type: "srt", url: "srt://0.0.0.0:9000" },
  ])("of the source %j", async (source) => {
    const runner = await start({ source, destinations: [recording("never.mp4")] }, USUAL);
    const result = await runner.result(15_000);
    expect(result).toMatchObject({ status: "FAILED", error: { code: "SOURCE_REFUSED", detail: { fault: "config" } } });
    expect(JSON.stringify(result)).not.toContain("secret-word");
  });

  test.each<Destinations[number]>([
    { type: "rtmp", url: "rtmp://169.254.169.254/live", streamKey: "secret-word" },
    { type: "rtmp", url: "rtmps://[fe80::1]/live", streamKey: "secret-word" },
    { type: "srt", url: "srt://100.100.100.200:9000", passphrase: "secret-word" },
  ])("of the only destination %j", async (destination) => {
    const runner = await start(push(destination), USUAL);
    const result = await runner.result(15_000);
    expect(result).toMatchObject({
      status: "FAILED",
      error: { code: "DESTINATION_REFUSED", detail: { fault: "config", destinations: [{ restarts: 0 }] } },
    });
    expect(JSON.stringify(result)).not.toContain("secret-word");
  });

  test("of a backup, before it is needed", async () => {
    const backup = { type: "http", url: "http://169.254.169.254/" } as const;
    const runner = await start({ ...push(recording("backup.mp4")), sourceLoss: { backup } }, USUAL);
    expect(await runner.result(15_000)).toMatchObject({ status: "FAILED", error: { code: "SOURCE_REFUSED" } });
  });
});

test("a destination that may not be reached costs the others nothing, and none is added or switched to", async () => {
  const forbidden = await startForbidden(closers);
  const url = `rtmp://${FORBIDDEN}:${forbidden.port}/live`;
  const runner = await start(
    push({ type: "rtmp", id: "good", url: server.url("good") }, { type: "rtmp", id: "bad", url }),
  );
  const client = await runner.client();
  const progress = await client.event("progress", (event) => {
    const states = event.progress.destinations?.map(({ state }) => state);
    return states?.[0] === "LIVE" && states[1] === "FAILED";
  });
  expect(progress.progress.destinations?.[1]).toMatchObject({ message: expect.stringContaining("ALLOWED_NETWORKS") });
  expect(
    await client.command({ type: "destination.add", destination: { type: "rtmp", id: "new", url } }),
  ).toMatchObject({
    ok: false,
    error: { code: "DESTINATION_REFUSED" },
  });
  for (const source of [
    { type: "rtmp", url },
    { type: "http", url: `http://${FORBIDDEN}:${forbidden.port}/` },
  ])
    expect(await client.command({ type: "input.switch", source })).toMatchObject({
      ok: false,
      error: { code: "SOURCE_REFUSED" },
    });
  expect(server.live.has("/live/good")).toBe(true);
  expect(forbidden.heard).toEqual([]);
}, 60_000);

describe("ffmpeg connects to the address that was checked, whatever the name means a moment later", () => {
  test("RTMP, out and in", async () => {
    const forbidden = await startForbidden(closers, server.port);
    // Asked for the program, and for each try of a destination, once; the second answer would be for ffmpeg.
    const dns = await startDns({ "out.test": ["127.0.0.1", FORBIDDEN], "in.test": ["127.0.0.1", FORBIDDEN] }, closers);
    const sender = await start(
      push({ type: "rtmp", url: `rtmp://out.test:${server.port}/live`, streamKey: "pinned" }),
      LOCAL,
      [dns.server],
    );
    await waitFor(() => server.live.has("/live/pinned"));
    const reader = await start(
      {
        source: { type: "rtmp", url: `rtmp://in.test:${server.port}/live/pinned` },
        destinations: [recording("in.mp4")],
      },
      LOCAL,
      [dns.server],
    );
    await (await reader.client()).event("progress", ({ progress }) => (progress.outTimeMs ?? 0) > 500);
    await (await reader.client()).event("progress", ({ progress }) => (progress.outTimeMs ?? 0) > 500);
    expect(dns.asked).toEqual(["out.test", "in.test"]);
    expect(forbidden.heard).toEqual([]);
    // The next try asks again, and is refused.
    await server.close();
    server = await startRtmpServer();
    expect(await sender.result(30_000)).toMatchObject({ error: { code: "DESTINATION_REFUSED" } });
    expect(forbidden.heard).toEqual([]);
  }, 90_000);

  test("RTMPS, with the host's name in TLS", async () => {
    const names: unknown[] = [];
    const far = createTlsServer({ ...TLS }, (socket) => {
      names.push(socket.servername);
      const near = connect(server.port, "127.0.0.1");
      socket.on("error", () => near.destroy()).pipe(near);
      near.on("error", () => socket.destroy()).pipe(socket);
    }).listen(0, "127.0.0.1");
    await waitFor(() => far.listening);
    closers.push(() => far.close());
    const address = far.address();
    const port = typeof address === "object" ? address?.port : 0;
    const forbidden = await startForbidden(closers, port);
    const dns = await startDns({ "live.test": ["127.0.0.1", FORBIDDEN] }, closers);
    const runner = await start(push({ type: "rtmp", url: `rtmps://live.test:${port}/live`, streamKey: "tls" }), LOCAL, [
      dns.server,
    ]);
    await waitFor(() => server.live.has("/live/tls"));
    const client = await runner.client();
    // What an ffmpeg sends that waits for an answer first is soon over.
    await client.event("progress", ({ progress }) => (progress.outTimeMs ?? 0) > 4000);
    expect(client.all("progress").at(-1)?.progress.destinations).toMatchObject([{ state: "LIVE", restarts: 0 }]);
    expect({ names, heard: forbidden.heard }).toEqual({ names: ["live.test"], heard: [] });
    const asked = performance.now();
    await client.command({ type: "stop" });
    expect(await runner.result()).toMatchObject({
      status: "STOPPED",
      progress: { destinations: [{ state: "ENDED" }] },
    });
    expect(performance.now() - asked).toBeLessThan(6000);
  }, 60_000);

  test("SRT", async () => {
    const port = await freeUdpPort();
    const dns = await startDns({ "srt.test": ["127.0.0.1", FORBIDDEN] }, closers);
    const file = folder.file("srt.ts");
    const received = ffmpeg(["-i", `srt://127.0.0.1:${port}?mode=listener`, "-c", "copy", "-t", "1", file]);
    await start(push({ type: "srt", url: `srt://srt.test:${port}` }), LOCAL, [dns.server]);
    await received;
    expect((await videoPackets(file)).length).toBeGreaterThan(15);
  }, 60_000);
});

describe("an RTSP camera", () => {
  test("is watched through the relay, its name looked up anew for each connection", async () => {
    const camera = await startCamera(closers);
    const dns = await startDns({ "camera.test": ["127.0.0.1"] }, closers);
    const path = folder.file("camera.mp4");
    const runner = await start(
      {
        source: { type: "rtsp", url: `rtsp://camera.test:${camera.port}/cam?channel=1` },
        destinations: [{ type: "file", path }],
      },
      LOCAL,
      [dns.server],
    );
    const client = await runner.client();
    await client.event("progress", ({ progress }) => (progress.outTimeMs ?? 0) > 1000);
    await client.command({ type: "stop" });
    expect(await runner.result()).toMatchObject({ status: "STOPPED" });
    expect((await videoPackets(path)).length).toBeGreaterThan(15);
    expect(camera.requests.some((request) => request.startsWith("PLAY ") && request.includes("/cam"))).toBe(true);
  }, 60_000);

  test.each([
    ["at once", "OPTIONS", "302 Moved", ["Location"]],
    ["when it is asked what it has", "DESCRIBE", "301 Moved", ["Location"]],
    ["at the last moment", "SETUP", "303 See Other", ["location"]],
    ["with a number that only C reads so", "DESCRIBE", " +0305x Use", ["Location"]],
    ["to nowhere, which ffmpeg takes for this machine", "OPTIONS", "302 Moved", []],
  ])(
    "that redirects %s is cut off",
    async (_, method, status, headers) => {
      const forbidden = await startForbidden(closers);
      const camera = await startCamera(closers, (request) =>
        request.startsWith(method)
          ? rtspReply(
              request,
              status,
              headers.map((name) => `${name}: rtsp://${FORBIDDEN}:${forbidden.port}/x`),
            )
          : undefined,
      );
      const runner = await start({
        source: { type: "rtsp", url: `rtsp://127.0.0.1:${camera.port}/cam` },
        destinations: [recording("redirected.mp4")],
      });
      expect(await runner.result(20_000)).toMatchObject({
        status: "FAILED",
        error: { code: "SOURCE_REFUSED", detail: { cause: "REFUSED_REDIRECT" } },
      });
      expect(forbidden.heard).toEqual([]);
    },
    40_000,
  );
});

describe("a path that leads elsewhere since the job was accepted", () => {
  test("is not read", async () => {
    const secret = folder.file("secret.mp4");
    await ffmpeg(["-f", "lavfi", "-i", "testsrc2=s=320x240:r=25", "-t", "1", "-c:v", "libx264", secret]);
    const link = folder.file("link.mp4");
    await symlink(secret, link);
    const source = { type: "file", path: link } as const;
    const runner = await start({ source, destinations: [recording("copy.mp4")] });
    expect(await runner.result(15_000)).toMatchObject({
      error: { code: "SOURCE_REFUSED", detail: { cause: "REFUSED_PATH" } },
    });
    // A slate becomes a plain colour, and the job goes on.
    const slate = { kind: "video", path: link } as const;
    const other = await start({ ...push(recording("slate.mp4")), sourceLoss: { slate } });
    const client = await other.client();
    const failed = await client.event("event", ({ event }) => event === "stream.slate_failed");
    expect(failed.data?.why).toContain("leads somewhere else");
  }, 40_000);

  test("is not written to", async () => {
    await mkdir(folder.file("outside"));
    await mkdir(folder.file("inside"));
    await symlink(folder.file("outside"), folder.file("inside/hls"));
    await writeFile(folder.file("kept.mp4"), "kept");
    await symlink(folder.file("kept.mp4"), folder.file("inside/a.mp4"));
    await symlink(folder.file("nowhere.mp4"), folder.file("inside/b.mp4"));
    for (const destination of [
      { type: "hls", path: folder.file("inside/hls") },
      { type: "hls", path: folder.file("inside/hls/deeper") },
      { type: "file", path: folder.file("inside/a.mp4") },
      { type: "file", path: folder.file("inside/b.mp4") },
    ] satisfies Destinations) {
      const runner = await start(push(destination));
      expect(await runner.result(15_000)).toMatchObject({
        error: { code: "DESTINATION_REFUSED", detail: { cause: "REFUSED_PATH" } },
      });
    }
  }, 60_000);

  test("is noticed when a recording's folder is exchanged while the stream runs", async () => {
    await mkdir(folder.file("room"));
    await mkdir(folder.file("elsewhere"));
    const runner = await start(
      push({ type: "rtmp", url: server.url("exchange") }, { type: "hls", id: "hls", path: folder.file("room") }),
    );
    const client = await runner.client();
    await client.event("progress", ({ progress }) => progress.destinations?.[1]?.state === "LIVE");
    await rename(folder.file("room"), folder.file("room-before"));
    await symlink(folder.file("elsewhere"), folder.file("room"));
    const added = { type: "file", id: "late", path: folder.file("room/late.mp4") };
    expect(await client.command({ type: "destination.add", destination: added })).toMatchObject({
      ok: false,
      error: { code: "DESTINATION_REFUSED" },
    });
  }, 40_000);
});
