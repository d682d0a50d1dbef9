import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError } from "@stream-control/service-kit";
import { fileProblem } from "./file-problem.js";
import { type DataDirLock, lockDataDir } from "./lock.js";

/** A full disk may still have room for a byte. */
const TRIAL_BYTES = 65_536;

/**
 * Makes the data folder and takes it for this agent alone.
 *
 * @throws ConfigError where it cannot be made, or another agent has it.
 */
export async function openDataDir(dataDir: string, tmpdir: string): Promise<DataDirLock> {
  await mkdir(dataDir, { recursive: true }).catch((thrown: unknown) => {
    throw new ConfigError(
      `DATA_DIR ${dataDir} ${fileProblem(thrown)}. Set DATA_DIR to a folder that the agent may write to.`,
    );
  });
  return lockDataDir(dataDir, tmpdir);
}

/** Why nothing can be written there at present; undefined where it can. */
export async function writeProblem(dataDir: string): Promise<string | undefined> {
  const trial = join(dataDir, `.trial-${process.pid}`);
  try {
    await writeFile(trial, Buffer.alloc(TRIAL_BYTES), { flush: true });
    return undefined;
  } catch (thrown) {
    return `The agent's data folder ${fileProblem(thrown)}. Jobs that run go on; new ones are declined meanwhile.`;
  } finally {
    await rm(trial, { force: true }).catch(() => undefined);
  }
}
