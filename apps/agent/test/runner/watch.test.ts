import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { connect } from "node:net";
import type { Readable } from "node:stream";
import { afterEach, expect, test } from "@jest/globals";
import {
  ffprobe,
  frameDistances,
  run,
  streamOf,
  temporaryFolder,
  videoPackets,
  waitFor,
} from "@stream-control/test-kit";
import { openStream } from "../../src/runners/stream-link.js";
import { type Ends, SMALL, TestRunner } from "./runner-kit.js";

const ends: Ends = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function started(name = "a.ts") {
  const folder = await temporaryFolder();
  ends.push(() => folder.remove());
  const file = folder.file(name);
  const runner = await TestRunner.start({
    ...{ source: { type: "test" }, video: SMALL, monitoring: { enabled: false } },
    destinations: [{ type: "file", path: file }],
  });
  ends.push(() => runner.dispose());
  const client = await runner.client();
  await client.event("status", ({ status }) => status === "RUNNING");
  const watch = async (): Promise<Readable> => {
    const stream = await openStream(runner.spec.socketPath);
    ends.push(async () => void stream.destroy());
    return stream;
  };
  return { folder, file, runner, client, watch };
}

/** Reads so many bytes of a stream into a file. */
async function save(stream: Readable, bytes: number, file: string): Promise<void> {
  const target = createWriteStream(file, { flags: "a" });
  let got = 0;
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    target.write(chunk);
    got += chunk.length;
    if (got >= bytes) break;
  }
  target.end();
  await once(target, "finish");
}

test("what goes out can be watched beside the destinations, by several, each from a keyframe on", async () => {
  const { folder, client, watch } = await started();
  const [one, two] = [await watch(), await watch()];
  await Promise.all([save(one, 150_000, folder.file("one.ts")), save(two, 150_000, folder.file("two.ts"))]);
  for (const name of ["one.ts", "two.ts"]) {
    const media = await ffprobe(folder.file(name));
    expect(streamOf(media, "video")).toMatchObject({ codec_name: "h264", width: 320, height: 180 });
    expect(streamOf(media, "audio")).toMatchObject({ codec_name: "aac" });
    expect((await videoPackets(folder.file(name)))[0]).toMatchObject({ key: true });
  }
  one.destroy();
  // Its control socket answers as ever, and who went away is not waited for.
  expect(await client.command({ type: "mute", muted: true })).toMatchObject({ ok: true });
  await save(two, 20_000, folder.file("more.ts"));
});

test("the stream ends for those who watch when the job does", async () => {
  const { client, watch, runner } = await started();
  const stream = await watch();
  stream.resume();
  const ended = once(stream, "end");
  await client.command({ type: "stop" });
  await ended;
  expect((await runner.result()).status).toBe("STOPPED");
});

test("who does not read misses whole groups of pictures, and the destinations nothing", async () => {
  const { folder, file, client, watch, runner } = await started();
  const stream = await watch();
  const seen = folder.file("seen.ts");
  await save(stream, 30_000, seen);
  // Nobody reads now; the kernel and the queue take some of it, the rest is left out.
  const { progress } = await client.event("progress");
  const until = (progress.frame ?? 0) + 450;
  await client.event("progress", ({ progress: now }) => (now.frame ?? 0) > until, 60_000);
  await save(stream, 900_000, seen);
  stream.destroy();
  await client.command({ type: "stop" });
  await runner.result();
  // Every picture that came is whole: a decoder has nothing to say.
  expect((await run("ffmpeg", ["-v", "error", "-i", seen, "-map", "0:v", "-f", "null", "-"])).stderr).toBe("");
  expect(Math.max(...frameDistances(await videoPackets(seen)))).toBeGreaterThan(1);
  expect(Math.max(...frameDistances(await videoPackets(file)))).toBeLessThan(0.2);
}, 120_000);

test("a command behind the request is not read as one, and a runner that is gone is said to be", async () => {
  const { runner, client } = await started();
  const socket = connect(runner.spec.socketPath);
  await once(socket, "connect");
  socket.write(`${JSON.stringify({ type: "stream", id: "s" })}\n${JSON.stringify({ type: "kill", id: "k" })}\n`);
  await waitFor(() => socket.bytesRead > 50_000);
  socket.destroy();
  expect(await client.command({ type: "pause", paused: true })).toMatchObject({ ok: true });
  await client.command({ type: "stop" });
  await runner.result();
  await expect(openStream(runner.spec.socketPath)).rejects.toMatchObject({ info: { code: "JOB_NOT_RUNNING" } });
});
