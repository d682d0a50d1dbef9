import {
  isRealtime,
  type MediaFacts,
  type ProcessExit,
  programArguments,
  type StopTimes,
  type TsFeed,
} from "@stream-control/ffmpeg";
import type { ErrorInfo, Progress, StreamConfig } from "@stream-control/protocol";
import { Encode } from "./encode.js";
import { type EndedEncode, exitError, type Stall, sourceEnded, stallError } from "./encode-errors.js";
import { FrameWatch } from "./frame-watch.js";
import { type ProcessUsage, readUsage } from "./process-usage.js";
import type { OpenWay } from "./reach/reach.js";
import type { HealthEvent } from "./source-health.js";
import { type PictureFault, SourceMonitor } from "./source-monitor.js";
import type { Toolbox } from "./toolbox.js";

/** The slate is made ready this long before the grace time is over, or in the middle of a shorter one. */
const READY_MS = 400;
/** Sources that come in pieces (HLS) are silent between two of them. */
const PIECEWISE_GRACE_MS = 8000;
const NOTHING_USED: ProcessUsage = { cpuMs: 0, memoryMiB: 0, state: "" };

/** Why pictures are missing, for people and programs. */
export type LossReason = "no_frames" | PictureFault;

/** How a try came to its end: by the end of its input, or with an error. */
export type TryEnd = { kind: "input_ended"; asFailure: ErrorInfo } | { kind: "failed"; error: ErrorInfo };

/** What a try is made with. */
export interface SourceTryOptions {
  tools: Toolbox;
  name: string;
  /** The job's, with the source to try. */
  config: StreamConfig;
  facts: MediaFacts;
  /** How the source is reached. */
  open: OpenWay;
  muted: boolean;
  /** Where to begin in a file. */
  startSeconds: number;
  /** Milliseconds of pictures without a break before the source is trusted. */
  trustMs: () => number;
  onHealth: (event: Exclude<HealthEvent, "start" | "exit">, reason?: LossReason) => void;
  onEnd: (end: TryEnd) => void;
}

/** One encode of a source, from its start to its end, watched for pictures and for what is wrong with them. */
export class SourceTry {
  private readonly encode: Encode;
  private readonly watch: FrameWatch;
  private readonly monitor: SourceMonitor;
  private stalled: Stall | undefined;
  private usageAtMiss: ProcessUsage | undefined;
  private overruled: ErrorInfo | undefined;
  private dropped = false;

  constructor(private readonly options: SourceTryOptions) {
    const { tools, name, config, facts, open, muted, startSeconds } = options;
    const { blackMs, frozenMs, silentMs } = config.sourceLoss;
    const monitored = blackMs !== undefined || frozenMs !== undefined || silentMs !== undefined;
    const { videoEncoder } = tools.spec;
    this.monitor = new SourceMonitor((fault) => this.seeFault(fault), blackMs);
    this.encode = new Encode({
      ...{ tools, name, muted, env: open.env },
      arguments: programArguments(config, {
        ...{ ...facts, videoEncoder, muted, monitored, startSeconds, way: open.way },
        overlay: tools.overlay,
      }),
      onFrame: () => this.seeFrame(),
      onMonitor: monitored ? (line) => this.monitor.push(line) : undefined,
    });
    this.watch = this.watchFrames();
    void this.encode.exited.then((exit) => this.ended(exit));
  }

  get feed(): TsFeed {
    return this.encode.feed;
  }
  get progress(): Progress {
    return this.encode.progress;
  }
  get pid(): number | undefined {
    return this.encode.pid;
  }
  get hasFrame(): boolean {
    return this.encode.hasFrame;
  }

  /** Ends it with an error of the owner's. */
  overrule(error: ErrorInfo): void {
    this.overruled = error;
    this.encode.kill();
  }

  /** @throws FilterCommandError when the encode does not take it. */
  setMuted(muted: boolean): Promise<void> {
    return this.encode.setMuted(muted);
  }

  /** Lets the encode write out what it has. @returns when it has ended; nothing more is told. */
  async stop(times: StopTimes): Promise<void> {
    this.drop();
    this.encode.stop(times);
    await this.encode.exited;
  }

  /** Ends it at once; nothing more is told. */
  dispose(): void {
    this.drop();
    this.encode.dispose();
  }

  private drop(): void {
    this.dropped = true;
    this.monitor.stop();
    this.watch.stop();
  }

  private watchFrames(): FrameWatch {
    const { tools, config, facts, trustMs } = this.options;
    const { startTimeoutMs, stallTimeoutMs, sourceLoss, video, source } = config;
    const piecewise = source.type === "http" ? PIECEWISE_GRACE_MS : 0;
    // Between two pictures of a slow rate nothing is missing yet.
    const graceMs = Math.max(sourceLoss.graceMs, 3000 / video.fps, piecewise);
    const missMs = isRealtime(config, facts) ? graceMs : Number.POSITIVE_INFINITY;
    return new FrameWatch({
      ...{ now: tools.now, startMs: startTimeoutMs, stallMs: Math.max(stallTimeoutMs, graceMs + 100), trustMs },
      ...{ missMs, falterMs: missMs - Math.min(missMs / 2, READY_MS) },
      on: (sign) => void this.heed(sign),
    });
  }

  private async heed(sign: "falter" | "miss" | "stall" | "late" | "trust"): Promise<void> {
    if (sign === "falter" || sign === "trust") {
      this.options.onHealth(sign);
    } else if (sign === "miss") {
      this.options.onHealth("miss", "no_frames");
      this.usageAtMiss = await this.usage();
    } else {
      this.watch.stop();
      const { startTimeoutMs, stallTimeoutMs } = this.options.config;
      const after = await this.usage();
      this.stalled =
        sign === "late"
          ? { afterMs: startTimeoutMs, before: NOTHING_USED, after }
          : { afterMs: stallTimeoutMs, before: this.usageAtMiss, after };
      this.encode.kill();
    }
  }

  private async usage(): Promise<ProcessUsage | undefined> {
    return this.pid === undefined ? undefined : readUsage(this.pid);
  }

  private seeFrame(): void {
    if (this.dropped) return;
    if (!this.monitor.hasFault) this.options.onHealth("frame");
    this.watch.see();
  }

  private seeFault(fault: PictureFault | undefined): void {
    if (this.dropped) return;
    if (fault === undefined) this.watch.distrust();
    else this.options.onHealth("bad", fault);
  }

  private ended(exit: ProcessExit): void {
    if (this.dropped) return;
    this.drop();
    this.options.onEnd(this.endOf(exit));
  }

  private endOf(exit: ProcessExit): TryEnd {
    const { log, hasFrame } = this.encode;
    const { config, tools } = this.options;
    const ended: EndedEncode = { source: config.source, hasFrame, log, exit, redactor: tools.redactor };
    if (this.overruled !== undefined) return { kind: "failed", error: this.overruled };
    if (this.stalled !== undefined) return { kind: "failed", error: stallError(ended, this.stalled) };
    if (exit.reason !== "ended") return { kind: "failed", error: exitError(ended) };
    return { kind: "input_ended", asFailure: sourceEnded(ended) };
  }
}
