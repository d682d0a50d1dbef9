import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { keepLog } from "@stream-control/test-kit";

/** The built agent as a process of its own. */
export interface AgentProcess {
  child: ChildProcess;
  /** Everything it wrote so far. */
  output(): string;
  /** Its exit code, once it has ended; null after a signal. */
  exited: Promise<number | null>;
}

/** Starts the built agent with nothing in its environment but what is given, and where to find ffmpeg. */
export function startAgent(env: Record<string, string>): AgentProcess {
  const child = spawn(process.execPath, [join(import.meta.dirname, "../dist/main.js")], {
    env: { PATH: process.env.PATH ?? "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (data) => {
      output += data;
    });
  const exited = once(child, "close").then(([code]) => {
    keepLog("agent", output);
    return code as number | null;
  });
  return { child, output: () => output, exited };
}

/** The process ids of the runners whose folders are below that data folder. */
export async function runnerPids(dataDir: string): Promise<number[]> {
  const folder = join(dataDir, "runners");
  const names = await readdir(folder).catch(() => []);
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name, "pid"), "utf8").catch(() => "")));
  return texts.filter((text) => text !== "").map(Number);
}
