import { readdir } from "node:fs/promises";
import { argumentsOf, childrenOf, isRunning } from "@stream-control/test-kit";

/** Ids of the runners whose job folder lies in a room's folder, and of their ffmpeg processes. */
export async function runnersOf(folder: string): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const mine: number[] = [];
  for (const pid of pids) {
    const args = await argumentsOf(pid);
    const isRunner = args.some((argument) => argument.endsWith("runner-main.js"));
    if (isRunner && args.some((argument) => argument.startsWith(folder)) && (await isRunning(pid)))
      mine.push(pid, ...(await childrenOf(pid)));
  }
  return mine.sort((a, b) => a - b);
}
