import { rmSync } from "node:fs";
import { machineClock } from "@stream-control/agent-sdk/clock";
import { childEnvironment } from "@stream-control/ffmpeg";
import { openResults } from "../results/open.js";
import type { RunnerEvent, RunnerResult } from "./contract.js";
import { ControlServer } from "./control-server.js";
import { readSpec, writeResult } from "./files.js";
import { hidingPlaces } from "./hiding-places.js";
import { JobRunner } from "./job-runner.js";
import { programLauncher } from "./launcher.js";
import { RenderRunner } from "./render/render-runner.js";

// The composition root of a runner: `runner-main.js FOLDER`. See contract.ts for what it reads, serves and writes.
const folder = process.argv[2];
if (folder === undefined) {
  process.stderr.write("Usage: runner-main.js FOLDER, a folder with a spec.json.\n");
  process.exit(64);
}

const failed = (message: string): RunnerResult => ({
  status: "FAILED",
  error: { code: "RUNNER_ERROR", message, detail: { fault: "internal" } },
  endedAt: new Date().toISOString(),
});

type AnyRunner = JobRunner | RenderRunner;

/** Ends the process with a result, children first; for when nothing else can be relied on. */
function abandon(thrown: unknown, runner?: AnyRunner, socketPath?: string): never {
  killChildren(runner);
  if (socketPath !== undefined) rmSync(socketPath, { force: true });
  // Its own message could hold an address; what it is called cannot.
  const name = thrown instanceof Error ? thrown.name : "an unknown error";
  process.stderr.write(`The runner failed inside: ${name}\n${thrown instanceof Error ? (thrown.stack ?? "") : ""}\n`);
  writeResult(folder as string, failed(`The runner failed inside (${name}).`));
  process.exit(0);
}

function killChildren(runner: AnyRunner | undefined): void {
  for (const pid of runner?.childPids() ?? []) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
}

async function main(folder: string): Promise<void> {
  let spec: ReturnType<typeof readSpec>;
  try {
    spec = readSpec(folder);
  } catch (thrown) {
    writeResult(folder, failed(thrown instanceof Error ? thrown.message : "spec.json can't be read."));
    return;
  }
  const machine = {
    env: childEnvironment(process.env),
    hideIn: hidingPlaces(folder, process.platform),
    launcher: programLauncher(process.platform),
    now: Date.now,
    monotonicNow: machineClock(),
    emit: (event: RunnerEvent) => control.broadcast(event),
  };
  const runner: AnyRunner =
    "render" in spec
      ? new RenderRunner({ spec, folder, results: await openResults(spec.render.store), ...machine })
      : new JobRunner({ spec, random: Math.random, ...machine });
  const control = new ControlServer({
    hello: () => runner.hello(),
    command: (command) => runner.command(command),
    stream: (client) => runner.stream(client),
    describe: (thrown) => runner.describe(thrown),
  });
  process.on("uncaughtException", (thrown) => abandon(thrown, runner, spec.socketPath));
  process.on("unhandledRejection", (thrown) => abandon(thrown, runner, spec.socketPath));
  process.on("exit", () => killChildren(runner));
  // Terminals that close and agents that die are none of a runner's business.
  process.on("SIGHUP", () => {});
  process.stderr.on("error", () => {});
  process.on("SIGTERM", () => runner.stop());
  process.on("SIGINT", () => runner.stop());

  // The program first: every millisecond before it is one without a picture.
  const ended = runner.run();
  await control.listen(spec.socketPath);
  const result = await ended;
  control.broadcast({ type: "ended", result });
  await control.close();
  writeResult(folder, result);
  process.exit(0);
}

await main(folder).catch((thrown: unknown) => abandon(thrown));
