import {
  FfmpegProcess,
  isLiveSource,
  MAIN_VOLUME,
  type MediaFacts,
  mediaError,
  type ProcessExit,
  programArguments,
  type Redactor,
  StallTimer,
  type StopTimes,
  type TsRelay,
} from "@stream-control/ffmpeg";
import type { ErrorInfo, Progress } from "@stream-control/protocol";
import type { RunnerSpec } from "./contract.js";

/** A source that ended within this many milliseconds of the wanted length has run to its end. */
const DURATION_TOLERANCE_MS = 1500;

/** What the program works with. */
export interface ProgramContext {
  spec: RunnerSpec;
  facts: MediaFacts;
  muted: boolean;
  relay: TsRelay;
  env: Record<string, string>;
  launcher: readonly string[];
  redactor: Redactor;
  onFirstFrame: () => void;
  onLine: (line: string) => void;
}

/** How the program's run ended: by itself as it should, as asked, or with an error. */
export type ProgramEnd = { kind: "completed" } | { kind: "stopped" } | { kind: "failed"; error: ErrorInfo };

/** The job's one encoding ffmpeg, watched for frames. */
export class Program {
  /** What it last said of itself. */
  progress: Progress = {};
  private readonly process: FfmpegProcess;
  private readonly stall: StallTimer;
  private stalled: { afterMs: number; started: boolean } | undefined;
  private hasFrame = false;
  private asked = false;

  /** Starts it. */
  constructor(private readonly context: ProgramContext) {
    const { spec, facts, muted } = context;
    const { stallTimeoutMs, startTimeoutMs } = spec.config;
    this.process = new FfmpegProcess({
      path: spec.ffmpegPath,
      launcher: context.launcher,
      arguments: programArguments(spec.config, { ...facts, videoEncoder: spec.videoEncoder, muted }),
      env: context.env,
      stdin: "commands",
      // One for the picture, one for the sound.
      graphs: 2,
      onLine: context.onLine,
      onProgress: ({ progress }) => {
        this.progress = progress;
        this.stall.feed(progress.frame ?? 0);
        if ((progress.frame ?? 0) > 0) this.seeFrame();
      },
    });
    this.stall = new StallTimer({
      startTimeoutMs,
      stallTimeoutMs,
      onStall: (stall) => {
        this.stalled = stall;
        void this.process.kill();
      },
    });
  }

  get pid(): number | undefined {
    return this.process.hasExited ? undefined : this.process.pid;
  }
  get stdout() {
    return this.process.stdout;
  }

  /** A keyframe came out; told by the relay, which sees it sooner than the next progress report comes. */
  seeFrame(): void {
    if (this.hasFrame) return;
    this.hasFrame = true;
    this.context.onFirstFrame();
  }

  /** @throws FilterCommandError when the running program does not take it. */
  setMuted(muted: boolean): Promise<void> {
    return this.process.command(MAIN_VOLUME, "volume", muted ? "0" : "1.0");
  }

  /** Asks it to finish, then forces it. */
  stop(times: StopTimes): void {
    this.asked = true;
    this.stall.stop();
    void this.process.stop(times);
  }

  kill(): void {
    this.asked = true;
    void this.process.kill();
  }

  /** Settles when it has ended and its last bytes are through. Never rejects. */
  async ended(): Promise<ProgramEnd> {
    const exit = await this.process.exited;
    this.stall.stop();
    if (this.stalled !== undefined) return { kind: "failed", error: this.stallError(this.stalled, exit) };
    if (this.asked) return { kind: "stopped" };
    if (exit.reason === "ended" && this.reachedItsEnd()) return { kind: "completed" };
    return { kind: "failed", error: exit.reason === "ended" ? this.sourceEnded(exit) : this.exitError(exit) };
  }

  /** A file ends, and so does a job with a length; a live source that ends without being asked is lost. */
  private reachedItsEnd(): boolean {
    const { source, durationSeconds } = this.context.spec.config;
    if (!isLiveSource(source, this.context.facts)) return true;
    if (durationSeconds === undefined) return false;
    return (this.progress.outTimeMs ?? 0) >= durationSeconds * 1000 - DURATION_TOLERANCE_MS;
  }

  private stallError({ afterMs, started }: { afterMs: number; started: boolean }, exit: ProcessExit): ErrorInfo {
    const what = started
      ? `The encoder made no new frame for ${afterMs} ms`
      : `The encoder made no first frame within ${afterMs} ms`;
    // From outside a starving encoder looks like a hanging one; what comes over a network starves more often.
    const { type } = this.context.spec.config.source;
    const isLocal = type === "test" || type === "file";
    return mediaError({
      ...{ code: "ENCODER_STALLED", what, fault: isLocal ? "encoder" : "source" },
      ...{ cause: started ? "STALLED" : "NO_FIRST_FRAME", detail: { afterMs } },
      ...{ redactor: this.context.redactor, log: this.process.log, exit },
    });
  }

  private sourceEnded(exit: ProcessExit): ErrorInfo {
    return mediaError({
      ...{ code: "FFMPEG_EXITED", what: "The live source ended", fault: "source", cause: "SOURCE_ENDED" },
      ...{ redactor: this.context.redactor, log: this.process.log, exit },
    });
  }

  private exitError(exit: ProcessExit): ErrorInfo {
    const error = mediaError({
      code: "FFMPEG_EXITED",
      what: this.hasFrame ? "The program ended" : "The program could not begin",
      fault: "source",
      ...{ redactor: this.context.redactor, log: this.process.log, exit },
    });
    // Before the first frame, what goes wrong outside this machine is the source's not being there.
    const fault = error.detail?.fault;
    const unreachable = !this.hasFrame && exit.startError === undefined && (fault === "source" || fault === "network");
    return unreachable ? { ...error, code: "SOURCE_UNREACHABLE" } : error;
  }
}
