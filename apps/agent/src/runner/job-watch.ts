import type { ErrorInfo, Fault, JsonObject, StreamConfig } from "@stream-control/protocol";
import { SpeedMeter } from "./speed-meter.js";
import { Sustained } from "./sustained.js";
import { type Usage, UsageMeter } from "./usage-meter.js";

/** Percent of a core below which a slow encoder waits for its source rather than for the processor. */
const IDLE_PERCENT = 30;

/** What the watch sees of the job, and what it may do to it. */
export interface JobWatchOptions {
  config: StreamConfig;
  /** Milliseconds of a clock that never jumps. */
  now: () => number;
  /** All processes of the job. */
  pids: () => number[];
  /** The program on air; undefined while something else is, or nothing. */
  program: () => { pid: number | undefined; outTimeMs: number | undefined } | undefined;
  onEvent: (event: string, message: string, data: JsonObject) => void;
  restart: (error: ErrorInfo) => void;
  fail: (error: ErrorInfo) => void;
}

/** Watches what a job uses and how fast its encoder is, and does what the job asks where it is too much or too slow. */
export class JobWatch {
  /** What was measured last. */
  usage: Usage | undefined;
  private readonly meter: UsageMeter;
  private readonly speed = new SpeedMeter();
  private readonly over: Sustained;
  private readonly slow: Sustained;
  private restartedForLimit = false;
  private restartedForSpeed = false;
  private tooSlow = false;

  constructor(private readonly options: JobWatchOptions) {
    this.meter = new UsageMeter(options.now);
    this.over = new Sustained(options.config.limits.forMs);
    this.slow = new Sustained(options.config.slowEncoder.forMs);
  }

  /** Whether the program has been too slow for too long, and still is. */
  get isSlow(): boolean {
    return this.tooSlow;
  }

  /** Measures; call it about once a second. Never rejects. */
  async tick(): Promise<void> {
    this.usage = await this.meter.measure(this.options.pids());
    const now = this.options.now();
    if (this.usage !== undefined) this.judgeUsage(this.usage, now);
    this.judgeSpeed(now);
  }

  private judgeUsage({ cpuPercent, memoryMiB }: Usage, now: number): void {
    const { limits } = this.options.config;
    const tooBusy = limits.cpuPercent !== undefined && cpuPercent > limits.cpuPercent;
    const tooLarge = limits.memoryMiB !== undefined && memoryMiB > limits.memoryMiB;
    if (!this.over.feed(tooBusy || tooLarge, now)) return;
    const words = [
      ...(tooBusy ? [`${Math.round(cpuPercent)} % of a core where ${limits.cpuPercent} % are allowed`] : []),
      ...(tooLarge ? [`${Math.round(memoryMiB)} MiB of memory where ${limits.memoryMiB} MiB are allowed`] : []),
    ];
    const message = `The job uses ${words.join(", and ")}.`;
    const detail = { fault: "encoder", cpuPercent, memoryMiB, action: limits.action };
    this.options.onEvent("stream.limit_exceeded", message, detail);
    const again = this.restartedForLimit;
    if (limits.action === "restart") this.restartedForLimit = true;
    this.act(limits.action === "restart" && again ? "fail" : limits.action, {
      code: "LIMIT_EXCEEDED",
      message,
      detail,
    });
    if (limits.action === "restart") this.over.reset();
  }

  private judgeSpeed(now: number): void {
    const { slowEncoder, source } = this.options.config;
    const program = this.options.program();
    const speed = this.speed.feed(program?.outTimeMs, now);
    const isBelow = speed !== undefined && speed < slowEncoder.belowSpeed;
    if (!isBelow) this.tooSlow = false;
    if (!this.slow.feed(isBelow, now) || speed === undefined) return;
    this.tooSlow = true;
    const busy = this.meter.cpuPercentOf(program?.pid);
    const isLocal = source.type === "test" || source.type === "file";
    const fault: Fault = !isLocal && busy !== undefined && busy < IDLE_PERCENT ? "source" : "encoder";
    const why = fault === "source" ? "the source gives too little" : "the encoder is too slow";
    const message = `The program runs at ${speed.toFixed(2)} of real time: ${why}.`;
    // One restart shows whether it helps. Where the machine is simply too slow, a slow stream is better than none.
    const action = slowEncoder.action === "restart" && this.restartedForSpeed ? "warn" : slowEncoder.action;
    const detail = { fault, speed, ...(busy === undefined ? {} : { cpuPercent: busy }), action };
    this.options.onEvent("stream.encoder_slow", message, detail);
    this.act(action, { code: "ENCODER_SLOW", message, detail });
    if (action !== "restart") return;
    this.restartedForSpeed = true;
    this.slow.reset();
  }

  private act(action: "warn" | "restart" | "fail", error: ErrorInfo): void {
    if (action === "restart") this.options.restart(error);
    if (action === "fail") this.options.fail(error);
  }
}
