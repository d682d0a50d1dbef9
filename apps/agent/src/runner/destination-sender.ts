import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import {
  destinationTarget,
  FfmpegProcess,
  mediaError,
  type ProcessExit,
  type Redactor,
  StallTimer,
  type StopTimes,
  senderArguments,
  type TsRelay,
  type TsSink,
} from "@stream-control/ffmpeg";
import type { Destination, DestinationState, DestinationStatus, ErrorInfo } from "@stream-control/protocol";
import { backoffMs } from "@stream-control/service-kit/backoff";
import { CommandError } from "./errors.js";
import type { OpenWay, Reach } from "./reach/reach.js";
import { isRefusal } from "./reach/refusals.js";
import type { Toolbox } from "./toolbox.js";

/** Tries for a network destination that never was live. */
const MAX_FIRST_TRIES = 3;
/** Milliseconds after which a destination that was live is given up. */
const GIVE_UP_AFTER_MS = 600_000;
const RETRY_PAUSES = { baseMs: 1000, maxMs: 5000 };
/** Milliseconds of being live after which the pauses begin small again. */
const STEADY_MS = 10_000;
/** Milliseconds that a sender may take to connect, and later to get anything out. */
const CONNECT_TIMEOUT_MS = 20_000;
const SEND_STALL_MS = 20_000;
const MIN_QUEUE_BYTES = 2 * 1024 * 1024;
/** Seconds of stream that may wait for a slow destination. */
const QUEUE_SECONDS = 5;

/** What a sender works with. */
export interface SenderContext {
  ffmpegPath: string;
  reach: Reach;
  /** See {@link Toolbox.hideIn}. */
  hideIn: readonly string[];
  relay: TsRelay;
  redactor: Redactor;
  bitrateKbps: number;
  now: () => number;
  /** One of the sender's states has changed. */
  onChange: (sender: DestinationSender) => void;
  onLine: (line: string) => void;
}

/** Keeps one destination: runs its sender, starts it again alone when it fails, and gives up when that is hopeless. */
export class DestinationSender {
  private state: DestinationState = "CONNECTING";
  private message: string | undefined;
  private restarts = 0;
  private dropped = 0;
  private tries = 0;
  private liveSince: number | undefined;
  private lastLiveAt: number | undefined;
  private process: FfmpegProcess | undefined;
  /** How the present sender reaches the destination. */
  private opened: OpenWay | undefined;
  /** The destination leads somewhere that may not be reached. */
  private refusal: ErrorInfo | undefined;
  private opens = 0;
  private sink: TsSink | undefined;
  private stall: StallTimer | undefined;
  private retryTimer: NodeJS.Timeout | undefined;
  private finishing = false;
  private realtime = true;
  private idle = false;
  /** Whether the running sender has been given anything. */
  private fed = false;
  private latestError: ErrorInfo | undefined;
  private failure: ErrorInfo | undefined;
  private readonly done = Promise.withResolvers<void>();

  constructor(
    readonly id: string,
    readonly destination: Destination,
    private readonly context: SenderContext,
  ) {}

  /** Why it was given up. */
  get error(): ErrorInfo | undefined {
    return this.failure;
  }
  /** What went wrong last. */
  get lastError(): ErrorInfo | undefined {
    return this.latestError;
  }
  get isOver(): boolean {
    return this.state === "FAILED" || this.state === "ENDED";
  }

  status(): DestinationStatus {
    const droppedBytes = this.dropped + (this.sink?.droppedBytes ?? 0);
    return {
      id: this.id,
      type: this.destination.type,
      state: this.state,
      target: this.context.redactor(destinationTarget(this.destination)).slice(0, 4096),
      ...(this.message === undefined ? {} : { message: this.message.slice(0, 2048) }),
      restarts: this.restarts,
      droppedBytes,
    };
  }

  /**
   * Starts the sender; it reads from the relay from the next keyframe on.
   *
   * @param realtime whether the program runs at the speed of the clock: if not, recordings hold it up instead of losing something.
   */
  start(realtime: boolean): void {
    this.realtime = realtime;
    void this.launch();
  }

  /** Nothing is sent on purpose, which is no stall; or something is again. */
  setIdle(idle: boolean): void {
    this.idle = idle;
    if (idle) this.stall?.stop();
    else if (this.process !== undefined && this.fed) this.watch(this.process);
  }

  private async launch(): Promise<void> {
    this.tries += 1;
    const open = await this.openWay();
    if (open === undefined) return;
    if (this.finishing) {
      open.close();
      return;
    }
    const folder = this.folder();
    try {
      if (folder !== undefined) mkdirSync(folder, { recursive: true });
    } catch (thrown) {
      this.failFolder(thrown);
      return;
    }
    this.run(open);
  }

  /** Resolves and checks where the destination is. @returns undefined where it can't be reached, which is dealt with. */
  private async openWay(): Promise<OpenWay | undefined> {
    try {
      return await this.context.reach.destination(
        this.destination,
        (error) => {
          this.refusal = error;
        },
        this.opens++,
      );
    } catch (thrown) {
      if (!(thrown instanceof CommandError)) throw thrown;
      if (!this.finishing) this.failed({ ...thrown.info, detail: { ...thrown.info.detail, destination: this.id } });
      return undefined;
    }
  }

  private run(open: OpenWay): void {
    const { relay, bitrateKbps } = this.context;
    this.opened = open;
    const process = new FfmpegProcess({
      path: this.context.ffmpegPath,
      arguments: senderArguments(this.destination, { again: this.restarts > 0, way: open.way }),
      hideIn: this.context.hideIn,
      env: open.env,
      stdin: "media",
      onLine: this.context.onLine,
      onProgress: ({ progress, totalBytes }) => {
        if ((progress.outTimeMs ?? 0) <= 0) return;
        this.stall?.feed(Math.max(progress.outTimeMs ?? 0, (totalBytes ?? 0) / 1024));
        this.becomeLive();
      },
    });
    this.process = process;
    this.fed = false;
    this.sink = relay.add(process.stdin, {
      policy: this.destination.type === "file" && !this.realtime ? "block" : "drop",
      maxBytes: Math.max(MIN_QUEUE_BYTES, (bitrateKbps / 8) * 1024 * QUEUE_SECONDS),
      // Only from here on is it the destination's fault when nothing gets out.
      onBegin: () => {
        this.fed = true;
        this.watch(process);
      },
    });
    void process.exited.then((exit) => this.ended(process, exit));
  }

  /** Lets the sender write out what it has and close; resolves when it has ended, by force if need be. Never rejects. */
  finish(times: StopTimes): Promise<void> {
    if (!this.finishing) {
      this.finishing = true;
      clearTimeout(this.retryTimer);
      this.stall?.stop();
      this.sink?.end();
      if (this.process === undefined) this.concludeRetrying();
    }
    void this.process?.stop(times);
    return this.done.promise;
  }

  /** Ends the sender at once. */
  async kill(): Promise<void> {
    this.finishing = true;
    clearTimeout(this.retryTimer);
    await this.process?.kill();
    this.conclude("ENDED");
  }

  /** The id of the sender's process, for the last resort. */
  get pid(): number | undefined {
    return this.process?.hasExited === false ? this.process.pid : undefined;
  }

  private folder(): string | undefined {
    if (this.destination.type === "hls") return this.destination.path;
    return this.destination.type === "file" ? dirname(this.destination.path) : undefined;
  }

  private watch(process: FfmpegProcess): void {
    this.stall?.stop();
    if (this.finishing || this.idle) return;
    this.stall = new StallTimer({
      startTimeoutMs: CONNECT_TIMEOUT_MS,
      stallTimeoutMs: SEND_STALL_MS,
      onStall: () => {
        this.context.onLine(`[warning] The sender of ${this.id} gets nothing out and is started again.`);
        void process.kill();
      },
    });
  }

  private becomeLive(): void {
    const now = this.context.now();
    this.lastLiveAt = now;
    this.liveSince ??= now;
    if (now - this.liveSince > STEADY_MS) this.tries = 0;
    if (this.state === "LIVE" || this.finishing) return;
    this.message = undefined;
    this.change("LIVE");
  }

  private ended(process: FfmpegProcess, exit: ProcessExit): void {
    this.stall?.stop();
    this.stall = undefined;
    if (this.sink !== undefined) {
      this.dropped += this.sink.droppedBytes;
      this.context.relay.remove(this.sink);
      this.sink = undefined;
    }
    this.liveSince = undefined;
    this.process = undefined;
    this.opened?.close();
    this.opened = undefined;
    if (this.finishing && this.endedWell(exit)) {
      this.conclude("ENDED");
      return;
    }
    const isFile = this.destination.type === "file";
    const error = mediaError({
      code: isFile ? "OUTPUT_FAILED" : "STREAMING_FAILED",
      what: isFile ? "The recording could not be written" : `The stream to "${this.id}" broke off`,
      fault: "destination",
      redactor: this.context.redactor,
      log: process.log,
      exit,
      detail: { destination: this.id },
    });
    this.failed(this.refusal ?? error);
  }

  private failed(error: ErrorInfo): void {
    this.message = error.message;
    this.latestError = error;
    const isFile = this.destination.type === "file";
    if (this.finishing || isFile || isRefusal(error) || this.isHopeless()) this.giveUp(error);
    else this.retry();
  }

  private endedWell(exit: ProcessExit): boolean {
    // Without input ffmpeg calls the end of input an error.
    if (exit.code === 0 || !this.fed) return true;
    // Cut off by us at the end: well enough where something had arrived.
    return exit.reason !== "failed" && this.lastLiveAt !== undefined;
  }

  /** The end came while it waited for its next try: a failure where nothing ever arrived. */
  private concludeRetrying(): void {
    if (this.lastLiveAt === undefined && this.latestError !== undefined) this.giveUp(this.latestError);
    else this.conclude("ENDED");
  }

  private isHopeless(): boolean {
    if (this.lastLiveAt === undefined) return this.tries >= MAX_FIRST_TRIES;
    return this.context.now() - this.lastLiveAt > GIVE_UP_AFTER_MS;
  }

  private retry(): void {
    this.change("RETRYING");
    this.retryTimer = setTimeout(
      () => {
        this.restarts += 1;
        void this.launch();
      },
      backoffMs(Math.max(1, this.tries), RETRY_PAUSES),
    );
  }

  private failFolder(thrown: unknown): void {
    const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "unknown";
    const message = `The folder of "${this.id}" can't be made (${code}).`;
    this.message = message;
    const detail = { fault: "agent", cause: code, destination: this.id };
    this.giveUp({ code: "OUTPUT_FAILED", message, detail });
  }

  private giveUp(error: ErrorInfo): void {
    this.failure = error;
    this.conclude("FAILED");
  }

  private conclude(state: "ENDED" | "FAILED"): void {
    if (!this.isOver) this.change(state);
    this.done.resolve();
  }

  private change(state: DestinationState): void {
    this.state = state;
    this.context.onChange(this);
  }
}
