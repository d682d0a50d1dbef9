import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type AnySpec,
  anySpecSchema,
  RESULT_FILE,
  type RunnerResult,
  runnerResultSchema,
  SPEC_FILE,
} from "../runner/contract.js";

const PID_FILE = "pid";
const BOOT_FILE = "boot-id";
/** For this user alone. */
const OWN = { mode: 0o600 };

/** Makes a new, empty folder for a job, readable by the agent's user alone: the spec in it holds stream keys. */
export async function makeJobFolder(runnersDir: string): Promise<string> {
  const folder = join(runnersDir, randomBytes(6).toString("hex"));
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return folder;
}

export async function writeSpec(folder: string, spec: AnySpec): Promise<void> {
  const file = join(folder, SPEC_FILE);
  await writeFile(`${file}.new`, JSON.stringify(spec), OWN);
  await rename(`${file}.new`, file);
}

/** @throws Error where there is no readable, valid spec. */
export async function readSpec(folder: string): Promise<AnySpec> {
  return anySpecSchema.parse(JSON.parse(await readFile(join(folder, SPEC_FILE), "utf8")));
}

/** How the job ended; undefined where its runner has not said so, or not in a readable way. */
export async function readResult(folder: string): Promise<RunnerResult | undefined> {
  try {
    return runnerResultSchema.parse(JSON.parse(await readFile(join(folder, RESULT_FILE), "utf8")));
  } catch {
    return undefined;
  }
}

export async function writePid(folder: string, pid: number): Promise<void> {
  await writeFile(join(folder, PID_FILE), `${pid}\n`, OWN);
}

export async function readPid(folder: string): Promise<number | undefined> {
  const text = await readFile(join(folder, PID_FILE), "utf8").catch(() => "");
  return /^\d{1,10}\n$/.test(text) ? Number(text) : undefined;
}

/** Notes under which boot of the machine the job was started. */
export async function writeBootId(folder: string, bootId: string | undefined): Promise<void> {
  if (bootId !== undefined) await writeFile(join(folder, BOOT_FILE), `${bootId}\n`, OWN);
}

/** Undefined where none was noted. */
export async function readBootId(folder: string): Promise<string | undefined> {
  const text = await readFile(join(folder, BOOT_FILE), "utf8").catch(() => "");
  return text.trim() || undefined;
}

export async function listJobFolders(runnersDir: string): Promise<string[]> {
  const entries = await readdir(runnersDir, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(runnersDir, entry.name));
}

/** Removes a job's folder and its socket, wherever that is. */
export async function removeJobFolder(folder: string, socketPath?: string): Promise<void> {
  if (socketPath !== undefined) await rm(socketPath, { force: true });
  await rm(folder, { recursive: true, force: true });
}
