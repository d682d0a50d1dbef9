import {
  type BoundedLog,
  FfmpegProcess,
  MAIN_VOLUME,
  type ProcessExit,
  type StopTimes,
  type TsFeed,
} from "@stream-control/ffmpeg";
import type { Progress } from "@stream-control/protocol";
import type { Toolbox } from "./toolbox.js";

/** What one encode is started with. */
export interface EncodeOptions {
  tools: Toolbox;
  /** Its name in log lines. */
  name: string;
  arguments: readonly string[];
  /** Its environment, where it is not that of every ffmpeg. */
  env?: Record<string, string> | undefined;
  muted: boolean;
  onFrame?: () => void;
  /** A line of the encode's monitors; see `ProgramOptions.monitored`. */
  onMonitor?: ((line: string) => void) | undefined;
}

/** One encoding ffmpeg, whose stream the switcher can put on air. */
export class Encode {
  /** What it last said of itself. */
  progress: Progress = {};
  readonly feed: TsFeed;
  /** Settles when it has ended and its last bytes are through. Never rejects. */
  readonly exited: Promise<ProcessExit>;
  private readonly process: FfmpegProcess;
  private frames = 0;
  private muted: boolean;
  private wantMuted: boolean;
  private switching = false;

  constructor(private readonly options: EncodeOptions) {
    const { tools, name, onMonitor } = options;
    this.muted = options.muted;
    this.wantMuted = options.muted;
    this.process = new FfmpegProcess({
      path: tools.spec.ffmpegPath,
      launcher: tools.launcher,
      arguments: options.arguments,
      hideIn: tools.hideIn,
      env: options.env ?? tools.env,
      stdin: "commands",
      // One for the picture, one for the sound.
      graphs: 2,
      onLine: (line) => tools.onLine(name, line),
      onProgress: ({ progress }) => {
        this.progress = progress;
      },
      ...(onMonitor === undefined ? {} : { onMonitor }),
    });
    this.feed = tools.switcher.feed(this.process.stdout, () => this.seeFrame());
    this.exited = this.process.exited.then((exit) => {
      // Whoever was killed may have left half a picture.
      if (exit.reason === "ended" || exit.reason === "stopped") this.feed.finish();
      return exit;
    });
  }

  /** The id of its process while that runs. */
  get pid(): number | undefined {
    return this.process.hasExited ? undefined : this.process.pid;
  }
  get log(): BoundedLog {
    return this.process.log;
  }
  get hasFrame(): boolean {
    return this.frames > 0;
  }

  /**
   * Before its first frame there is nothing to switch; it is told then. While it gets no pictures it does not listen; it
   * is told again with the next one.
   *
   * @throws FilterCommandError when it does not take it now.
   */
  async setMuted(muted: boolean): Promise<void> {
    this.wantMuted = muted;
    if (this.hasFrame && !this.process.hasExited) await this.switchSound();
  }

  /** Asks it to finish, then forces it. */
  stop(times: StopTimes): void {
    void this.process.stop(times);
  }

  /** Ends it at once. */
  kill(): void {
    void this.process.kill();
  }

  /** Ends it at once; nothing of it is wanted any more. */
  dispose(): void {
    this.feed.close();
    this.kill();
  }

  private seeFrame(): void {
    this.frames += 1;
    if (this.wantMuted !== this.muted && !this.switching) void this.switchSound().catch(() => {});
    this.options.onFrame?.();
  }

  private async switchSound(): Promise<void> {
    const muted = this.wantMuted;
    this.switching = true;
    try {
      await this.process.command(MAIN_VOLUME, "volume", muted ? "0" : "1.0");
      this.muted = muted;
      // What is held off air has the sound of before.
      this.feed.forgetHeld();
    } finally {
      this.switching = false;
    }
  }
}
