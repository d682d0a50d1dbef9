import { chmod, readdir, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { OrchestratorDouble } from "@stream-control/agent-sdk/testing";
import { endGroup, ffmpeg, type TemporaryFolder, temporaryFolder } from "@stream-control/test-kit";
import { type AgentProcess, runnerPids, startAgent } from "./agent-process.js";

const LONG = { timeoutMs: 60_000 };

let base: TemporaryFolder;
let double: OrchestratorDouble;
let agent: AgentProcess | undefined;
beforeEach(async () => {
  base = await temporaryFolder();
  double = await OrchestratorDouble.listen();
  await ffmpeg(["-f", "lavfi", "-i", "sine=d=2", base.file("tone.wav")]);
});
afterEach(async () => {
  agent?.child.kill("SIGKILL");
  await agent?.exited;
  for (const pid of await runnerPids(base.path)) endGroup(pid);
  await double.close();
  await base.remove();
});

async function start(env: Record<string, string> = {}): Promise<void> {
  const dirs = { DATA_DIR: base.path, OUTPUT_DIRS: base.file("media"), INPUT_DIRS: base.path };
  agent = startAgent({ ORCHESTRATOR_URL: double.url, SLOTS: "5", ...dirs, ...env });
  await double.next("agent.hello", () => true, LONG);
}

const request = (format: string) => ({
  ...{ width: 160, height: 120, fps: 20, output_format: format },
  elements: [
    { type: "shape", duration: 1.55 },
    { type: "audio", source: "tone.wav", duration: 1.5 },
  ],
});

async function render(format: string, qa: boolean) {
  double.assign(format, { config: { kind: "render", request: request(format), qa } });
  return (await double.next("agent.job.stopped", ({ jobId }) => jobId === format, LONG)).payload;
}

test("a finished file of any format is looked into where that is asked for, and found right", async () => {
  await start();
  const formats = ["mp4", "mov", "avi", "webm", "gif"];
  const ends = await Promise.all(formats.map((format) => render(format, true)));
  for (const [index, end] of ends.entries())
    expect([formats[index], end]).toMatchObject([
      formats[index],
      { status: "STOPPED", progress: { render: { step: "done", totalFrames: 31 } } },
    ]);
}, 60_000);

test("a finished file that is not what was asked for is not handed out, and said to be wrong in every respect", async () => {
  // An ffmpeg that leaves out half of the pictures and the sound, and says that all is well.
  const short = base.file("short-ffmpeg.mjs");
  await writeFile(
    short,
    `#!${process.execPath}
import { spawnSync } from "node:child_process";
import { renameSync } from "node:fs";
const args = process.argv.slice(2);
const { status } = spawnSync("ffmpeg", args, { stdio: "inherit" });
const output = args.at(-1).replace("file:", "");
if (output.includes("draft.")) {
  const shorter = output.replace("draft.", "shorter.");
  spawnSync("ffmpeg", ["-nostdin", "-y", "-i", output, "-an", "-c", "copy", "-frames:v", "10", shorter]);
  renameSync(shorter, output);
}
process.exit(status ?? 1);
`,
  );
  await chmod(short, 0o755);
  await start({ FFMPEG_PATH: short });
  const { status, error } = await render("mp4", true);
  expect([status, error]).toMatchObject(["FAILED", { code: "RESULT_WRONG", detail: { fault: "encoder" } }]);
  for (const what of ["it has 10 frames, not 31", " s, not 1.550 s", "its sound is missing"])
    expect(error?.message).toContain(what);
  expect(await readdir(base.file("media/mp4")).catch(() => [])).toEqual([]);
}, 60_000);
