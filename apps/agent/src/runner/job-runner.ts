import type { Writable } from "node:stream";
import { FilterCommandError, type StopTimes, secretsOf, TsRelay, TsSwitcher } from "@stream-control/ffmpeg";
import type { ErrorInfo, Progress } from "@stream-control/protocol";
import type { JobCommand, RunnerEvent, RunnerResult, RunnerSpec } from "./contract.js";
import type { DestinationSender } from "./destination-sender.js";
import { CommandError, refused } from "./errors.js";
import { JobWatch } from "./job-watch.js";
import { Lease, leftOf } from "./lease.js";
import { OnAirDirector, type ProgramEnd } from "./on-air-director.js";
import { OverlayTexts } from "./overlay-texts.js";
import { type OpenWay, Reach } from "./reach/reach.js";
import { isRefusal } from "./reach/refusals.js";
import { Reporter } from "./reporter.js";
import { Senders } from "./senders.js";
import type { Toolbox } from "./toolbox.js";
import { Alarms } from "./viewer/alarms.js";
import { Viewer } from "./viewer/viewer.js";

const PROGRESS_INTERVAL_MS = 1000;
/** What may wait for somebody who watches: more would not be live. */
const WATCH_QUEUE_MS = 1500;
const WATCH_QUEUE_LEAST_BYTES = 512 * 1024;

/** What a runner is built with. */
export interface JobRunnerOptions {
  spec: RunnerSpec;
  env: Record<string, string>;
  /** See {@link Toolbox.hideIn}. */
  hideIn: readonly string[];
  /** See {@link Toolbox.launcher}. */
  launcher: readonly string[];
  /** The time of day. */
  now: () => number;
  /** Milliseconds of a clock that never jumps. */
  monotonicNow: () => number;
  random: () => number;
  /** Events for whoever listens. */
  emit: (event: RunnerEvent) => void;
}

/** Runs one job from its first ffmpeg to its result: the director decides what goes out, the senders carry it away. */
export class JobRunner {
  private readonly reporter: Reporter;
  private readonly tools: Toolbox;
  private readonly reach: Reach;
  private readonly relay: TsRelay;
  private readonly director: OnAirDirector;
  private readonly senders: Senders;
  private readonly lease: Lease;
  private readonly watch: JobWatch;
  private readonly overlay: OverlayTexts | undefined;
  private readonly viewer: Viewer;
  private readonly alarms: Alarms;
  private wantMuted: boolean;
  private stopTimes: StopTimes | undefined;
  private killed = false;
  /** The pictures are over: what senders do from now on is part of the end. */
  private finishing = false;
  /** Why the job failed, beyond how its pictures ended. */
  private verdict: ErrorInfo | undefined;

  constructor(private readonly options: JobRunnerOptions) {
    const { spec, now, env, hideIn, launcher, monotonicNow, random } = options;
    const { video, audio } = spec.config;
    this.reporter = new Reporter(options.emit, now, secretsOf(spec.config));
    const { redactor } = this.reporter;
    this.reach = new Reach({ policy: spec.reach, env });
    this.wantMuted = spec.muted;
    this.lease = new Lease(leftOf(spec), monotonicNow, () => this.leaseExpired());
    this.relay = new TsRelay({
      onHeldUp: (heldUp) => (heldUp ? switcher.onAir?.source.pause() : switcher.onAir?.source.resume()),
      // Looked at with every piece: a runner that was frozen must send nothing more when it wakes up too late.
      mayWrite: () => this.lease.holds(),
    });
    const switcher = new TsSwitcher({
      ...{ fps: video.fps, sampleRateHz: audio.sampleRateHz, now: monotonicNow },
      onSegment: (segment) => this.relay.push(segment),
    });
    const { overlay } = spec.config;
    this.overlay = overlay === undefined ? undefined : OverlayTexts.make(overlay, hideIn);
    this.tools = {
      ...{ spec, env, hideIn, launcher, reach: this.reach, redactor, switcher, now: monotonicNow, random },
      overlay: this.overlay?.files,
      onLine: (from, line) => this.reporter.line(from, line),
      onEvent: (event, message, data) => this.reporter.event(event, message, data),
    };
    this.senders = new Senders(
      {
        ...{ ffmpegPath: spec.ffmpegPath, reach: this.reach, hideIn, relay: this.relay, redactor, now },
        bitrateKbps: video.bitrateKbps + audio.bitrateKbps,
        onLine: (id, line) => this.reporter.line(id, line),
        onChange: (changed) => this.senderChanged(changed),
      },
      spec.config.destinations,
    );
    this.director = new OnAirDirector({
      ...{ tools: this.tools, muted: spec.muted, paused: spec.paused },
      onReady: (realtime) => {
        this.senders.start(realtime);
        // At full speed there would be nothing to look at for anybody.
        if (realtime) this.viewer.start();
      },
      onBegin: () => {
        if (this.reporter.status === "STARTING") this.reporter.setStatus("RUNNING");
      },
      onIdle: (idle) => this.senders.setIdle(idle),
    });
    this.viewer = new Viewer({
      ...{ tools: this.tools, relay: this.relay },
      onPicture: (jpeg) => this.reporter.picture(jpeg),
    });
    this.alarms = new Alarms(spec.config.monitoring.alarms, this.tools.onEvent);
    this.watch = new JobWatch({
      ...{ config: spec.config, now: monotonicNow, pids: () => [process.pid, ...this.childPids()] },
      program: () => this.director.programOnAir,
      onEvent: this.tools.onEvent,
      restart: (error) => this.director.restartProgram(error),
      fail: (error) => this.director.fail(error),
    });
  }

  /** What a new client is told first. */
  hello(): Extract<RunnerEvent, { type: "hello" }> {
    const { jobId, epoch } = this.options.spec;
    const { status, lastProgress } = this.reporter;
    return {
      ...{ type: "hello", jobId, epoch, pid: process.pid, status },
      ...{ muted: this.wantMuted, paused: this.director.isPaused },
      ...(lastProgress === undefined ? {} : { progress: lastProgress }),
    };
  }

  /** Ids of the processes that run now. */
  childPids(): number[] {
    const { pid } = this.viewer;
    return [...this.director.pids, ...this.senders.pids, ...(pid === undefined ? [] : [pid])];
  }

  /** Runs the job to its end; rejects only when the runner itself is broken. */
  async run(): Promise<RunnerResult> {
    const ticker = setInterval(() => void this.tick(), PROGRESS_INTERVAL_MS);
    try {
      void this.checkBackup();
      if (this.overlay === undefined && this.options.spec.config.overlay !== undefined) this.missOverlay();
      const end = await this.director.run();
      this.reportProgress();
      this.finishing = true;
      await this.finishSenders();
      if (end.kind === "completed" && this.senders.everyOneFailed) this.verdict ??= this.senders.failure();
      return this.result(end);
    } finally {
      clearInterval(ticker);
      this.viewer.stop();
      this.overlay?.remove();
      this.lease.stop();
      this.reach.close();
    }
  }

  /** Carries out a command of a client. @throws when it could not take effect. */
  async command(command: JobCommand): Promise<void> {
    switch (command.type) {
      case "mute":
        return this.setMuted(command.muted);
      case "pause":
        return this.director.setPaused(command.paused);
      case "destination.add":
        return this.addDestination(command.destination);
      case "destination.remove":
        return this.removeDestination(command.destinationId);
      case "input.switch":
        if (command.source !== null) this.reporter.learn(secretsOf(command.source));
        return this.director.switchInput(command.source);
      case "overlay":
        return this.setOverlay(command.texts);
      case "lease.renew":
        return this.lease.renew(leftOf(command) ?? 0);
      case "stop":
        return this.stop(command.deadlineMs);
      case "kill":
        return this.kill();
    }
  }

  /** Gives what goes out to somebody who watches, from the next keyframe on; one who is too slow misses some of it. */
  stream(target: Writable): void {
    const { video, audio } = this.options.spec.config;
    const maxBytes = ((video.bitrateKbps + audio.bitrateKbps) * WATCH_QUEUE_MS) / 8;
    const sink = this.relay.add(target, { policy: "drop", maxBytes: Math.max(maxBytes, WATCH_QUEUE_LEAST_BYTES) });
    target.once("close", () => this.relay.remove(sink));
  }

  /** The error of a command that failed. */
  describe(thrown: unknown): ErrorInfo {
    if (thrown instanceof CommandError) return thrown.info;
    if (thrown instanceof FilterCommandError)
      return { code: "MUTE_FAILED", message: `The sound could not be switched: ${thrown.message}` };
    return { code: "RUNNER_ERROR", message: "The runner failed inside." };
  }

  /** Stops gracefully; a deadline shortens the grace times, and a second call may hurry the first. */
  stop(deadlineMs?: number): void {
    const { stopGraceMs, killAfterMs } = this.options.spec;
    const total = stopGraceMs + killAfterMs;
    const share = deadlineMs === undefined || total === 0 ? 1 : Math.min(1, deadlineMs / total);
    this.stopTimes = { graceMs: stopGraceMs * share, killAfterMs: killAfterMs * share };
    this.reporter.setStatus("STOPPING");
    void this.director.stop(this.stopTimes);
    if (this.finishing) void this.senders.finish(this.stopTimes);
  }

  /** Ends everything at once. */
  kill(): void {
    this.killed = true;
    this.reporter.setStatus("STOPPING");
    this.director.kill();
    void this.senders.kill();
  }

  private get isStopping(): boolean {
    return this.stopTimes !== undefined || this.killed;
  }

  private get times(): StopTimes {
    const { stopGraceMs, killAfterMs } = this.options.spec;
    return this.stopTimes ?? { graceMs: stopGraceMs, killAfterMs };
  }

  private leaseExpired(): void {
    this.verdict = {
      code: "LEASE_EXPIRED",
      message: "The job's lease ran out because the agent could not renew it. Another agent may run the job now.",
      detail: { fault: "network" },
    };
    this.kill();
  }

  /** A backup that may not be reached is told of at once, and not when it is needed. */
  private async checkBackup(): Promise<void> {
    const { backup } = this.options.spec.config.sourceLoss;
    const error = backup && (await this.refusalOf(() => this.reach.source(backup, () => {})));
    if (error !== undefined) this.director.fail(error);
  }

  /** Opens a way and closes it again. @returns why that is not allowed. */
  private async refusalOf(open: () => Promise<OpenWay>): Promise<ErrorInfo | undefined> {
    try {
      (await open()).close();
      return undefined;
    } catch (thrown) {
      if (!(thrown instanceof CommandError)) throw thrown;
      return isRefusal(thrown.info) ? thrown.info : undefined;
    }
  }

  private async addDestination(destination: Parameters<Senders["add"]>[0]): Promise<void> {
    this.reporter.learn(secretsOf(destination));
    const error = await this.refusalOf(() => this.reach.destination(destination, () => {}));
    if (error !== undefined) throw new CommandError(error);
    if (this.isStopping || this.finishing) throw refused("JOB_ENDING", "The job is ending.");
    const { id } = this.senders.add(destination);
    this.reporter.event("stream.destination_added", `The destination "${id}" was added.`, { destination: id });
    this.reportProgress();
  }

  /** A picture without its overlay is better than none. */
  private missOverlay(): void {
    const message = "The overlay is left out: no folder of the agent's can be written to.";
    this.reporter.event("stream.overlay_failed", message, { fault: "agent" });
  }

  private setOverlay(texts: Parameters<OverlayTexts["set"]>[0]): void {
    if (this.overlay === undefined) throw refused("NO_OVERLAY", "The job has no overlay to change.");
    this.overlay.set(texts);
  }

  private removeDestination(destinationId: string): void {
    if (this.isStopping || this.finishing) throw refused("JOB_ENDING", "The job is ending.");
    const { id } = this.senders.remove(destinationId);
    this.reporter.event("stream.destination_removed", `The destination "${id}" was removed.`, { destination: id });
    this.reportProgress();
  }

  private senderChanged(sender: DestinationSender): void {
    const { id, state, message, restarts = 0 } = sender.status();
    const level = state === "FAILED" ? "error" : state === "RETRYING" ? "warn" : "info";
    const text = `Destination ${id} is ${state}${message === undefined ? "" : `: ${message}`}`;
    this.reporter.say(level, text);
    const data = { destination: id, ...sender.lastError?.detail };
    if (state === "FAILED") this.reporter.event("stream.destination_failed", text, data);
    if (state === "LIVE" && restarts > 0) this.reporter.event("stream.destination_back", text, { destination: id });
    if (state === "RETRYING") this.reporter.event("stream.destination_retrying", text, data);
    this.reportProgress();
    if (this.isStopping || this.finishing || !this.senders.everyOneFailed) return;
    this.verdict ??= this.senders.failure();
    void this.director.stop(this.times);
  }

  private async finishSenders(): Promise<void> {
    if (this.killed) await this.senders.kill();
    else await this.senders.finish(this.times);
  }

  private async setMuted(muted: boolean): Promise<void> {
    const before = this.wantMuted;
    this.wantMuted = muted;
    try {
      await this.director.setMuted(muted);
    } catch (thrown) {
      this.wantMuted = before;
      throw thrown;
    }
  }

  private async tick(): Promise<void> {
    this.director.tick();
    await this.watch.tick();
    this.reportProgress(this.look());
  }

  /** What is to be seen and heard of what goes out, and what of it is an alarm. */
  private look(): Pick<Progress, "audio"> {
    const { black, frozen, silent, clipped, levels } = this.viewer.look();
    const { onAir } = this.director;
    // A slate is still and silent on purpose.
    const isShown = onAir === "program" || onAir === "backup";
    const facts = {
      ...{ black: black && isShown, frozen: frozen && isShown, silent: silent && isShown && !this.wantMuted },
      ...{ clipping: clipped, slow: this.watch.isSlow },
      reconnecting: this.senders.statuses.some(({ state }) => state === "RETRYING"),
    };
    this.alarms.feed(facts, this.tools.now());
    return levels === undefined ? {} : { audio: levels };
  }

  private reportProgress(heard: Pick<Progress, "audio"> = {}): void {
    const { switcher } = this.tools;
    const { onAir } = this.director;
    this.reporter.progress({
      ...this.director.progress,
      ...{ frame: switcher.pictures, outTimeMs: switcher.lengthMs },
      ...(onAir === undefined ? {} : { onAir }),
      ...{ ...heard, alarms: this.alarms.present },
      ...this.watch.usage,
      destinations: this.senders.statuses,
    });
  }

  private result(end: ProgramEnd): RunnerResult {
    this.reportProgress();
    const { lastProgress } = this.reporter;
    const leased = this.verdict?.code === "LEASE_EXPIRED";
    const failure = this.verdict ?? (end.kind === "failed" ? end.error : undefined);
    const error = this.isStopping && !leased ? undefined : failure;
    return {
      status: error === undefined ? "STOPPED" : "FAILED",
      ...(error === undefined ? {} : { error }),
      ...(lastProgress === undefined ? {} : { progress: lastProgress }),
      endedAt: new Date(this.options.now()).toISOString(),
    };
  }
}
