import { createRedactor, type Redactor } from "@stream-control/ffmpeg";
import type { JsonObject, Progress } from "@stream-control/protocol";
import type { RunnerEvent, RunnerStatus } from "./contract.js";
import { LogLimiter, levelOf } from "./log-limiter.js";

/** Tells whoever listens what happens in a job, without its secrets. */
export class Reporter {
  /** Takes out what is secret, also what became known after it was handed out. */
  readonly redactor: Redactor = (text) => this.redact(text);
  private redact: Redactor;
  private readonly limiter: LogLimiter;
  private current: RunnerStatus = "STARTING";
  private latest: Progress | undefined;

  /** @param now the time of day. */
  constructor(
    private readonly emit: (event: RunnerEvent) => void,
    private readonly now: () => number,
    private secrets: readonly string[],
  ) {
    this.redact = createRedactor(secrets);
    this.limiter = new LogLimiter(now);
  }

  get status(): RunnerStatus {
    return this.current;
  }
  /** The last report. */
  get lastProgress(): Progress | undefined {
    return this.latest;
  }

  /** More that must not be told. */
  learn(secrets: readonly string[]): void {
    this.secrets = [...this.secrets, ...secrets];
    this.redact = createRedactor(this.secrets);
  }

  setStatus(status: RunnerStatus): void {
    if (this.current === status) return;
    this.current = status;
    this.emit({ type: "status", status });
  }

  progress(progress: Progress): void {
    this.latest = { ...progress, measuredAt: new Date(this.now()).toISOString() };
    this.emit({ type: "progress", progress: this.latest });
  }

  picture(jpeg: Buffer): void {
    this.emit({ type: "picture", takenAt: new Date(this.now()).toISOString(), jpeg: jpeg.toString("base64") });
  }

  event(event: string, message: string, data?: JsonObject): void {
    const told = { type: "event", event, message: this.redactor(message) } as const;
    this.emit({ ...told, ...(data === undefined ? {} : { data }) });
  }

  /** A sentence of the runner's own. */
  say(level: "info" | "warn" | "error", message: string): void {
    this.emit({ type: "log", level, message });
  }

  /** A line of a program; of a flood only some. */
  line(from: string, line: string): void {
    for (const passed of this.limiter.pass(line)) {
      const { level, message } = levelOf(passed);
      this.say(level, `${from}: ${this.redactor(message)}`);
    }
  }
}
