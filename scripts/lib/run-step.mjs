import { spawn } from "node:child_process";
import { createWriteStream, mkdirSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Runs one step of a command and waits for its end.
 *
 * @param {string} label what people see
 * @param {readonly string[]} argv arguments of this very Node
 * @param {{ cwd: string, env?: NodeJS.ProcessEnv, quiet?: boolean, copyTo?: string, signal?: AbortSignal }} options
 *   `quiet`: the output is shown only when the step fails; `copyTo`: a file
 *   that gets the output too; `signal` ends the step
 * @returns {Promise<boolean>} whether it succeeded
 */
export function runStep(label, argv, { cwd, env = process.env, quiet = false, copyTo, signal: stopWish }) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, argv, {
      cwd,
      env,
      stdio: quiet || copyTo !== undefined ? ["ignore", "pipe", "pipe"] : "inherit",
    });
    const copy = copyTo === undefined ? undefined : openCopy(copyTo);
    const end = () => child.kill("SIGTERM");
    stopWish?.addEventListener("abort", end);
    /** @type {string[]} */
    const output = [];
    for (const { stream, shown } of [
      { stream: child.stdout, shown: process.stdout },
      { stream: child.stderr, shown: process.stderr },
    ])
      stream?.setEncoding("utf8").on("data", (text) => {
        copy?.write(text);
        if (quiet) output.push(text);
        else shown.write(text);
      });
    child.on("error", reject).on("close", (code, signal) => {
      stopWish?.removeEventListener("abort", end);
      if (code !== 0 && !stopWish?.aborted) {
        process.stderr.write(output.join(""));
        console.error(`${label} failed${signal === null ? "" : ` (${signal})`}.`);
      }
      if (copy === undefined) resolve(code === 0);
      else copy.end(() => resolve(code === 0));
    });
  });
}

/** @param {string} file */
function openCopy(file) {
  mkdirSync(dirname(file), { recursive: true });
  return createWriteStream(file);
}
