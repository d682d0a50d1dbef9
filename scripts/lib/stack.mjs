import { ChildService } from "./child-service.mjs";
import { formatLogLine } from "./log-lines.mjs";
import { ProcessGroups } from "./process-groups.mjs";
import { waitFor } from "./wait.mjs";

/** How often the services' descendants are looked up. */
const LOOK_EVERY_MS = 1000;
/** How long what is left over may take to end when it is asked to. */
const LEFTOVER_GRACE_MS = 5000;
const KILL_DEADLINE_MS = 5000;

/**
 * The services of one `pnpm start`: started one by one, stopped in the opposite order, and proven to be gone, with
 * everything they started.
 */
export class Stack {
  /** @type {ChildService[]} */
  #services = [];
  #groups;
  #say;
  #stopping = false;
  /** @type {(error: Error) => void} */
  #fail = () => {};
  /** @type {Promise<void> | undefined} */
  #stopped;
  #looking;

  /**
   * @param {{ say: (line: string) => void, isOurs?: (command: string) => boolean }} options `isOurs` tells a process
   *   of these services by its command line, though its parent is gone
   */
  constructor({ say, isOurs }) {
    this.#say = say;
    this.#groups = new ProcessGroups(isOurs);
    /** @type {Promise<never>} Rejects when a service ends although nobody stopped it. */
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => {}); // Whoever starts the stack listens; until then it is not "unhandled".
    this.#looking = setInterval(() => this.#groups.refresh(), LOOK_EVERY_MS);
  }

  /** @param {import("./child-service.mjs").ServiceSpec} spec */
  start(spec) {
    if (this.#stopping) throw new Error(`${spec.name} was not started, because everything is being stopped.`);
    const service = new ChildService(spec, (line) => {
      const shown = formatLogLine(spec.name, line);
      if (shown !== undefined && !this.#stopping) this.#say(shown);
    });
    if (service.pid !== undefined) this.#groups.add(service.pid);
    this.#services.push(service);
    service.exited.then(async (exit) => {
      if (this.#stopping) return;
      // Its last words may still be on their way; a descendant that keeps its output open must not hold this up.
      await Promise.race([service.closed, new Promise((resolve) => setTimeout(resolve, 500))]);
      this.#fail(new Error(describeEnd(service, exit)));
    });
  }

  /**
   * Stops everything, the last started first, and makes sure that it is gone. A second call waits for the first.
   *
   * @throws {Error} naming what is still there
   */
  stop() {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop() {
    this.#stopping = true;
    for (const service of [...this.#services].reverse()) {
      this.#groups.refresh();
      service.terminate();
      const { name, stopTimeoutMs } = service.spec;
      const exit = waitFor(async () => Promise.race([service.exited, undefined]), {
        what: `${name} to stop`,
        deadlineMs: stopTimeoutMs,
        say: this.#say,
      });
      await exit.catch(() => this.#say(`${name} did not stop within ${stopTimeoutMs / 1000} s; ending it by force.`));
    }
    clearInterval(this.#looking);
    await this.#endLeftovers();
  }

  async #endLeftovers() {
    if (this.#groups.refresh().length === 0) return;
    this.#say(`Ending what is left over: ${describeProcesses(this.#groups.refresh())}.`);
    const gone = (/** @type {number} */ deadlineMs) =>
      waitFor(() => (this.#groups.refresh().length === 0 ? true : undefined), { what: "the rest to end", deadlineMs });
    this.#groups.signal("SIGTERM");
    await gone(LEFTOVER_GRACE_MS).catch(async () => {
      this.#groups.signal("SIGKILL");
      await gone(KILL_DEADLINE_MS).catch(() => {
        throw new Error(`These processes could not be ended: ${describeProcesses(this.#groups.refresh())}.`);
      });
    });
  }

  /** Ends every process at once, without a chance to clean up. */
  kill() {
    this.#stopping = true;
    clearInterval(this.#looking);
    // Twice, since a process may have been starting another at the first.
    this.#groups.signal("SIGKILL");
    this.#groups.signal("SIGKILL");
  }
}

/**
 * @param {ChildService} service
 * @param {import("./child-service.mjs").Exit} exit
 */
function describeEnd(service, { code, signal }) {
  const { name, logFile } = service.spec;
  const how = signal === null ? `exit code ${code ?? "unknown"}` : signal;
  const words = service.lastLines.flatMap((line) => formatLogLine(name, line, { all: true }) ?? []);
  return [
    `${name} ended unexpectedly (${how}). Its last lines, from ${logFile}:`,
    ...words.map((line) => `  ${line}`),
  ].join("\n");
}

/** @param {readonly import("./processes.mjs").ProcessInfo[]} processes */
const describeProcesses = (processes) =>
  // The program alone: arguments of ffmpeg hold stream keys.
  processes.map(({ pid, command }) => `${command.split(" ")[0]} (pid ${pid})`).join(", ");
