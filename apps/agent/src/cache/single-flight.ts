import { mkdir, open, readFile, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { symbolOf } from "../data-dir/file-problem.js";

const LOOK_MS = 50;
/** Longer than any render may take: whoever it belonged to is gone, and its process id is somebody else's by now. */
const OLD_MS = 25 * 3_600_000;

/**
 * Does something while no other process of this machine does it for the same path: the file names the process that is at it,
 * and counts for as long as that runs. What comes of two processes that find the same dead one at once is that both work,
 * which costs time and nothing else; so nothing may rely on being alone.
 */
export async function alone<T>(path: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  while (!(await claim(path))) {
    signal.throwIfAborted();
    if (await isLeft(path)) await rm(path, { force: true });
    else await delay(LOOK_MS, undefined, { signal });
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function claim(path: string): Promise<boolean> {
  try {
    const file = await open(path, "wx", 0o600);
    await file.writeFile(`${process.pid}\n`);
    await file.close();
    return true;
  } catch (thrown) {
    if (symbolOf(thrown) === "EEXIST") return false;
    throw thrown;
  }
}

async function isLeft(path: string): Promise<boolean> {
  const [text, about] = await Promise.all([
    readFile(path, "utf8").catch(() => undefined),
    stat(path).catch(() => undefined),
  ]);
  if (text === undefined || about === undefined) return false;
  const ageMs = Date.now() - about.mtimeMs;
  // Between making the file and writing into it is a moment; whoever was killed in it is seen a little later.
  if (!/^\d{1,10}\n$/.test(text)) return ageMs > 1000;
  return ageMs > OLD_MS || !isRunning(Number(text));
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return symbolOf(thrown) === "EPERM";
  }
}
