import { readFile } from "node:fs/promises";
import { type RequestOptions, request } from "node:http";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import {
  childrenOf,
  ffmpeg,
  type TemporaryFolder,
  temporaryFolder,
  videoPackets,
  waitFor,
} from "@stream-control/test-kit";
import { SMALL, TestRunner } from "../runner-kit.js";
import { type Closers, FORBIDDEN, startDns, startForbidden, startWeb } from "./servers.js";
import { TLS } from "./tls.js";

let folder: TemporaryFolder;
let segment: Buffer;
const runners: TestRunner[] = [];
const closers: Closers = [];

beforeAll(async () => {
  folder = await temporaryFolder("sc-reach-");
  const encode = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac"];
  const inputs = ["-f", "lavfi", "-i", "testsrc2=s=320x240:r=25", "-f", "lavfi", "-i", "sine=f=440"];
  await ffmpeg([...inputs, "-t", "2", ...encode, folder.file("segment.ts")]);
  segment = await readFile(folder.file("segment.ts"));
});
afterEach(async () => {
  await Promise.all(runners.splice(0).map((runner) => runner.dispose()));
  for (const close of closers.splice(0)) await close();
});
afterAll(() => folder.remove());

/** A job that may reach 127.0.0.1, and nothing else of what is open on this machine. */
async function start(url: string, recording: string, dnsServers?: string[]) {
  const runner = await TestRunner.start(
    { source: { type: "http", url }, destinations: [{ type: "file", path: recording }], video: SMALL },
    { reach: { networks: ["127.0.0.1/32"], ...(dnsServers === undefined ? {} : { dnsServers }) } },
  );
  runners.push(runner);
  return runner;
}

const playlist = (...addresses: string[]) =>
  `#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n${addresses.map((address) => `#EXTINF:2,\n${address}\n`).join("")}#EXT-X-ENDLIST\n`;
const mpd = (address: string) =>
  `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT2S" minBufferTime="PT1S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1000" codecs="avc1.4d401f" width="320" height="240"><BaseURL>${address}</BaseURL><SegmentList duration="2"><Initialization sourceURL="i.mp4"/><SegmentURL media="s.mp4"/></SegmentList></Representation></AdaptationSet></Period></MPD>`;

/** Pages of a hostile server; FORBIDDEN stands for the port that must not be reached. */
const TRAPS: [string, (target: string) => { status?: number; location?: string; body?: string }][] = [
  ["a redirection", (target) => ({ status: 302, location: `http://${target}/latest/meta-data` })],
  ["a redirection to another spelling", (target) => ({ status: 307, location: `http://${decimal(target)}/` })],
  ["a redirection into TLS", (target) => ({ status: 301, location: `https://${target}/` })],
  ["a segment", (target) => ({ body: playlist("segment.ts", `http://${target}/b.ts`) })],
  ["a segment in TLS", (target) => ({ body: playlist(`https://${target}/a.ts`) })],
  ["a variant", (target) => ({ body: `#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://${target}/v.m3u8\n` })],
  [
    "a key",
    (target) => ({
      body: playlist("segment.ts").replace("#EXTINF", `#EXT-X-KEY:METHOD=AES-128,URI="http://${target}/key"\n#EXTINF`),
    }),
  ],
  ["a DASH segment", (target) => ({ body: mpd(`http://${target}/`) })],
];
const decimal = (target: string) => target.replace(FORBIDDEN, String(0x7f000002));

/** What ffmpeg itself must not open, so that nothing of it reaches anybody. */
const SCHEMES: [string, (target: string) => string][] = [
  ["a proxy", (target) => playlist(`httpproxy://${target}/a.ts`)],
  ["a proxy in DASH", (target) => mpd(`httpproxy://${target}/`)],
  ["plain TCP", (target) => playlist(`tcp://${target}/a.ts`)],
  ["TLS", (target) => playlist(`tls://${target}/a.ts`)],
  [
    "RTP in a session description",
    (target) => `v=0\nc=IN IP4 ${FORBIDDEN}\nm=video ${target.split(":")[1]} RTP/AVP 96\n`,
  ],
  ["a list of files", (target) => `ffconcat version 1.0\nfile http://${target}/a.ts\n`],
  ["a file", () => playlist("file:///etc/passwd", "/etc/passwd")],
];

describe("a web source of a hostile server", () => {
  test.each(TRAPS)(
    "cannot lead to a forbidden address by %s",
    async (_, trap) => {
      const forbidden = await startForbidden(closers);
      const { status = 200, location, body = "" } = trap(`${FORBIDDEN}:${forbidden.port}`);
      const port = await startWeb((url, __, response) => {
        if (url.endsWith(".ts")) response.end(segment);
        else response.writeHead(status, location === undefined ? {} : { location }).end(body);
      }, closers);
      const runner = await start(`http://127.0.0.1:${port}/a.m3u8`, folder.file("trap.mp4"));
      const result = await runner.result(20_000);
      expect(result).toMatchObject({
        status: "FAILED",
        error: { code: "SOURCE_REFUSED", detail: { fault: "config", cause: "REFUSED_HOST" } },
      });
      expect(forbidden.heard).toEqual([]);
      // What is behind the host, and what else was asked for, is nobody's business.
      expect(result.error?.message).not.toMatch(/meta-data|secret/);
    },
    40_000,
  );

  test.each(SCHEMES)(
    "cannot make ffmpeg open anything but the gateway: %s",
    async (_, body) => {
      const forbidden = await startForbidden(closers);
      const page = body(`${FORBIDDEN}:${forbidden.port}`);
      const port = await startWeb((__, ___, response) => void response.end(page), closers);
      const runner = await start(`http://127.0.0.1:${port}/a.m3u8`, folder.file("scheme.mp4"));
      const result = await runner.result(30_000);
      expect(result).toMatchObject({ status: "FAILED" });
      expect(JSON.stringify(result)).not.toContain("root:");
      expect(forbidden.heard).toEqual([]);
    },
    50_000,
  );

  test("cannot mean another address the next time it is asked for (DNS rebinding)", async () => {
    const forbidden = await startForbidden(closers);
    // Looked at once before ffmpeg starts, once for the playlist; then it means something else.
    const dns = await startDns({ "rebind.test": ["127.0.0.1", "127.0.0.1", FORBIDDEN] }, closers);
    let fetched = 0;
    const port = await startWeb((_, __, response) => {
      fetched += 1;
      response.setHeader("connection", "close").end(playlist(`http://rebind.test:${forbidden.port}/b.ts`));
    }, closers);
    const runner = await start(`http://rebind.test:${port}/a.m3u8`, folder.file("rebind.mp4"), [dns.server]);
    expect(await runner.result(20_000)).toMatchObject({
      error: { code: "SOURCE_REFUSED", message: expect.stringContaining('"rebind.test"') },
    });
    expect({ fetched, heard: forbidden.heard }).toEqual({ fetched: 1, heard: [] });
  }, 40_000);
});

test("web sources play through the gateway: plain and TLS, redirected from one to the other", async () => {
  const names: unknown[] = [];
  let plainPort = 0;
  const onRequest: Parameters<typeof startWeb>[0] = (url, request, response) => {
    const { servername } = request.socket as { servername?: string | false };
    names.push([url, request.headers.host, servername ?? null]);
    if (url === "/moved") response.writeHead(302, { location: `https://cdn.test:${tlsPort}/live.m3u8?t=1` }).end();
    else if (url.startsWith("/live.m3u8"))
      response.end(playlist("segment.ts", `https://cdn.test:${tlsPort}/b.ts`, `http://cdn.test:${plainPort}/c.ts`));
    else if (url.endsWith(".ts")) response.end(segment);
    else response.writeHead(404).end();
  };
  const tlsPort = await startWeb(onRequest, closers, TLS);
  plainPort = await startWeb(onRequest, closers);
  const dns = await startDns({ "cdn.test": ["127.0.0.1"] }, closers);
  const path = folder.file("played.mp4");
  const runner = await start(`http://cdn.test:${plainPort}/moved`, path, [dns.server]);
  expect(await runner.result(60_000)).toMatchObject({ status: "STOPPED" });
  expect((await videoPackets(path)).length).toBeGreaterThanOrEqual(149);
  expect(names).toContainEqual(["/segment.ts", `cdn.test:${tlsPort}`, "cdn.test"]);
  expect(names).toContainEqual(["/b.ts", `cdn.test:${tlsPort}`, "cdn.test"]);
  expect(names).toContainEqual(["/c.ts", `cdn.test:${plainPort}`, null]);
}, 90_000);

test("the gateway serves nobody without the password, which no other user can read", async () => {
  const port = await startWeb((_, __, response) => {
    // A stream that goes on until it is closed.
    const pump = () => {
      while (response.write(segment));
      response.once("drain", pump);
    };
    pump();
  }, closers);
  const runner = await start(`http://127.0.0.1:${port}/endless.ts`, folder.file("endless.mp4"));
  const client = await runner.client();
  await client.event("progress", ({ progress }) => (progress.outTimeMs ?? 0) > 500);
  const address = await waitFor(async () => {
    for (const pid of await childrenOf(runner.pid)) {
      const [, found] = /\0http_proxy=([^\0]+)/.exec(await readFile(`/proc/${pid}/environ`, "latin1")) ?? [];
      const line = await readFile(`/proc/${pid}/cmdline`, "latin1");
      if (found !== undefined) return { proxy: new URL(found), line };
    }
    return undefined;
  });
  expect(address.line).not.toContain(address.proxy.password);
  expect(address.proxy.hostname).toBe("127.0.0.1");
  for (const headers of [{}, { "proxy-authorization": `Basic ${btoa("job:guess")}` }]) {
    const target = {
      host: "127.0.0.1",
      port: address.proxy.port,
      path: `http://127.0.0.1:${port}/endless.ts`,
      headers,
    };
    expect(await statusOf(target)).toBe(407);
  }
  // With the password there are web pages, and no tunnel to anywhere.
  const headers = { "proxy-authorization": `Basic ${btoa(`job:${address.proxy.password}`)}` };
  const tunnel = { host: "127.0.0.1", port: address.proxy.port, method: "CONNECT", path: `127.0.0.1:${port}`, headers };
  await expect(statusOf(tunnel)).rejects.toThrow("hang up");
  const page = { ...tunnel, method: "GET", path: `http://127.0.0.1:${port}/endless.ts` };
  expect(await statusOf(page)).toBe(200);
}, 60_000);

function statusOf(options: RequestOptions): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request(options, (response) => {
      response.destroy();
      resolve(response.statusCode);
    });
    asked.once("connect", (response, socket) => {
      socket.destroy();
      resolve(response.statusCode);
    });
    asked.once("error", reject).end();
  });
}
