import {
  createRedactor,
  FilterCommandError,
  factsWithoutProbing,
  isRealtime,
  type MediaFacts,
  probeSource,
  type Redactor,
  type StopTimes,
  secretsOf,
  TsRelay,
} from "@stream-control/ffmpeg";
import type { DestinationStatus, ErrorInfo, Progress } from "@stream-control/protocol";
import type { RunnerCommand, RunnerEvent, RunnerResult, RunnerSpec, RunnerStatus } from "./contract.js";
import { DestinationSender } from "./destination-sender.js";
import { LogLimiter, levelOf } from "./log-limiter.js";
import { Program, type ProgramEnd } from "./program.js";

const PROGRESS_INTERVAL_MS = 1000;

/** What a runner is built with. */
export interface JobRunnerOptions {
  spec: RunnerSpec;
  env: Record<string, string>;
  /** Put before the commands of the program and of the probe, which could outlive a killed runner; see `FfmpegProcessOptions.launcher`. */
  launcher: readonly string[];
  now: () => number;
  /** Events for whoever listens. */
  emit: (event: RunnerEvent) => void;
}

/** Runs one job from its first ffmpeg to its result: one program, one sender per destination, commands between. */
export class JobRunner {
  private readonly redactor: Redactor;
  private readonly relay: TsRelay;
  private readonly senders: DestinationSender[] = [];
  private readonly limiter: LogLimiter;
  private readonly probing = new AbortController();
  private status: RunnerStatus = "STARTING";
  private wantMuted: boolean;
  private program: Program | undefined;
  private stopTimes: StopTimes | undefined;
  private killed = false;
  /** The program is over: what senders do from now on is part of the end. */
  private finishing = false;
  private outputError: ErrorInfo | undefined;
  private lastProgress: Progress | undefined;

  constructor(private readonly options: JobRunnerOptions) {
    const { spec, now } = options;
    this.redactor = createRedactor(secretsOf(spec.config));
    this.wantMuted = spec.muted;
    this.limiter = new LogLimiter(now);
    this.relay = new TsRelay(() => this.program?.seeFrame());
  }

  /** What a new client is told first. */
  hello(): Extract<RunnerEvent, { type: "hello" }> {
    const { jobId, epoch } = this.options.spec;
    return {
      ...{ type: "hello", jobId, epoch, pid: process.pid, status: this.status, muted: this.wantMuted },
      ...(this.lastProgress === undefined ? {} : { progress: this.lastProgress }),
    };
  }

  /** Ids of the processes that run now, for the last resort of a runner in trouble. */
  childPids(): number[] {
    return [this.program, ...this.senders].flatMap((child) => (child?.pid === undefined ? [] : [child.pid]));
  }

  /** Runs the job to its end; rejects only when the runner itself is broken. */
  async run(): Promise<RunnerResult> {
    const { source, startTimeoutMs, stallTimeoutMs } = this.options.spec.config;
    let facts = factsWithoutProbing(source);
    if (facts === undefined) {
      const probe = await probeSource({
        ...{ source, ffprobePath: this.options.spec.ffprobePath, env: this.options.env, redactor: this.redactor },
        ...{ deadlineMs: startTimeoutMs, stallTimeoutMs, signal: this.probing.signal },
        launcher: this.options.launcher,
      });
      if (this.isStopping) return this.result({ kind: "stopped" });
      if (!probe.ok) return this.result({ kind: "failed", error: probe.error });
      facts = probe.info;
    }
    const ticker = setInterval(() => this.reportProgress(), PROGRESS_INTERVAL_MS);
    try {
      return await this.runProgram(facts);
    } finally {
      clearInterval(ticker);
    }
  }

  /** Carries out a command of a client. @throws when it could not take effect. */
  async command(command: RunnerCommand): Promise<void> {
    switch (command.type) {
      case "mute":
        return this.setMuted(command.muted);
      case "stop":
        return this.stop(command.deadlineMs);
      case "kill":
        return this.kill();
    }
  }

  /** The error of a command that failed. */
  describe(thrown: unknown): ErrorInfo {
    const known = thrown instanceof FilterCommandError;
    const message = known ? `The sound could not be switched: ${thrown.message}` : "The runner failed inside.";
    return { code: known ? "MUTE_FAILED" : "RUNNER_ERROR", message };
  }

  /** Stops gracefully; a deadline shortens the grace times, and a second call may hurry the first. */
  stop(deadlineMs?: number): void {
    const { stopGraceMs, killAfterMs } = this.options.spec;
    const total = stopGraceMs + killAfterMs;
    const share = deadlineMs === undefined || total === 0 ? 1 : Math.min(1, deadlineMs / total);
    this.stopTimes = { graceMs: stopGraceMs * share, killAfterMs: killAfterMs * share };
    this.setStatus("STOPPING");
    this.probing.abort();
    this.program?.stop(this.stopTimes);
    if (this.finishing) for (const sender of this.senders) void sender.finish(this.stopTimes);
  }

  /** Ends everything at once. */
  kill(): void {
    this.killed = true;
    this.setStatus("STOPPING");
    this.probing.abort();
    this.program?.kill();
    for (const sender of this.senders) void sender.kill();
  }

  private get isStopping(): boolean {
    return this.stopTimes !== undefined || this.killed;
  }

  private async runProgram(facts: MediaFacts): Promise<RunnerResult> {
    const { spec, env, launcher } = this.options;
    const muted = this.wantMuted;
    const program = new Program({
      ...{ spec, facts, muted, relay: this.relay, env, launcher, redactor: this.redactor },
      onLine: (line) => this.log("program", line),
      onFirstFrame: () => {
        if (this.status === "STARTING") this.setStatus("RUNNING");
        // Somebody may have changed their mind between the start and now.
        if (this.wantMuted !== muted) void this.setMuted(this.wantMuted).catch(() => {});
      },
    });
    this.program = program;
    this.startSenders(isRealtime(spec.config, facts));
    this.relay.connect(program.stdout);
    const end = await program.ended();
    this.reportProgress();
    this.finishing = true;
    await this.finishSenders();
    if (end.kind === "completed" && this.everyDestinationFailed()) this.outputError = this.noDestinationLeft();
    return this.result(end);
  }

  private startSenders(realtime: boolean): void {
    const { spec, env, now } = this.options;
    const { video, audio, destinations } = spec.config;
    for (const [index, destination] of destinations.entries()) {
      const id = destination.id ?? `${destination.type}-${index + 1}`;
      const sender = new DestinationSender(id, destination, {
        ...{ ffmpegPath: spec.ffmpegPath, env, relay: this.relay, redactor: this.redactor, realtime, now },
        bitrateKbps: video.bitrateKbps + audio.bitrateKbps,
        onLine: (line) => this.log(id, line),
        onChange: (changed) => this.senderChanged(changed),
      });
      this.senders.push(sender);
    }
    for (const sender of this.senders) sender.start();
  }

  private senderChanged(sender: DestinationSender): void {
    const { id, state, message } = sender.status();
    const level = state === "FAILED" ? "error" : state === "RETRYING" ? "warn" : "info";
    const text = `Destination ${id} is ${state}${message === undefined ? "" : `: ${message}`}`;
    this.options.emit({ type: "log", level, message: text });
    this.reportProgress();
    if (this.isStopping || this.finishing || !this.everyDestinationFailed()) return;
    this.outputError = this.noDestinationLeft();
    const { stopGraceMs, killAfterMs } = this.options.spec;
    this.program?.stop({ graceMs: stopGraceMs, killAfterMs });
  }

  private everyDestinationFailed(): boolean {
    return this.senders.every(({ error }) => error !== undefined);
  }

  /** What failed last decides the words; all of them stand in the detail. */
  private noDestinationLeft(): ErrorInfo {
    const errors = this.senders.flatMap(({ error }) => (error === undefined ? [] : [error]));
    const onlyFiles = this.senders.every(({ destination }) => destination.type === "file");
    const last = errors.at(-1);
    const what = errors.length === 1 ? "The only destination failed" : `All ${errors.length} destinations failed`;
    return {
      code: onlyFiles ? "OUTPUT_FAILED" : "STREAMING_FAILED",
      message: `${what}. ${last?.message ?? ""}`.trim().slice(0, 4096),
      detail: { fault: "destination", ...last?.detail, destinations: this.destinationStatuses() },
    };
  }

  private async finishSenders(): Promise<void> {
    const { stopGraceMs, killAfterMs } = this.options.spec;
    const times = this.stopTimes ?? { graceMs: stopGraceMs, killAfterMs };
    if (this.killed) await Promise.all(this.senders.map((sender) => sender.kill()));
    else await Promise.all(this.senders.map((sender) => sender.finish(times)));
  }

  private async setMuted(muted: boolean): Promise<void> {
    const before = this.wantMuted;
    this.wantMuted = muted;
    // Before its first frame the program has nothing to switch; it is told then.
    if (this.status === "STARTING") return;
    try {
      await (this.program?.setMuted(muted) ?? Promise.resolve());
    } catch (thrown) {
      this.wantMuted = before;
      throw thrown;
    }
  }

  private setStatus(status: RunnerStatus): void {
    if (this.status === status) return;
    this.status = status;
    this.options.emit({ type: "status", status });
  }

  private destinationStatuses(): DestinationStatus[] {
    return this.senders.map((sender) => sender.status());
  }

  private reportProgress(): void {
    if (this.program === undefined) return;
    this.lastProgress = {
      ...this.program.progress,
      destinations: this.destinationStatuses(),
      measuredAt: new Date(this.options.now()).toISOString(),
    };
    this.options.emit({ type: "progress", progress: this.lastProgress });
  }

  private log(from: string, line: string): void {
    for (const passed of this.limiter.pass(line)) {
      const { level, message } = levelOf(passed);
      this.options.emit({ type: "log", level, message: `${from}: ${this.redactor(message)}` });
    }
  }

  private result(end: ProgramEnd): RunnerResult {
    this.reportProgress();
    const error = this.isStopping ? undefined : (this.outputError ?? (end.kind === "failed" ? end.error : undefined));
    return {
      status: error === undefined ? "STOPPED" : "FAILED",
      ...(error === undefined ? {} : { error }),
      ...(this.lastProgress === undefined ? {} : { progress: this.lastProgress }),
      endedAt: new Date(this.options.now()).toISOString(),
    };
  }
}
