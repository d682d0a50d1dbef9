import { spawn } from "node:child_process";
import { once } from "node:events";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { writePid } from "./job-folder.js";
import { RunnerProcess } from "./runner-process.js";

export interface LaunchOptions {
  /** The Node binary. */
  execPath: string;
  /** The runner's program. */
  runnerMain: string;
  /** Its whole environment. */
  env: Record<string, string>;
}

/**
 * Starts the runner of a job folder in a session of its own, so that neither the agent's end nor a signal to the agent's
 * terminal reaches it.
 *
 * @throws Error where the process cannot be started.
 */
export async function launchRunner(
  folder: string,
  { execPath, runnerMain, env }: LaunchOptions,
): Promise<RunnerProcess> {
  const log = await open(join(folder, "runner.log"), "a", 0o600);
  try {
    const child = spawn(execPath, [runnerMain, folder], {
      detached: true,
      stdio: ["ignore", log.fd, log.fd],
      cwd: folder,
      env,
    });
    await once(child, "spawn");
    const { pid } = child;
    if (pid === undefined) throw new Error("The runner has no process id.");
    child.unref();
    const runner = new RunnerProcess(pid, folder, child);
    await writePid(folder, pid).catch((thrown: unknown) => {
      // Nobody would find it again.
      runner.killGroup();
      throw thrown;
    });
    return runner;
  } finally {
    await log.close();
  }
}
