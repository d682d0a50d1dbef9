import { Buffer } from "node:buffer";
import type { Writable } from "node:stream";

/** A live command did not take effect. */
export class FilterCommandError extends Error {
  override readonly name = "FilterCommandError";
}

interface Pending {
  line: string;
  deadlineMs: number;
  resolve: () => void;
  reject: (error: FilterCommandError) => void;
}

const REPLY = /Command reply for stream (\d+): ret:(-?\d+)/;

/**
 * Sends live commands to filters over ffmpeg's standard input, one at a time: ffmpeg looks for one about every 100 ms and
 * answers on standard error. Each is ONE write, because a command whose rest is missing freezes the encoder.
 */
export class CommandChannel {
  private readonly queue: Pending[] = [];
  private current: Pending | undefined;
  private timer: NodeJS.Timeout | undefined;
  private refusal: string | undefined;
  private closed = false;

  /**
   * @param graphs how many filter graphs the program has: each of them answers each command, all but one with "not mine".
   */
  constructor(
    private readonly stdin: Writable,
    private readonly graphs: number,
  ) {}

  /**
   * Sends `command` with its argument to the filters named `target`.
   *
   * @throws FilterCommandError when ffmpeg refuses it, does not answer in time, or has ended.
   */
  send(target: string, command: string, argument: string, deadlineMs = 3000): Promise<void> {
    const line = `${target} -1 ${command} ${argument}`;
    if (/[\r\n]/.test(line)) return Promise.reject(new FilterCommandError("A filter command must be one line."));
    if (this.closed) return Promise.reject(new FilterCommandError("ffmpeg has ended."));
    return new Promise((resolve, reject) => {
      this.queue.push({ line, deadlineMs, resolve, reject });
      this.next();
    });
  }

  /** Gives the channel a line of standard error. @returns whether it belongs to the channel's own talk. */
  line(text: string): boolean {
    const reply = REPLY.exec(text);
    if (reply === null) return /^(?:Enter command: |Parsing command )/.test(text) || text.trim() === "res:";
    if (this.current === undefined) return true;
    if (reply[2] === "0") this.settle();
    else {
      this.refusal = `ffmpeg refused the filter command (${reply[2]}).`;
      if (Number(reply[1]) >= this.graphs - 1) this.settle(this.refusal);
    }
    return true;
  }

  /** Fails everything that waits; for when ffmpeg ends. */
  close(): void {
    this.closed = true;
    if (this.current !== undefined) this.settle("ffmpeg ended before it took the filter command.");
    for (const { reject } of this.queue.splice(0)) reject(new FilterCommandError("ffmpeg has ended."));
  }

  private next(): void {
    if (this.current !== undefined || this.closed) return;
    const pending = this.queue.shift();
    if (pending === undefined) return;
    this.current = pending;
    this.refusal = undefined;
    this.timer = setTimeout(
      () => this.settle(this.refusal ?? `ffmpeg did not take the filter command within ${pending.deadlineMs} ms.`),
      pending.deadlineMs,
    );
    this.stdin.write(Buffer.from(`c${pending.line}\n`));
  }

  private settle(failure?: string): void {
    clearTimeout(this.timer);
    const pending = this.current;
    this.current = undefined;
    if (failure === undefined) pending?.resolve();
    else pending?.reject(new FilterCommandError(failure));
    this.next();
  }
}
