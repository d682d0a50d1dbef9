import { readdir } from "node:fs/promises";
import { argumentsOf, childrenOf, isRunning } from "./processes.js";

/** A runner of a real agent, with the ffmpegs that it runs. */
export interface RunnerPids {
  pid: number;
  children: number[];
}

/**
 * The runners whose job folder lies below a folder of ours (Linux): agents started them detached, so nobody else would end
 * them. Their command line proves that a process id is still theirs.
 */
export async function runnersIn(folder: string): Promise<RunnerPids[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const args = await argumentsOf(pid);
      const ours =
        args.some((argument) => argument.endsWith("runner-main.js")) &&
        args.some((argument) => argument.startsWith(`${folder}/`));
      return ours && (await isRunning(pid)) ? [{ pid, children: await childrenOf(pid) }] : [];
    }),
  );
  return found.flat().sort((a, b) => a.pid - b.pid);
}

/** Sends a signal; @returns false where the process has ended by itself. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}
