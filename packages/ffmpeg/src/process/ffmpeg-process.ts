import { type ChildProcess, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { ProgressParser, type ProgressReport } from "../progress.js";
import { BoundedLog } from "./bounded-log.js";
import { CommandChannel } from "./command-channel.js";
import { hideArguments } from "./hidden-files.js";

/** How an ffmpeg ended. */
export interface ProcessExit {
  /** `ended`: by itself, all well. `stopped`: as asked. `killed`: as asked, but by force. `failed`: anything else. */
  reason: "ended" | "stopped" | "killed" | "failed";
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Why it could not even be started. */
  startError?: string;
}

/** What an ffmpeg is started with. */
export interface FfmpegProcessOptions {
  path: string;
  arguments: readonly string[];
  /** A command that is put before ffmpeg's and becomes it by `exec`, such as `setpriv --pdeathsig KILL`. */
  launcher?: readonly string[];
  /** Folders of this user alone for the secrets of the command line, which others may read; see {@link hideArguments}. */
  hideIn?: readonly string[];
  /** Complete; nothing is inherited. */
  env: Record<string, string>;
  /** `commands`: standard input takes keys and filter commands. `media`: the owner writes the stream to it. */
  stdin: "commands" | "media";
  /** Filter graphs of the program; see {@link CommandChannel}. */
  graphs?: number;
  onProgress?: (report: ProgressReport) => void;
  /** Each line that it writes to descriptor 4, which is open only where this is given. */
  onMonitor?: (line: string) => void;
  /** Each line of standard error that is not the answer to a command, unredacted. */
  onLine?: (line: string) => void;
}

/** Milliseconds from a graceful request to SIGTERM, and from there to SIGKILL. */
export interface StopTimes {
  graceMs: number;
  killAfterMs: number;
}

/**
 * One ffmpeg process and nothing about jobs: starts it without a shell, reads its progress and its words, stops it
 * politely and then less so, and says how it ended. It never rejects and never leaves a process behind once asked to end.
 */
export class FfmpegProcess {
  /** What it said on standard error, without the answers to commands. */
  readonly log = new BoundedLog({ ignore: (line) => this.commands?.line(line) === true });
  /** Settles once, when the process has ended and its pipes are read to their ends. */
  readonly exited: Promise<ProcessExit>;
  private readonly child: ChildProcess;
  private readonly commands: CommandChannel | undefined;
  private readonly timers: NodeJS.Timeout[] = [];
  private asked: "stop" | "kill" | undefined;
  private signaled = false;
  private forced = false;
  private gone = false;

  constructor(private readonly options: FfmpegProcessOptions) {
    const hidden = hideArguments(options.arguments, options.hideIn ?? []);
    const [command = options.path, ...args] = [...(options.launcher ?? []), options.path, ...hidden.arguments];
    this.child = spawn(command, args, {
      env: options.env,
      stdio: ["pipe", "pipe", "pipe", "pipe", ...(options.onMonitor === undefined ? [] : ["pipe" as const])],
      windowsHide: true,
    });
    // A process that ends while it is written to breaks the pipe: its exit says what there is to say.
    this.child.stdin?.on("error", () => {});
    this.commands =
      options.stdin === "commands" && this.child.stdin !== null
        ? new CommandChannel(this.child.stdin, options.graphs ?? 1)
        : undefined;
    this.readProgress();
    this.readLog();
    this.readMonitor();
    this.exited = this.watchExit(hidden.remove);
    if (hidden.problem !== undefined)
      this.hear([`[warning] The secrets of this command line could not be hidden: ${hidden.problem}`]);
  }

  /** Absent when the process could not be started. */
  get pid(): number | undefined {
    return this.child.pid;
  }
  get stdin(): Writable {
    return this.child.stdin as Writable;
  }
  get stdout(): Readable {
    return this.child.stdout as Readable;
  }
  /** Whether the process has ended, or could never be started. */
  get hasExited(): boolean {
    return this.gone;
  }

  /** Sends a live command to a filter. @throws FilterCommandError */
  async command(target: string, command: string, argument: string, deadlineMs?: number): Promise<void> {
    if (this.commands === undefined) throw new TypeError("This ffmpeg's standard input carries media, not commands.");
    await this.commands.send(target, command, argument, deadlineMs);
  }

  /**
   * Asks the process to finish: `q` where it takes commands (where it takes media, its owner ends the media), after
   * `graceMs` SIGTERM, after `killAfterMs` more SIGKILL. A later call with shorter times hurries it up.
   */
  stop({ graceMs, killAfterMs }: StopTimes): Promise<ProcessExit> {
    if (this.gone) return this.exited;
    if (this.asked === undefined) {
      this.asked = "stop";
      if (this.options.stdin === "commands") this.stdin.write("q");
    }
    this.timers.push(
      setTimeout(() => this.signal("SIGTERM"), graceMs),
      setTimeout(() => this.kill(), graceMs + killAfterMs),
    );
    return this.exited;
  }

  /** Ends the process at once. */
  kill(): Promise<ProcessExit> {
    if (!this.gone) {
      this.asked = "kill";
      this.signal("SIGKILL");
    }
    return this.exited;
  }

  private signal(signal: "SIGTERM" | "SIGKILL"): void {
    this.signaled = true;
    if (signal === "SIGKILL") this.forced = true;
    this.child.kill(signal);
  }

  private readProgress(): void {
    const parser = new ProgressParser();
    const pipe = this.child.stdio[3] as Readable | null | undefined;
    pipe?.setEncoding("utf8");
    pipe?.on("data", (chunk: string) => {
      for (const report of parser.push(chunk)) this.options.onProgress?.(report);
    });
    pipe?.on("error", () => {});
  }

  private readMonitor(): void {
    const pipe = this.child.stdio[4] as Readable | null | undefined;
    const log = new BoundedLog({ headLines: 0, tailLines: 0 });
    pipe?.setEncoding("utf8").on("data", (chunk: string) => {
      for (const line of log.push(chunk)) this.options.onMonitor?.(line);
    });
    pipe?.on("error", () => {});
  }

  private readLog(): void {
    this.child.stderr?.setEncoding("utf8").on("data", (chunk: string) => this.hear(this.log.push(chunk)));
    this.child.stderr?.on("error", () => {});
  }

  private hear(lines: readonly string[]): void {
    for (const line of lines) this.options.onLine?.(line);
  }

  private watchExit(cleanUp: () => void): Promise<ProcessExit> {
    return new Promise((resolve) => {
      const end = (exit: ProcessExit) => {
        this.gone = true;
        for (const timer of this.timers) clearTimeout(timer);
        this.hear(this.log.finish());
        this.commands?.close();
        cleanUp();
        resolve(exit);
      };
      this.child.once("error", (error: NodeJS.ErrnoException) => {
        // Also raised when a signal could not be sent; only a process that never was has no id.
        if (this.child.pid === undefined)
          end({ reason: "failed", code: null, signal: null, startError: error.code ?? error.message });
      });
      this.child.once("exit", () => {
        this.gone = true;
      });
      this.child.once("close", (code, signal) => end({ reason: this.reasonOf(code, signal), code, signal }));
    });
  }

  private reasonOf(code: number | null, signal: NodeJS.Signals | null): ProcessExit["reason"] {
    if (this.forced) return "killed";
    if (this.asked !== undefined && code === 0) return "stopped";
    // 255 is ffmpeg's word for "finished because of a signal"; during its start a signal makes it 1.
    if (this.signaled && (code === 255 || code === 1 || signal === "SIGTERM")) return "stopped";
    return code === 0 ? "ended" : "failed";
  }
}
