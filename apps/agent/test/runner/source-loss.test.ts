import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import {
  childrenOf,
  ffmpeg,
  frameDistances,
  freePort,
  type RtmpServer,
  startRtmpServer,
  type TemporaryFolder,
  temporaryFolder,
  videoPackets,
  waitFor,
} from "@stream-control/test-kit";
import { SMALL, TestRunner } from "./runner-kit.js";

let server: RtmpServer;
let folder: TemporaryFolder;
const runners: TestRunner[] = [];
const ends: (() => Promise<void>)[] = [];

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

/** An ffmpeg that pushes a red picture to an address, again and again until somebody takes it. */
function camera(url: string, format = "flv") {
  let over = false;
  let child: ReturnType<typeof spawn> | undefined;
  const runAgain = async () => {
    while (!over) {
      child = spawn(
        "ffmpeg",
        [
          ...[
            "-v",
            "error",
            "-re",
            "-f",
            "lavfi",
            "-i",
            "color=c=red:s=320x180:r=25",
            "-re",
            "-f",
            "lavfi",
            "-i",
            "sine",
          ],
          ...["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "25", "-pix_fmt", "yuv420p"],
          ...["-c:a", "aac", "-f", format, url],
        ],
        { stdio: "ignore" },
      );
      await once(child, "exit");
    }
  };
  const running = runAgain();
  const end = async () => {
    over = true;
    child?.kill("SIGKILL");
    await running;
  };
  ends.push(end);
  return { end, signal: (signal: NodeJS.Signals) => child?.kill(signal) };
}

/** Records what an RTMP server sends, until the publication or the test ends. */
function record(url: string, file: string) {
  const child = spawn(
    "ffmpeg",
    ["-v", "error", "-y", "-rw_timeout", "30000000", "-i", url, "-c", "copy", "-flush_packets", "1", file],
    { stdio: ["pipe", "ignore", "inherit"] },
  );
  const exited = once(child, "exit");
  const end = async () => {
    if (child.exitCode === null) child.stdin?.write("q");
    const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
    await exited;
    clearTimeout(timer);
  };
  ends.push(end);
  return end;
}

/** What a viewer can complain about. */
async function complaints(file: string) {
  const { stderr } = await ffmpeg(["-v", "warning", "-xerror", "-i", file, "-f", "null", "-"]);
  return stderr.split("\n").filter((line) => line.trim() !== "");
}

const onAir = (seen: string) => (event: { event: string; data?: Record<string, unknown> | undefined }) =>
  event.event === "stream.on_air" && event.data?.onAir === seen;

test("a source that ends, hangs and comes back costs viewers a slate and nothing else", async () => {
  const port = await freePort();
  const publisher = camera(`rtmp://127.0.0.1:${port}/live/camera`);
  const runner = await start({
    source: { type: "rtmp", url: `rtmp://127.0.0.1:${port}/live/camera`, listen: true },
    destinations: [{ type: "rtmp", id: "main", url: server.url("onair") }],
    video: SMALL,
    sourceLoss: { slate: { kind: "text" }, returnAfterMs: 500 },
  });
  const client = await runner.client();
  await waitFor(() => server.live.has("/live/onair"), { deadlineMs: 30_000 });
  const file = folder.file("onair.flv");
  const stopRecording = record(server.url("onair"), file);
  await waitFor(async () => (await readFile(file)).length > 20_000);

  // Unplugged: the connection ends.
  publisher.signal("SIGKILL");
  await client.event("event", onAir("slate"));
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
  expect(performance.now() - frozenAt).toBeLessThan(2000);
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
