import { spawn } from "node:child_process";

/**
 * Runs one step of a command and waits for its end.
 *
 * @param {string} label what people see
 * @param {readonly string[]} argv arguments of this very Node
 * @param {{ cwd: string, env?: NodeJS.ProcessEnv, quiet?: boolean, signal?: AbortSignal }} options
 *   `quiet`: the output is shown only when the step fails; `signal` ends the step
 * @returns {Promise<boolean>} whether it succeeded
 */
export function runStep(label, argv, { cwd, env = process.env, quiet = false, signal: stopWish }) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, argv, { cwd, env, stdio: quiet ? ["ignore", "pipe", "pipe"] : "inherit" });
    const end = () => child.kill("SIGTERM");
    stopWish?.addEventListener("abort", end);
    /** @type {string[]} */
    const output = [];
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (text) => output.push(text));
    child.on("error", reject).on("close", (code, signal) => {
      stopWish?.removeEventListener("abort", end);
      if (code !== 0 && !stopWish?.aborted) {
        process.stderr.write(output.join(""));
        console.error(`${label} failed${signal === null ? "" : ` (${signal})`}.`);
      }
      resolve(code === 0);
    });
  });
}
