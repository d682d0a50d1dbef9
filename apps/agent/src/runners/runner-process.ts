import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";

/**
 * The process of a runner, which leads a process group with its ffmpegs in it. One that an earlier agent started is
 * known by its pid alone, so that its command line tells whether it is still the same.
 */
export class RunnerProcess {
  private isGone = false;

  /** @param knownPid undefined where the agent that started it ended before it had written it down. */
  constructor(
    private knownPid: number | undefined,
    private readonly jobFolder: string,
    private readonly child?: ChildProcess,
  ) {}

  /** A process of before the machine's last start: whatever has its number now is something else. */
  static ofEarlierBoot(jobFolder: string): RunnerProcess {
    const process = new RunnerProcess(undefined, jobFolder);
    process.isGone = true;
    return process;
  }

  /** Whether it runs; also true where that cannot be known before its hello. */
  get alive(): boolean {
    if (this.isGone) return false;
    if (this.child !== undefined) return this.child.exitCode === null && this.child.signalCode === null;
    return this.knownPid === undefined || processAt(this.knownPid, this.jobFolder) === "ours";
  }

  /** Takes the process id out of the runner's hello. */
  learn(pid: number): void {
    this.knownPid ??= pid;
  }

  /** How the runner ended, as far as this agent could see it. */
  get ending(): { exitCode?: number; signal?: string } {
    const { exitCode = null, signalCode = null } = this.child ?? {};
    return {
      ...(exitCode === null ? {} : { exitCode }),
      ...(signalCode === null ? {} : { signal: signalCode }),
    };
  }

  /**
   * Ends the runner and its ffmpegs at once; also what it left behind when it died. A group keeps its number from being
   * given away as long as a member lives, so a dead leader's number is either the old group or nothing.
   */
  killGroup(): void {
    if (this.knownPid === undefined || processAt(this.knownPid, this.jobFolder) === "other") return;
    try {
      process.kill(-this.knownPid, "SIGKILL");
    } catch {
      // Nothing of the group is left.
    }
  }
}

function processAt(pid: number, jobFolder: string): "ours" | "other" | "none" {
  try {
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, "utf8");
    // A zombie has an empty one: it ended, and its group may hold what it left behind.
    if (commandLine === "") return "none";
    return commandLine.split("\0").includes(jobFolder) ? "ours" : "other";
  } catch {
    return "none";
  }
}
