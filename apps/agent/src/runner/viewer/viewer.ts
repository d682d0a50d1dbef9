import { FfmpegProcess, JpegSplitter, type TsRelay, type TsSink, viewerArguments } from "@stream-control/ffmpeg";
import type { AudioLevels } from "@stream-control/protocol";
import { backoffMs } from "@stream-control/service-kit/backoff";
import type { Toolbox } from "../toolbox.js";
import { LevelMeter } from "./level-meter.js";
import { readSign } from "./metadata-lines.js";

/** A picture longer than this would not be taken by the orchestrator. */
const MAX_PICTURE_BYTES = 512 * 1024;
/** Stream that may wait for the viewer; it does not matter what it misses. */
const QUEUE_BYTES = 4 * 1024 * 1024;
const PAUSES = { baseMs: 1000, maxMs: 60_000 };
/** A viewer that ran for so long counts as good. */
const STEADY_MS = 60_000;
/** A picture may come a little earlier than asked for, because keyframes do not keep to its clock. */
const EARLY = 0.75;

/** What the viewer is made with. */
export interface ViewerOptions {
  tools: Pick<Toolbox, "spec" | "env" | "launcher" | "now" | "random" | "onLine">;
  relay: TsRelay;
  onPicture: (jpeg: Buffer) => void;
}

/** What is seen and heard of the outgoing stream at a moment. */
export interface View {
  black: boolean;
  frozen: boolean;
  silent: boolean;
  clipped: boolean;
  levels?: AudioLevels;
}

const NOTHING: View = { black: false, frozen: false, silent: false, clipped: false };

/**
 * Looks at what goes out as any viewer would, in a process of its own: whatever becomes of it, the stream goes on. One that
 * ends is started again after a growing pause.
 */
export class Viewer {
  private process: FfmpegProcess | undefined;
  private sink: TsSink | undefined;
  private meter = new LevelMeter();
  private state = { black: false, frozen: false };
  private pictureAt = Number.NEGATIVE_INFINITY;
  private startedAt = 0;
  private failures = 0;
  private again: NodeJS.Timeout | undefined;
  private over = false;

  constructor(private readonly options: ViewerOptions) {}

  get pid(): number | undefined {
    return this.process?.hasExited === false ? this.process.pid : undefined;
  }

  /** Begins to look, where the job wants that. */
  start(): void {
    const { spec, env, launcher, now, onLine } = this.options.tools;
    if (this.over || !spec.config.monitoring.enabled) return;
    this.meter = new LevelMeter();
    this.state = { black: false, frozen: false };
    this.startedAt = now();
    const process = new FfmpegProcess({
      ...{ path: spec.ffmpegPath, launcher, env, stdin: "media", arguments: viewerArguments(spec.config) },
      onLine: (line) => onLine("viewer", line),
      onMonitor: (line) => this.read(line),
    });
    this.process = process;
    this.sink = this.options.relay.add(process.stdin, { policy: "drop", maxBytes: QUEUE_BYTES });
    const pictures = new JpegSplitter();
    process.stdout.on("data", (chunk: Buffer) => {
      for (const jpeg of pictures.push(chunk)) this.show(jpeg);
    });
    process.stdout.on("error", () => {});
    void process.exited.then(() => this.ended());
  }

  /** What was seen and heard since the last time. */
  look(): View {
    if (this.pid === undefined) return NOTHING;
    const heard = this.meter.take();
    const { black, frozen } = this.state;
    if (heard === undefined) return { ...NOTHING, black, frozen };
    return { black, frozen, silent: heard.silent, clipped: heard.clipped, levels: heard.levels };
  }

  stop(): void {
    this.over = true;
    clearTimeout(this.again);
    if (this.sink !== undefined) this.options.relay.remove(this.sink);
    void this.process?.kill();
  }

  private read(line: string): void {
    const sign = readSign(line);
    if (sign === undefined) return;
    if (sign.kind === "picture") this.state[sign.what] = sign.holds;
    else this.meter.push(sign);
  }

  private show(jpeg: Buffer): void {
    const { now, spec } = this.options.tools;
    if (this.over || jpeg.length > MAX_PICTURE_BYTES) return;
    if (now() - this.pictureAt < spec.config.monitoring.pictureMs * EARLY) return;
    this.pictureAt = now();
    this.options.onPicture(jpeg);
  }

  private ended(): void {
    if (this.sink !== undefined) this.options.relay.remove(this.sink);
    if (this.over) return;
    const { now, random } = this.options.tools;
    this.failures = now() - this.startedAt >= STEADY_MS ? 1 : this.failures + 1;
    this.again = setTimeout(() => this.start(), backoffMs(this.failures, { ...PAUSES, random }));
  }
}
