import {
  factsWithoutProbing,
  isLiveSource,
  isRealtime,
  type MediaFacts,
  type ProcessExit,
  probeSource,
  programArguments,
  type StopTimes,
  type TsFeed,
} from "@stream-control/ffmpeg";
import type { ErrorInfo, Progress, Source, StreamConfig } from "@stream-control/protocol";
import { backoffMs } from "@stream-control/service-kit/backoff";
import { Encode } from "./encode.js";
import { type EndedEncode, exitError, type Stall, sourceEnded, stallError } from "./encode-errors.js";
import { FrameWatch } from "./frame-watch.js";
import { type ProcessUsage, readUsage } from "./process-usage.js";
import { type Health, type HealthEvent, nextHealth } from "./source-health.js";
import { type PictureFault, SourceMonitor } from "./source-monitor.js";
import type { Toolbox } from "./toolbox.js";

/** A source that ended within this many milliseconds of the wanted length has run to its end. */
const DURATION_TOLERANCE_MS = 1500;
/** Upper bound of the first pause before a source is tried again. */
const FIRST_PAUSE_MS = 500;
/** Nobody can connect while a source that listens is not running. */
const LISTEN_PAUSE_MS = 100;
/** The slate is made ready this long before the grace time is over, or in the middle of a shorter one. */
const READY_MS = 400;
/** Sources that come in pieces (HLS) are silent between two of them. */
const PIECEWISE_GRACE_MS = 8000;

/** How a try of a source ended. */
export type SourceEnd = { kind: "completed" } | { kind: "failed"; error: ErrorInfo; hadFrame: boolean };

/** Why pictures are missing, for people and programs. */
export type LossReason = "no_frames" | PictureFault;

/** What a source is kept with. */
export interface KeptSourceOptions {
  tools: Toolbox;
  source: Source;
  /** Its name in log lines. */
  name: string;
  muted: () => boolean;
  /** Milliseconds of pictures without a break before it is trusted. */
  trustMs: (source: KeptSource) => number;
  /** Seconds of output that are still wanted; undefined where there is no end. */
  remainingSeconds: () => number | undefined;
  onFacts: (source: KeptSource) => void;
  onHealth: (source: KeptSource, before: Health) => void;
  /** A try is over; `start` or `retryLater` begins another. */
  onEnd: (source: KeptSource, end: SourceEnd) => void;
}

/** One source of pictures and the encode that reads it, tried again when its owner says so. */
export class KeptSource {
  lossReason: LossReason = "no_frames";
  private state: Health = "down";
  private facts: MediaFacts | undefined;
  private encode: Encode | undefined;
  private watch: FrameWatch | undefined;
  private monitor: SourceMonitor | undefined;
  private probing: AbortController | undefined;
  private retryTimer: NodeJS.Timeout | undefined;
  private tries = 0;
  private stalled: Stall | undefined;
  private usageAtMiss: ProcessUsage | undefined;
  private overruled: ErrorInfo | undefined;
  private positionSeconds = 0;
  private over = false;

  constructor(private readonly options: KeptSourceOptions) {}

  get source(): Source {
    return this.options.source;
  }
  get health(): Health {
    return this.state;
  }
  /** Of the running encode. */
  get feed(): TsFeed | undefined {
    return this.encode?.feed;
  }
  get progress(): Progress {
    return this.encode?.progress ?? {};
  }
  get pid(): number | undefined {
    return this.encode?.pid;
  }
  /** Whether it runs at the speed of the clock; known once the source was looked into. */
  get isRealtime(): boolean {
    return isRealtime(this.config(), this.facts);
  }
  /** Whether it has an end of its own. */
  get isFinite(): boolean {
    return this.source.type !== "test" && !isLiveSource(this.source, this.facts) && !this.isLooped;
  }
  /** Failed tries since it was last trusted. */
  get failedTries(): number {
    return this.tries;
  }

  /** Begins a try: looks into the source where that is needed, then encodes. */
  start(): void {
    clearTimeout(this.retryTimer);
    if (this.over || this.state !== "down") return;
    this.apply("start");
    void this.open();
  }

  /** Begins a try after a pause that grows with each failure. */
  retryLater(): void {
    const { tools } = this.options;
    const maxMs = tools.spec.config.sourceLoss.retryMaxMs;
    this.tries += 1;
    const pauseMs = this.isListening
      ? LISTEN_PAUSE_MS
      : backoffMs(this.tries, { baseMs: FIRST_PAUSE_MS, maxMs, random: tools.random });
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(() => this.start(), pauseMs);
  }

  /** Ends the present try with an error of the owner's, told by `onEnd`. */
  overrule(error: ErrorInfo): void {
    this.overruled = error;
    this.encode?.kill();
  }

  /** @throws FilterCommandError when the running encode does not take it. */
  async setMuted(muted: boolean): Promise<void> {
    await this.encode?.setMuted(muted);
  }

  /** Lets the encode write out what it has. @returns when it has ended. */
  async stop(times: StopTimes): Promise<void> {
    this.quit();
    this.encode?.stop(times);
    await this.encode?.exited;
  }

  /** Ends everything at once. */
  dispose(): void {
    this.quit();
    this.encode?.dispose();
  }

  /** Ends the encode and its tries, and remembers where the file was; `start` goes on from there. */
  park(): void {
    clearTimeout(this.retryTimer);
    this.probing?.abort();
    const encode = this.encode;
    if (encode === undefined) return;
    this.forget(encode);
    encode.dispose();
    this.apply("exit");
  }

  private quit(): void {
    this.over = true;
    clearTimeout(this.retryTimer);
    this.probing?.abort();
    this.watch?.stop();
  }

  private get isLooped(): boolean {
    return this.source.type === "file" && this.source.loop;
  }
  private get isListening(): boolean {
    return "listen" in this.source && this.source.listen;
  }

  private config(): StreamConfig {
    const { durationSeconds: _, ...config } = this.options.tools.spec.config;
    const remaining = this.options.remainingSeconds();
    return { ...config, source: this.source, ...(remaining === undefined ? {} : { durationSeconds: remaining }) };
  }

  private async open(): Promise<void> {
    this.facts ??= factsWithoutProbing(this.source);
    if (this.facts === undefined) {
      const { tools } = this.options;
      const { startTimeoutMs, stallTimeoutMs } = tools.spec.config;
      this.probing = new AbortController();
      const probe = await probeSource({
        ...{ source: this.source, ffprobePath: tools.spec.ffprobePath, env: tools.env, redactor: tools.redactor },
        ...{ deadlineMs: startTimeoutMs, stallTimeoutMs, signal: this.probing.signal, launcher: tools.launcher },
      });
      if (this.over) return;
      if (!probe.ok) {
        this.apply("exit");
        this.options.onEnd(this, { kind: "failed", error: probe.error, hadFrame: false });
        return;
      }
      this.facts = probe.info;
    }
    // The program first: every millisecond before it is one without a picture.
    this.begin(this.facts);
    this.options.onFacts(this);
  }

  private begin(facts: MediaFacts): void {
    const { tools, name } = this.options;
    const config = this.config();
    const muted = this.options.muted();
    const { blackMs, frozenMs, silentMs } = config.sourceLoss;
    const monitored = blackMs !== undefined || frozenMs !== undefined || silentMs !== undefined;
    const monitor = new SourceMonitor((fault) => this.seeFault(fault));
    const { videoEncoder } = tools.spec;
    const encode = new Encode({
      ...{ tools, name, muted },
      arguments: programArguments(config, {
        ...facts,
        ...{ videoEncoder, muted, monitored, startSeconds: this.positionSeconds },
      }),
      onFrame: () => this.seeFrame(encode),
      onMonitor: monitored ? (line) => monitor.push(line) : undefined,
    });
    this.monitor = monitor;
    this.stalled = undefined;
    this.overruled = undefined;
    this.encode = encode;
    this.watch = this.watchFrames(config);
    void encode.exited.then((exit) => this.ended(encode, exit));
  }

  private watchFrames(config: StreamConfig): FrameWatch {
    const { startTimeoutMs, stallTimeoutMs, sourceLoss, video } = config;
    const piecewise = this.source.type === "http" ? PIECEWISE_GRACE_MS : 0;
    // Between two pictures of a slow rate nothing is missing yet.
    const graceMs = Math.max(sourceLoss.graceMs, 3000 / video.fps, piecewise);
    const missMs = this.isRealtime ? graceMs : Number.POSITIVE_INFINITY;
    return new FrameWatch({
      ...{ now: this.options.tools.now, startMs: startTimeoutMs, stallMs: Math.max(stallTimeoutMs, graceMs + 100) },
      ...{ missMs, falterMs: missMs - Math.min(missMs / 2, READY_MS), trustMs: () => this.options.trustMs(this) },
      on: (sign) => void this.heed(sign),
    });
  }

  private async heed(sign: "falter" | "miss" | "stall" | "late" | "trust"): Promise<void> {
    switch (sign) {
      case "trust":
        if (this.state === "proving") this.tries = 0;
        this.apply("trust");
        return;
      case "falter":
        this.apply("falter");
        return;
      case "miss": {
        this.lossReason = "no_frames";
        this.apply("miss");
        this.usageAtMiss = await this.usage();
        return;
      }
      default: {
        const { encode } = this;
        this.watch?.stop();
        const { startTimeoutMs, stallTimeoutMs } = this.options.tools.spec.config;
        const before = sign === "late" ? { cpuMs: 0, memoryMiB: 0, state: "" } : this.usageAtMiss;
        const after = await this.usage();
        if (encode !== this.encode) return;
        this.stalled = { afterMs: sign === "late" ? startTimeoutMs : stallTimeoutMs, before, after };
        encode?.kill();
      }
    }
  }

  private async usage(): Promise<ProcessUsage | undefined> {
    const pid = this.encode?.pid;
    return pid === undefined ? undefined : readUsage(pid);
  }

  private seeFrame(encode: Encode): void {
    if (encode !== this.encode) return;
    if (this.monitor?.hasFault !== true) this.apply("frame");
    this.watch?.see();
  }

  private seeFault(fault: PictureFault | undefined): void {
    if (fault === undefined) {
      this.watch?.distrust();
      return;
    }
    this.lossReason = fault;
    this.apply("bad");
  }

  private ended(encode: Encode, exit: ProcessExit): void {
    if (encode !== this.encode) return;
    const ended = this.describe(encode, exit);
    const end = this.endOf(ended);
    // A source may have changed before it comes back.
    if (!encode.hasFrame) this.facts = undefined;
    this.forget(encode);
    this.apply("exit");
    if (!this.over) this.options.onEnd(this, end);
  }

  private endOf(ended: EndedEncode): SourceEnd {
    const failed = (error: ErrorInfo): SourceEnd => ({ kind: "failed", error, hadFrame: ended.hasFrame });
    if (this.overruled !== undefined) return failed(this.overruled);
    if (this.stalled !== undefined) return failed(stallError(ended, this.stalled));
    if (ended.exit.reason !== "ended") return failed(exitError(ended));
    return this.reachedItsEnd() ? { kind: "completed" } : failed(sourceEnded(ended));
  }

  /** A file ends, and so does a job with a length; a live source that ends without being asked is lost. */
  private reachedItsEnd(): boolean {
    if (!isLiveSource(this.source, this.facts)) return true;
    const { durationSeconds } = this.options.tools.spec.config;
    const remaining = this.options.remainingSeconds();
    return durationSeconds !== undefined && remaining !== undefined && remaining * 1000 <= DURATION_TOLERANCE_MS;
  }

  private describe(encode: Encode, exit: ProcessExit): EndedEncode {
    const { redactor } = this.options.tools;
    return { source: this.source, hasFrame: encode.hasFrame, log: encode.log, exit, redactor };
  }

  private forget(encode: Encode): void {
    this.watch?.stop();
    this.watch = undefined;
    if (this.isFinite) this.positionSeconds += (encode.progress.outTimeMs ?? 0) / 1000;
    this.encode = undefined;
  }

  private apply(event: HealthEvent): void {
    const before = this.state;
    this.state = nextHealth(before, event);
    if (this.state !== before) this.options.onHealth(this, before);
  }
}
