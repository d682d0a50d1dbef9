import { access, readdir } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { OrchestratorDouble } from "@stream-control/agent-sdk/testing";
import {
  endGroup,
  ffmpeg,
  ffprobe,
  streamOf,
  type TemporaryFolder,
  temporaryFolder,
  videoPackets,
  waitFor,
} from "@stream-control/test-kit";
import { type AgentProcess, runnerPids, startAgent } from "./agent-process.js";

const LONG = { timeoutMs: 60_000 };

let base: TemporaryFolder;
let double: OrchestratorDouble;
let agents: AgentProcess[];
let web: Server | undefined;
beforeEach(async () => {
  agents = [];
  base = await temporaryFolder();
  double = await OrchestratorDouble.listen();
});
afterEach(async () => {
  for (const { child } of agents) child.kill("SIGKILL");
  await Promise.all(agents.map(({ exited }) => exited));
  for (const pid of await runnerPids(base.path)) endGroup(pid);
  await double.close();
  web?.closeAllConnections();
  web?.close();
  await base.remove();
});

async function agent(env: Record<string, string> = {}) {
  const since = double.received.length;
  const dirs = { DATA_DIR: base.path, OUTPUT_DIRS: base.file("media") };
  const started = startAgent({ ORCHESTRATOR_URL: double.url, SLOTS: "2", ...dirs, ...env });
  agents.push(started);
  const { payload } = await double.next("agent.hello", () => true, { since, ...LONG });
  return { ...started, hello: payload };
}

const SHAPE = { type: "shape", color: "#ff0000", duration: 2 };
const config = (request: Record<string, unknown>) => ({
  config: { kind: "render", request: { width: 160, height: 120, fps: 20, ...request } },
});
const ended = (jobId: string) => double.next("agent.job.stopped", (payload) => payload.jobId === jobId, LONG);
const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

/** A web server with one file, and one address that leads to it. */
async function serve(body: Buffer): Promise<string> {
  const server = createServer((request, response) => {
    if (request.url === "/clip.mp4") response.end(body);
    else if (request.url === "/moved") response.writeHead(302, { location: "/clip.mp4" }).end();
    else if (request.url === "/inside") response.writeHead(302, { location: "http://127.0.0.2:1/" }).end();
    else response.writeHead(404).end();
  });
  web = server;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
}

async function clip(): Promise<Buffer> {
  const { readFile } = await import("node:fs/promises");
  const inputs = ["-f", "lavfi", "-i", "color=lime:s=64x48:r=20:d=1", "-f", "lavfi", "-i", "sine=d=1"];
  await ffmpeg([...inputs, "-shortest", "-c:v", "libx264", "-pix_fmt", "yuv420p", base.file("clip.mp4")]);
  return readFile(base.file("clip.mp4"));
}

test("a render fetches its source over a redirection, counts its frames, and leaves one whole file", async () => {
  const { hello } = await agent();
  expect(hello.capabilities?.features).toContain("renders");
  const url = await serve(await clip());
  const elements = [
    { type: "video", source: `${url}/moved` },
    { type: "text", text: "hello", time: 0.5 },
  ];
  double.assign("render-1", config({ elements }));
  expect((await double.next("agent.assign.ack", undefined, LONG)).payload).toMatchObject({ accepted: true });
  const { payload } = await ended("render-1");
  expect(payload).toMatchObject({ status: "STOPPED" });
  expect(payload.error ?? null).toBeNull();
  expect(payload.progress).toMatchObject({
    frame: 20,
    render: { step: "done", totalFrames: 20, file: "render-1/render.mp4" },
  });
  const media = await ffprobe(base.file("media/render-1/render.mp4"));
  expect([streamOf(media, "video").width, streamOf(media, "audio").codec_name]).toEqual([160, "aac"]);
  expect(await videoPackets(base.file("media/render-1/render.mp4"))).toHaveLength(20);
  expect(await readdir(base.file("media/render-1"))).toEqual(["render.mp4"]);
});

test("what may not be reached, or is not there, fails with whose fault it is and whether another try helps", async () => {
  await agent({ ALLOWED_NETWORKS: "127.0.0.1/32" });
  const url = await serve(Buffer.from("no video"));
  const fails = async (jobId: string, source: string) => {
    double.assign(jobId, config({ elements: [{ type: "video", source }] }));
    return (await ended(jobId)).payload;
  };
  expect(await fails("a", `${url}/nothing`)).toMatchObject({
    status: "FAILED",
    error: { code: "SOURCE_UNREACHABLE", detail: { fault: "source", retryable: false } },
  });
  expect(await fails("b", `${url}/inside`)).toMatchObject({ error: { code: "SOURCE_REFUSED" } });
  expect(await fails("c", "http://127.0.0.3/a.mp4")).toMatchObject({ error: { code: "SOURCE_REFUSED" } });
  expect(await fails("d", `${url}/clip.mp4`)).toMatchObject({
    error: { code: "CONFIG_INVALID", detail: { issues: [{ path: "elements.0.source" }] } },
  });
});

test("a render that can't be done here is declined, with every reason", async () => {
  await agent({ MAX_RESOLUTION: "100p" });
  const elements = [
    { type: "video", source: "/etc/passwd" },
    { type: "image", source: "nothing.png" },
  ];
  double.assign("render-1", config({ elements }));
  const { payload } = await double.next("agent.assign.ack", undefined, LONG);
  expect(payload).toMatchObject({ accepted: false, error: { code: "CONFIG_INVALID", detail: { fault: "config" } } });
  const issues = payload.error?.detail?.issues as { path: string }[];
  expect(issues.map(({ path }) => path)).toEqual(["height", "elements.0.source", "elements.1.source"]);
});

const ENDLESS = { elements: [{ ...SHAPE, duration: 3600, effects: [{ type: "fade_in", duration: 3600 }] }] };

test("a render says how far it is, goes on under the next agent, and is stopped without a trace of it", async () => {
  const first = await agent();
  double.assign("render-1", config(ENDLESS));
  const further = (than: number, since = 0) =>
    double.next("agent.job.update", ({ progress }) => (progress?.frame ?? 0) > than, { since, ...LONG });
  const { payload } = await further(1);
  expect(payload).toMatchObject({
    status: "RUNNING",
    progress: { render: { step: "rendering", totalFrames: 72_000 } },
  });
  first.child.kill("SIGKILL");
  await first.exited;
  const since = double.received.length;
  const { hello } = await agent();
  expect(hello.activeJobs).toMatchObject([{ jobId: "render-1" }]);
  await further(payload.progress?.frame ?? 0, since);
  double.send("orchestrator.job.stop", { jobId: "render-1", reason: "STOP_REQUESTED" });
  const end = (await ended("render-1")).payload;
  expect(end).toMatchObject({ status: "STOPPED", progress: { render: { step: "rendering" } } });
  expect(await readdir(base.file("media/render-1"))).toEqual([]);
  // What was drawn so far was in the job's folder, which goes once the orchestrator knows of the end.
  await waitFor(async () => (await readdir(base.file("runners"))).length === 0);
}, 90_000);

test("a render that takes longer than its timeout ends with that as the reason", async () => {
  await agent();
  double.assign("render-1", config({ ...ENDLESS, timeout: 1500 }));
  const { payload } = await ended("render-1");
  expect(payload).toMatchObject({ status: "FAILED", error: { code: "RENDER_TIMEOUT" } });
  expect(await exists(base.file("media/render-1/render.mp4"))).toBe(false);
});
