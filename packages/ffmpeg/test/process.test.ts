import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "@jest/globals";
import { isRunning, waitFor } from "@stream-control/test-kit";
import {
  childEnvironment,
  FfmpegProcess,
  type FfmpegProcessOptions,
  type ProgressReport,
  StallTimer,
} from "../src/index.js";

const FAKE = fileURLToPath(new URL("./fakes/bad-ffmpeg.mjs", import.meta.url));
const running: FfmpegProcess[] = [];

/** An ffmpeg with the given bad habits, and what it said. */
function start(habits: readonly string[], options: Partial<FfmpegProcessOptions> = {}) {
  const reports: ProgressReport[] = [];
  const lines: string[] = [];
  const ffmpeg = new FfmpegProcess({
    ...{ path: process.execPath, arguments: [FAKE, ...habits], env: {}, stdin: "commands", graphs: 2 },
    onProgress: (report) => reports.push(report),
    onLine: (line) => lines.push(line),
    ...options,
  });
  running.push(ffmpeg);
  return { ffmpeg, reports, lines, started: () => waitFor(() => reports.length > 0) };
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((ffmpeg) => ffmpeg.kill()));
});

describe("a stop", () => {
  test("is a q, and ends well", async () => {
    const { ffmpeg, reports, started } = start([]);
    await started();
    expect(await ffmpeg.stop({ graceMs: 20_000, killAfterMs: 20_000 })).toEqual({
      ...{ reason: "stopped", code: 0, signal: null },
    });
    expect(reports.at(-1)?.last).toBe(true);
    expect(ffmpeg.hasExited).toBe(true);
  });

  test("becomes SIGTERM for one that does not hear q", async () => {
    const { ffmpeg, started } = start(["deaf-to-q"]);
    await started();
    expect(await ffmpeg.stop({ graceMs: 100, killAfterMs: 20_000 })).toMatchObject({
      ...{ reason: "stopped", signal: "SIGTERM" },
    });
  });

  test("becomes SIGKILL for one that hears nothing, and a second stop may hurry the first", async () => {
    const { ffmpeg, lines, started } = start(["deaf-to-q", "deaf-to-term"]);
    await started();
    void ffmpeg.stop({ graceMs: 60_000, killAfterMs: 60_000 });
    const exit = await ffmpeg.stop({ graceMs: 100, killAfterMs: 500 });
    expect(exit).toEqual({ reason: "killed", code: null, signal: "SIGKILL" });
    expect(lines).toContain("[warning] SIGTERM ignored");
    expect(await isRunning(ffmpeg.pid ?? 0)).toBe(false);
  });

  test("of one that has ended already changes nothing", async () => {
    const { ffmpeg } = start(["ends-well"]);
    expect(await ffmpeg.exited).toEqual({ reason: "ended", code: 0, signal: null });
    expect(await ffmpeg.stop({ graceMs: 0, killAfterMs: 0 })).toMatchObject({ reason: "ended" });
    expect(await ffmpeg.kill()).toMatchObject({ reason: "ended" });
  });
});

describe("an exit", () => {
  test("with an error is a failure with its words", async () => {
    const { ffmpeg, lines } = start(["ends-badly"]);
    expect(await ffmpeg.exited).toEqual({ reason: "failed", code: 1, signal: null });
    expect(lines).toEqual(["[error] tcp://127.0.0.1:1: Connection refused"]);
  });

  test("by a signal of somebody else is a failure", async () => {
    const { ffmpeg, started } = start([]);
    await started();
    process.kill(ffmpeg.pid ?? 0, "SIGKILL");
    expect(await ffmpeg.exited).toEqual({ reason: "failed", code: null, signal: "SIGKILL" });
  });

  test("before the start says that there is no such program", async () => {
    const { ffmpeg } = start([], { path: "/nonexistent/ffmpeg" });
    expect(await ffmpeg.exited).toEqual({ reason: "failed", code: null, signal: null, startError: "ENOENT" });
    expect(ffmpeg.pid).toBeUndefined();
  });
});

test("a flood of words costs no memory, and head and tail are kept", async () => {
  const { ffmpeg } = start(["floods", "ends-well"], { onLine: () => {} });
  await ffmpeg.exited;
  const lines = ffmpeg.log.lines();
  expect(lines[0]).toBe("[warning] flood 0");
  expect(lines).toHaveLength(101);
  expect(lines.at(-1)).toBe("[warning] flood 199999");
  const { ffmpeg: muttering, lines: heard } = start(["mutters", "ends-well"]);
  await muttering.exited;
  expect(heard.map((line) => line.length)).toEqual([1000]);
});

describe("filter commands", () => {
  test("are sent one by one, each whole, and answered", async () => {
    const { ffmpeg, lines, started } = start([]);
    await started();
    await Promise.all([ffmpeg.command("volume@main", "volume", "0"), ffmpeg.command("volume@main", "volume", "1.0")]);
    await waitFor(() => lines.length === 2);
    expect(lines).toEqual(['[info] took "cvolume@main -1 volume 0"', '[info] took "cvolume@main -1 volume 1.0"']);
  });

  test("that are refused, or not answered, fail", async () => {
    const refusing = start(["refuses"]);
    await refusing.started();
    await expect(refusing.ffmpeg.command("volume@x", "volume", "0")).rejects.toThrow(
      "refused the filter command (-22)",
    );
    const silent = start(["silent"]);
    await silent.started();
    await expect(silent.ffmpeg.command("volume@x", "volume", "0", 100)).rejects.toThrow("within 100 ms");
    await expect(silent.ffmpeg.command("a\nq", "b", "c")).rejects.toThrow("one line");
    const pending = [silent.ffmpeg.command("a", "b", "c", 60_000), silent.ffmpeg.command("a", "b", "d", 60_000)];
    const settled = Promise.allSettled(pending);
    await silent.ffmpeg.kill();
    expect((await settled).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await expect(silent.ffmpeg.command("a", "b", "c")).rejects.toThrow("has ended");
  });
});

test("a stall is a frame counter that stands still, not silence", async () => {
  const stalls: unknown[] = [];
  const { ffmpeg, reports, started } = start(["stalls"]);
  await started();
  const timer = new StallTimer({ startTimeoutMs: 10_000, stallTimeoutMs: 200, onStall: (stall) => stalls.push(stall) });
  timer.feed(1);
  const before = reports.length;
  await waitFor(() => {
    timer.feed(reports.at(-1)?.progress.frame ?? 0);
    return stalls.length > 0;
  });
  expect(stalls).toEqual([{ afterMs: 200, started: true }]);
  expect(reports.length).toBeGreaterThan(before);
  await ffmpeg.kill();

  const early: unknown[] = [];
  const start2 = new StallTimer({ startTimeoutMs: 50, stallTimeoutMs: 10, onStall: (stall) => early.push(stall) });
  start2.feed(0);
  await waitFor(() => early.length > 0);
  expect(early).toEqual([{ afterMs: 50, started: false }]);
});

test("the environment of an ffmpeg holds no secret of ours", () => {
  expect(childEnvironment({ PATH: "/bin", AGENT_TOKEN: "secret", DISPLAY: ":0", HOME: undefined })).toEqual({
    ...{ PATH: "/bin", DISPLAY: ":0", LC_ALL: "C" },
  });
});
