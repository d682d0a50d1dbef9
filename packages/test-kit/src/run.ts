import { spawn } from "node:child_process";
import { once } from "node:events";

/** What a program that ran to its end left. */
export interface RunResult {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/**
 * Runs a program to its end without a shell and without input.
 *
 * @throws when it can't be started, or when it outlives the deadline (it is killed then).
 */
export async function run(
  command: string,
  args: readonly string[],
  { deadlineMs = 30_000, cwd, user }: { deadlineMs?: number; cwd?: string; user?: { uid: number; gid: number } } = {},
): Promise<RunResult> {
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", "pipe"],
    ...user,
    ...(cwd === undefined ? {} : { cwd }),
  });
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output.stderr += text;
  });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, deadlineMs);
  try {
    const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
    if (late) throw new Error(`${command} was not done after ${deadlineMs} ms: ${output.stderr.slice(-2000)}`);
    return { code, signal, ...output };
  } finally {
    clearTimeout(timer);
  }
}

/** Runs ffmpeg to its end and demands success. */
export async function ffmpeg(args: readonly string[], deadlineMs = 60_000): Promise<RunResult> {
  const result = await run("ffmpeg", ["-hide_banner", "-nostdin", "-y", ...args], { deadlineMs });
  if (result.code !== 0) throw new Error(`ffmpeg ended with ${result.code}: ${result.stderr.slice(-2000)}`);
  return result;
}
