import { spawn } from "node:child_process";
import { hideArguments } from "../process/hidden-files.js";

/** What a short-lived program left. */
export interface RunOutcome {
  code: number | null;
  stdout: string;
  stderr: string;
  timedOut: boolean;
  startError?: string;
}

/** How to run it. */
export interface RunOptions {
  env: Record<string, string>;
  /** See `FfmpegProcessOptions.hideIn`. */
  hideIn?: readonly string[] | undefined;
  deadlineMs: number;
  signal?: AbortSignal | undefined;
  /** See `FfmpegProcessOptions.launcher`. */
  launcher?: readonly string[] | undefined;
  /** Called whenever something of the answer has come. */
  onOutput?: () => void;
}

/** Enough for every answer that is parsed here; more is a program gone wild. */
const MAX_OUTPUT = 4 * 1024 * 1024;

/** Runs ffmpeg or ffprobe to its end, killed at the deadline or when the signal says so; never rejects. */
export function runToEnd(
  path: string,
  args: readonly string[],
  { env, hideIn = [], deadlineMs, signal, launcher = [], onOutput }: RunOptions,
): Promise<RunOutcome> {
  return new Promise((resolve) => {
    const hidden = hideArguments(args, hideIn);
    const [command = path, ...rest] = [...launcher, path, ...hidden.arguments];
    const child = spawn(command, rest, { env, stdio: ["ignore", "pipe", "pipe"], windowsHide: true });
    const outcome: RunOutcome = { code: null, stdout: "", stderr: "", timedOut: false };
    const timer = setTimeout(() => {
      outcome.timedOut = true;
      child.kill("SIGKILL");
    }, deadlineMs);
    const abort = () => child.kill("SIGKILL");
    signal?.addEventListener("abort", abort, { once: true });
    const settle = (end: Partial<RunOutcome>) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      hidden.remove();
      resolve({ ...outcome, ...end });
    };
    if (signal?.aborted === true) abort();
    for (const name of ["stdout", "stderr"] as const)
      child[name].setEncoding("utf8").on("data", (text: string) => {
        if (name === "stdout") onOutput?.();
        if (outcome[name].length < MAX_OUTPUT) outcome[name] += text;
      });
    child.once("error", (error: NodeJS.ErrnoException) => {
      if (child.pid === undefined) settle({ startError: error.code ?? error.message });
    });
    child.once("close", (code) => settle({ code }));
  });
}
