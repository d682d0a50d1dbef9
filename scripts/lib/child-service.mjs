import { spawn } from "node:child_process";
import { createWriteStream, existsSync, mkdirSync, renameSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { lineSplitter } from "./log-lines.mjs";

/** A log file above this is put aside at the next start. */
const MAX_LOG_BYTES = 20 * 1024 * 1024;
const KEPT_LINES = 20;

/**
 * @typedef {object} ServiceSpec
 * @property {string} name
 * @property {string} script what Node runs, absolute
 * @property {string} cwd
 * @property {NodeJS.ProcessEnv} env
 * @property {string} logFile
 * @property {number} stopTimeoutMs from SIGTERM until it counts as hung
 *
 * @typedef {{ code: number | null, signal: NodeJS.Signals | null }} Exit
 */

/** One service as a child process, with its output in a log file. */
export class ChildService {
  /** @type {string[]} */
  #lastLines = [];

  /**
   * Starts it in a process group of its own, so that the terminal's Ctrl-C does not reach it: the order of stopping is
   * ours.
   *
   * @param {ServiceSpec} spec
   * @param {(line: string) => void} onLine hears every line of its output
   */
  constructor(spec, onLine) {
    this.spec = spec;
    const log = openLog(spec.logFile);
    // `setup-youtube-oauth` leaves its result in the `.env` of the app; what the environment sets itself wins.
    const environment = existsSync(join(spec.cwd, ".env")) ? ["--env-file=.env"] : [];
    const child = spawn(process.execPath, [...environment, "--enable-source-maps", spec.script], {
      cwd: spec.cwd,
      env: spec.env,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    this.pid = child.pid;
    for (const stream of [child.stdout, child.stderr]) {
      const lines = lineSplitter((line) => {
        this.#lastLines = [...this.#lastLines, line].slice(-KEPT_LINES);
        onLine(line);
      });
      stream
        .setEncoding("utf8")
        .on("data", (text) => {
          log.write(text);
          lines.push(text);
        })
        .on("end", () => lines.end());
    }
    /** @type {Promise<Exit>} Settles when the process has ended; its descendants may hold its output open longer. */
    this.exited = new Promise((resolve) => {
      child.once("error", (error) => {
        this.#lastLines.push(error.message);
        resolve({ code: null, signal: null });
      });
      child.once("exit", (code, signal) => resolve({ code, signal }));
    });
    /** @type {Promise<unknown>} Settles when all of its output is in the log file. */
    this.closed = new Promise((resolve) => {
      child.once("error", resolve);
      child.once("close", resolve);
    }).then(() => new Promise((resolve) => log.end(resolve)));
  }

  /** The end of its output, for whoever asks why it ended. */
  get lastLines() {
    return this.#lastLines;
  }

  /** Asks it to stop; the process alone, its own children are its business. */
  terminate() {
    if (this.pid === undefined) return;
    try {
      process.kill(this.pid, "SIGTERM");
    } catch {
      // It has ended by itself.
    }
  }
}

/** @param {string} path */
function openLog(path) {
  mkdirSync(dirname(path), { recursive: true });
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > MAX_LOG_BYTES) renameSync(path, `${path}.1`);
  return createWriteStream(path, { flags: "a" });
}
