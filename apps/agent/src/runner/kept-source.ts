import {
  factsWithoutProbing,
  isLiveSource,
  isRealtime,
  type MediaFacts,
  probeSource,
  type StopTimes,
  type TsFeed,
} from "@stream-control/ffmpeg";
import type { ErrorInfo, Progress, Source, StreamConfig } from "@stream-control/protocol";
import { backoffMs } from "@stream-control/service-kit/backoff";
import { CommandError } from "./errors.js";
import type { OpenWay } from "./reach/reach.js";
import { type Health, type HealthEvent, nextHealth } from "./source-health.js";
import { type LossReason, SourceTry, type TryEnd } from "./source-try.js";
import type { Toolbox } from "./toolbox.js";

/** A source that ended within this many milliseconds of the wanted length has run to its end. */
const DURATION_TOLERANCE_MS = 1500;
/** Upper bound of the first pause before a source is tried again. */
const FIRST_PAUSE_MS = 500;
/** Nobody can connect while a source that listens is not running. */
const LISTEN_PAUSE_MS = 100;

/** How a try of a source ended. */
export type SourceEnd = { kind: "completed" } | { kind: "failed"; error: ErrorInfo; hadFrame: boolean };

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

/** One source of pictures, tried again when its owner says so. */
export class KeptSource {
  /** Why it was lost last while its encode ran. */
  lossReason: LossReason = "no_frames";
  private state: Health = "down";
  private facts: MediaFacts | undefined;
  private current: SourceTry | undefined;
  /** How the present try reaches the source. */
  private opened: OpenWay | undefined;
  /** The source led somewhere that may not be reached. */
  private refusal: ErrorInfo | undefined;
  private probing: AbortController | undefined;
  private retryTimer: NodeJS.Timeout | undefined;
  private tries = 0;
  private opens = 0;
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
    return this.current?.feed;
  }
  get progress(): Progress {
    return this.current?.progress ?? {};
  }
  get pid(): number | undefined {
    return this.current?.pid;
  }
  /** Whether it runs at the speed of the clock; known once the source was looked into. */
  get isRealtime(): boolean {
    return isRealtime(this.config(), this.facts);
  }
  /** Whether it has an end of its own. */
  get isFinite(): boolean {
    const isLooped = this.source.type === "file" && this.source.loop;
    return !isLooped && !isLiveSource(this.source, this.facts);
  }
  /** Failed tries since it was last trusted. */
  get failedTries(): number {
    return this.tries;
  }

  /** Begins a try, unless one runs: looks into the source where that is needed, then encodes. */
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
    const isListening = "listen" in this.source && this.source.listen;
    this.tries += 1;
    const pauseMs = isListening
      ? LISTEN_PAUSE_MS
      : backoffMs(this.tries, { baseMs: FIRST_PAUSE_MS, maxMs, random: tools.random });
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(() => this.start(), pauseMs);
  }

  /** Ends the present try with an error of the owner's, told by `onEnd`. */
  overrule(error: ErrorInfo): void {
    this.current?.overrule(error);
  }

  /** @throws FilterCommandError when the running encode does not take it. */
  async setMuted(muted: boolean): Promise<void> {
    await this.current?.setMuted(muted);
  }

  /** Lets the encode write out what it has. @returns when it has ended. */
  async stop(times: StopTimes): Promise<void> {
    this.quit();
    await this.current?.stop(times);
    this.closeWay();
  }

  /** Ends everything at once. */
  dispose(): void {
    this.quit();
    this.current?.dispose();
    this.closeWay();
  }

  /** Ends the encode and its tries, and remembers where the file was; `start` goes on from there. */
  park(): void {
    clearTimeout(this.retryTimer);
    this.probing?.abort();
    this.current?.dispose();
    if (this.current !== undefined) this.forgetTry();
  }

  private quit(): void {
    this.over = true;
    clearTimeout(this.retryTimer);
    this.probing?.abort();
  }

  private config(): StreamConfig {
    const { durationSeconds: _, ...config } = this.options.tools.spec.config;
    const remaining = this.options.remainingSeconds();
    return { ...config, source: this.source, ...(remaining === undefined ? {} : { durationSeconds: remaining }) };
  }

  private async open(): Promise<void> {
    const opening = new AbortController();
    this.probing = opening;
    this.refusal = undefined;
    let failed = await this.openWay();
    this.facts ??= factsWithoutProbing(this.source);
    if (failed === undefined && this.facts === undefined && !this.over && !opening.signal.aborted)
      failed = await this.look(opening.signal);
    if (this.over || failed !== undefined || this.facts === undefined || opening.signal.aborted) {
      this.closeWay();
      if (this.over) return;
      this.apply("exit");
      const error = this.refusal ?? failed;
      // Put aside while it was being opened: that is no failure.
      if (error !== undefined && (!opening.signal.aborted || this.refusal !== undefined))
        this.options.onEnd(this, { kind: "failed", error, hadFrame: false });
      return;
    }
    // The program first: every millisecond before it is one without a picture.
    this.begin(this.facts);
    this.options.onFacts(this);
  }

  /** Resolves and checks where the source is. @returns why it can't be reached. */
  private async openWay(): Promise<ErrorInfo | undefined> {
    const { reach } = this.options.tools;
    try {
      this.opened = await reach.source(this.source, (error) => this.refused(error), this.opens++);
      return undefined;
    } catch (thrown) {
      if (thrown instanceof CommandError) return thrown.info;
      throw thrown;
    }
  }

  private refused(error: ErrorInfo): void {
    if (this.refusal !== undefined) return;
    this.refusal = error;
    if (this.current === undefined) this.probing?.abort();
    else this.current.overrule(error);
  }

  private closeWay(): void {
    this.opened?.close();
    this.opened = undefined;
  }

  /** Looks into the source. @returns why that was not possible. */
  private async look(signal: AbortSignal): Promise<ErrorInfo | undefined> {
    const { spec, env, hideIn, redactor, launcher } = this.options.tools;
    const { startTimeoutMs, stallTimeoutMs } = spec.config;
    const probe = await probeSource({
      ...{ source: this.source, ffprobePath: spec.ffprobePath, redactor, launcher },
      ...{ env: this.opened?.env ?? env, way: this.opened?.way },
      ...{ deadlineMs: startTimeoutMs, stallTimeoutMs, signal, hideIn },
    });
    if (!probe.ok) return probe.error;
    this.facts = probe.info;
    return undefined;
  }

  private begin(facts: MediaFacts): void {
    const { tools, name, muted, trustMs } = this.options;
    const open = this.opened ?? { way: undefined, env: tools.env, close: () => {} };
    this.current = new SourceTry({
      ...{ tools, name, facts, open, config: this.config(), muted: muted(), startSeconds: this.positionSeconds },
      trustMs: () => trustMs(this),
      onHealth: (event, reason) => this.healthEvent(event, reason),
      onEnd: (end) => this.ended(end),
    });
  }

  private healthEvent(event: HealthEvent, reason: LossReason | undefined): void {
    if (reason !== undefined) this.lossReason = reason;
    if (event === "trust") this.tries = 0;
    this.apply(event);
  }

  private ended(end: TryEnd): void {
    const hadFrame = this.current?.hasFrame === true;
    const done = end.kind === "input_ended" && this.reachedItsEnd();
    // A source may have changed before it comes back.
    if (!hadFrame) this.facts = undefined;
    this.forgetTry();
    const error = end.kind === "failed" ? end.error : end.asFailure;
    this.options.onEnd(this, done ? { kind: "completed" } : { kind: "failed", error, hadFrame });
  }

  /** A file ends, and so does a job with a length; a live source that ends without being asked is lost. */
  private reachedItsEnd(): boolean {
    if (!isLiveSource(this.source, this.facts)) return true;
    const remaining = this.options.remainingSeconds();
    return remaining !== undefined && remaining * 1000 <= DURATION_TOLERANCE_MS;
  }

  private forgetTry(): void {
    if (this.isFinite) this.positionSeconds += (this.current?.progress.outTimeMs ?? 0) / 1000;
    this.current = undefined;
    this.closeWay();
    this.apply("exit");
  }

  private apply(event: HealthEvent): void {
    const before = this.state;
    this.state = nextHealth(before, event);
    if (this.state !== before) this.options.onHealth(this, before);
  }
}
