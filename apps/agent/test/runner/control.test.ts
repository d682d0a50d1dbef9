import { readFile, stat, writeFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import {
  childrenOf,
  ffprobe,
  isRunning,
  measured,
  streamOf,
  type TemporaryFolder,
  temporaryFolder,
  waitFor,
} from "@stream-control/test-kit";
import { RESULT_FILE } from "../../src/runner/contract.js";
import { onAir, SMALL, TestRunner, workersOf } from "./runner-kit.js";

let folder: TemporaryFolder;
const runners: TestRunner[] = [];

const start = async (name: string, overrides: Parameters<typeof TestRunner.start>[1] = {}) => {
  const path = folder.file(name);
  const runner = await TestRunner.start(
    { source: { type: "test" }, destinations: [{ type: "file", path }], video: SMALL },
    overrides,
  );
  runners.push(runner);
  return { runner, path };
};

beforeAll(async () => {
  folder = await temporaryFolder("sc-ctl-");
});
afterEach(async () => {
  await Promise.all(runners.splice(0).map((runner) => runner.dispose()));
});
afterAll(() => folder.remove());

test("several clients come and go; each is greeted with the present state", async () => {
  const { runner } = await start("clients.mp4");
  const first = await runner.client();
  await first.event("status", ({ status }) => status === "RUNNING");
  await first.event("progress", ({ progress }) => (progress.frame ?? 0) > 0);
  await first.command({ type: "mute", muted: true });
  const second = await runner.client();
  const hello = await second.event("hello");
  expect(second.events[0]).toBe(hello);
  expect(hello).toMatchObject({ status: "RUNNING", muted: true, pid: runner.pid });
  expect(hello.progress?.frame).toBeGreaterThan(0);
  first.close();
  await second.event("progress", ({ progress }) => (progress.frame ?? 0) > (hello.progress?.frame ?? 0));
});

test("nonsense on the socket costs a reply and nothing else", async () => {
  const { runner } = await start("nonsense.mp4");
  const client = await runner.client();
  client.raw('no json\n{"type":"dance","id":"7"}\n[]\nnull\n{"type":"mute","id":"8","muted":"yes"}\n');
  expect(await client.event("reply", ({ id }) => id === "7")).toMatchObject({
    ok: false,
    error: { code: "INVALID_REQUEST" },
  });
  expect(await client.event("reply", ({ id }) => id === "8")).toMatchObject({ ok: false });
  const flooding = await runner.client();
  flooding.raw("x".repeat(200_000));
  await waitFor(() => flooding.closed);
  expect(await client.command({ type: "mute", muted: true })).toMatchObject({ ok: true });
});

test("SIGTERM to the runner stops the job gracefully, SIGHUP does nothing", async () => {
  const { runner, path } = await start("signals.mp4");
  const client = await runner.client();
  await client.event("progress", ({ progress }) => (progress.outTimeMs ?? 0) > 500);
  runner.process.kill("SIGHUP");
  const frame = client.all("progress").at(-1)?.progress.frame ?? 0;
  await client.event("progress", ({ progress }) => (progress.frame ?? 0) > frame + 10);
  runner.process.kill("SIGTERM");
  expect(await runner.result()).toMatchObject({ status: "STOPPED" });
  expect(client.all("status").map(({ status }) => status)).toEqual(expect.arrayContaining(["STOPPING"]));
  expect(streamOf(await ffprobe(path), "video")).toMatchObject({ codec_name: "h264" });
});

test("a stop escalates when the program does not listen; a kill does not wait", async () => {
  const { runner } = await start("escalate.mp4", { stopGraceMs: 300, killAfterMs: 300 });
  const client = await runner.client();
  await client.event("status", ({ status }) => status === "RUNNING");
  const stopped = await childrenOf(runner.pid);
  process.kill(Math.min(...stopped), "SIGSTOP");
  const askedAt = performance.now();
  await client.command({ type: "stop" });
  expect(await runner.result()).toMatchObject({ status: "STOPPED" });
  measured(
    "a stop, in any status",
    { from: askedAt, to: performance.now() },
    {
      until: "end of a job whose program does not listen",
      setting: { name: "STOP_GRACE_MS + KILL_AFTER_MS", ms: 600 },
    },
  );
  expect((await Promise.all(stopped.map(isRunning))).includes(true)).toBe(false);

  const { runner: second } = await start("kill.mp4", { stopGraceMs: 60_000, killAfterMs: 60_000 });
  const killer = await second.client();
  await killer.event("status", ({ status }) => status === "RUNNING");
  const children = await childrenOf(second.pid);
  for (const pid of children) process.kill(pid, "SIGSTOP");
  await killer.command({ type: "kill" });
  expect(await second.result()).toMatchObject({ status: "STOPPED" });
  expect((await Promise.all(children.map(isRunning))).includes(true)).toBe(false);
});

test("a stop's deadline shortens the grace times", async () => {
  const { runner } = await start("deadline.mp4", { stopGraceMs: 60_000, killAfterMs: 60_000 });
  const client = await runner.client();
  await client.event("status", ({ status }) => status === "RUNNING");
  process.kill(Math.min(...(await childrenOf(runner.pid))), "SIGSTOP");
  await client.command({ type: "stop", deadlineMs: 1000 });
  expect(await runner.result(20_000)).toMatchObject({ status: "STOPPED" });
});

test("a program that is killed from outside is started again once; soon after it, the job fails with the reason", async () => {
  const { runner } = await start("killed.mp4");
  const client = await runner.client();
  await client.event("status", ({ status }) => status === "RUNNING");
  const [program = 0, sender] = await workersOf(runner.pid);
  const killedAt = performance.now();
  process.kill(program, "SIGKILL");
  await client.event("event", onAir("slate"));
  measured("the program's ffmpeg dies", { from: killedAt, to: performance.now() }, { until: "slate" });
  await client.event("event", ({ event }) => event === "stream.source_back");
  measured("the program's ffmpeg dies", { from: killedAt, to: performance.now() }, { until: "program" });
  expect(client.all("event").find(({ event }) => event === "stream.encoder_restarted")).toMatchObject({
    data: { fault: "encoder", signal: "SIGKILL" },
  });
  const restarted = await waitFor(async () => {
    const others = (await workersOf(runner.pid)).filter((pid) => pid !== sender);
    return others.length === 1 && others[0];
  });
  process.kill(restarted, "SIGKILL");
  expect(await runner.result()).toMatchObject({
    status: "FAILED",
    error: { code: "FFMPEG_EXITED", detail: { fault: "encoder", signal: "SIGKILL" } },
  });
});

test("a wrong spec and a missing ffmpeg end in a result that says so", async () => {
  const { runner } = await start("spec.mp4", { stopGraceMs: -1 });
  expect(await runner.result()).toMatchObject({ status: "FAILED", error: { code: "RUNNER_ERROR" } });
  expect((await readFile(runner.folder.file(RESULT_FILE), "utf8")).includes("stopGraceMs")).toBe(true);

  const { runner: second } = await start("missing.mp4", { ffmpegPath: "/nonexistent/ffmpeg" });
  expect(await second.result()).toMatchObject({
    status: "FAILED",
    error: { detail: { fault: "agent", cause: "FFMPEG_NOT_STARTED" } },
  });
});

test("a runner that cannot make its socket ends its program and leaves a result", async () => {
  const blocker = folder.file("blocker");
  await writeFile(blocker, "");
  const { runner } = await start("socket.mp4", { socketPath: `${blocker}/s.sock` });
  expect(await runner.result()).toMatchObject({ status: "FAILED", error: { code: "RUNNER_ERROR" } });
  await expect(stat(runner.spec.socketPath)).rejects.toThrow();
});
