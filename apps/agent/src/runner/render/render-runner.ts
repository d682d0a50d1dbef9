import { rm } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { FfmpegProcess, mediaError, type ProcessExit, StallTimer, secretsOf } from "@stream-control/ffmpeg";
import {
  DEFAULT_RENDER_TIMEOUT_MS,
  type ErrorInfo,
  fpsOf,
  type Progress,
  type RenderProgress,
} from "@stream-control/protocol";
import { SourceCache } from "../../cache/source-cache.js";
import type { Results } from "../../results/results.js";
import type { JobCommand, RenderSpec, RunnerEvent, RunnerResult } from "../contract.js";
import { CommandError, refused } from "../errors.js";
import type { JobRunnerOptions } from "../job-runner.js";
import { Lease, leftOf } from "../lease.js";
import { Reach } from "../reach/reach.js";
import { Reporter } from "../reporter.js";
import { checkResult } from "./check.js";
import { type Composed, type Composing, compose, neededSources } from "./compose.js";
import { fetchParts, joinParts, type MergeTask } from "./merge.js";
import { RenderCache } from "./reuse/render-cache.js";
import { Reuse } from "./reuse/reuse.js";
import { areUnchanged, fetchSources, probeSources, type SourcesOptions } from "./sources.js";

const PROGRESS_INTERVAL_MS = 1000;
/** Longer than the slowest frame, and than the index of a large file takes to be moved to its front. */
const STALL_MS = 600_000;

/** What a render is run with. */
export interface RenderRunnerOptions extends Omit<JobRunnerOptions, "spec" | "random"> {
  spec: RenderSpec;
  /** The job's own, for sources, texts and what is not whole yet. */
  folder: string;
  results: Results;
}

/** Runs one render from its first download to its file: sources to the disk, a look into each, one ffmpeg, the result in its place. */
export class RenderRunner {
  private readonly reporter: Reporter;
  private readonly reach: Reach;
  private readonly lease: Lease;
  private readonly giveUp = new AbortController();
  private readonly startedAt: number;
  private ffmpeg: FfmpegProcess | undefined;
  private measured: Progress = {};
  private state: RenderProgress = { step: "downloading" };
  private isStopping = false;
  private verdict: ErrorInfo | undefined;

  constructor(private readonly options: RenderRunnerOptions) {
    const { spec, env, monotonicNow } = options;
    this.reporter = new Reporter(options.emit, options.now, secretsOf(spec.render.request));
    this.reach = new Reach({ policy: spec.reach, env });
    this.lease = new Lease(leftOf(spec), monotonicNow, () => this.fail(LEASE_EXPIRED));
    this.startedAt = monotonicNow();
  }

  /** What a new client is told first. */
  hello(): Extract<RunnerEvent, { type: "hello" }> {
    const { jobId, epoch } = this.options.spec;
    const { status, lastProgress } = this.reporter;
    return {
      ...{ type: "hello", jobId, epoch, pid: process.pid, status, muted: false, paused: false },
      ...(lastProgress === undefined ? {} : { progress: lastProgress }),
    };
  }

  /** Ids of the processes that run now. */
  childPids(): number[] {
    const { ffmpeg } = this;
    return ffmpeg?.pid === undefined || ffmpeg.hasExited ? [] : [ffmpeg.pid];
  }

  /** Renders; rejects only when the runner itself is broken. */
  async run(): Promise<RunnerResult> {
    const { timeout = DEFAULT_RENDER_TIMEOUT_MS } = this.options.spec.render.request;
    const ticker = setInterval(() => this.report(), PROGRESS_INTERVAL_MS);
    const late = setTimeout(() => this.fail(timedOut(timeout)), timeout);
    try {
      this.reporter.setStatus("RUNNING");
      this.report();
      await this.render();
    } catch (thrown) {
      if (!(thrown instanceof CommandError)) throw thrown;
      this.verdict ??= thrown.info;
    } finally {
      clearInterval(ticker);
      clearTimeout(late);
      this.lease.stop();
      this.reach.close();
      await rm(this.draft, { force: true });
    }
    return this.result();
  }

  /** Carries out a command of a client. @throws CommandError for those that only a stream knows. */
  async command(command: JobCommand): Promise<void> {
    if (command.type === "lease.renew") this.lease.renew(leftOf(command) ?? 0);
    else if (command.type === "stop" || command.type === "kill") this.stop();
    else throw refused("NOT_SUPPORTED", "A render can be stopped, and nothing else.");
  }

  /** There is nothing to watch: the result is a file. */
  stream(client: Writable): void {
    (client as Socket).destroy();
  }

  /** The error of a command that failed. */
  describe(thrown: unknown): ErrorInfo {
    return thrown instanceof CommandError
      ? thrown.info
      : { code: "RUNNER_ERROR", message: "The runner failed inside." };
  }

  /** Gives up at once: a file that is half there is worth nothing. */
  stop(): void {
    this.isStopping = true;
    this.reporter.setStatus("STOPPING");
    this.abort();
  }

  private fail(error: ErrorInfo): void {
    this.verdict ??= error;
    this.abort();
  }

  private abort(): void {
    this.giveUp.abort();
    void this.ffmpeg?.kill();
  }

  /** In the job's folder, and so gone with it, whatever happens. */
  private get draft(): string {
    return join(this.options.folder, `draft.${this.options.spec.render.request.output_format}`);
  }

  private async render(): Promise<void> {
    const { spec, env, hideIn, launcher, folder } = this.options;
    const { redactor } = this.reporter;
    const { sourceCache = NO_CACHE } = spec.render;
    const sources: SourcesOptions = {
      ...{ spec, env, hideIn, launcher, folder, reach: this.reach, redactor, signal: this.giveUp.signal },
      cache: new SourceCache(sourceCache, this.options.now),
      onFetched: (fetchedBytes, ofBytes) => {
        this.state = { step: "downloading", fetchedBytes, ofBytes };
      },
    };
    const { request, task } = spec.render;
    if (task?.type !== "merge") return this.renderPart({ request, task }, sources);
    const made = await this.merge(task, sources);
    this.enter({ step: "rendering", totalFrames: made.totalFrames });
    await this.encode(made.arguments);
    requireFrames(made, this.measured);
    await this.check(made, sources);
    await this.publish();
  }

  /** A composition, or a part of one: of what was rendered before, as far as that goes. */
  private async renderPart({ request, task }: Composing, sources: SourcesOptions): Promise<void> {
    const fetched = await this.unlessGivenUp(fetchSources(neededSources({ request, task }), sources));
    this.enter({ step: "probing" });
    const composition = await compose({ request, task }, await probeSources(fetched, sources), this.options.folder);
    const { part, timeline } = composition;
    const totalFrames = part.type === "frames" ? part.frames : timeline.totalFrames;
    this.enter({ step: "rendering", totalFrames });
    const { encoder, ...settings } = this.options.spec.render.renderCache ?? { encoder: "", ...NO_CACHE };
    const reuse = new Reuse({
      ...{ request, task, composition, sources, draft: this.draft, cache: new RenderCache(settings) },
      ingredients: { encoder, contentOf: (source) => fetched.get(source)?.content ?? source },
      run: (args, isCounted) => this.encode(args, isCounted ? "adding" : "silent"),
      signal: this.giveUp.signal,
    });
    const reused = await reuse.make();
    if (reused === undefined) {
      this.measured = {};
      await this.encode(composition.argumentsFor(part, this.draft, settings.maxBytes > 0 ? reuse.keyframes : []));
      if (task !== undefined && task.type !== "sound") requireFrames({ totalFrames }, this.measured);
    } else {
      this.measured = { frame: totalFrames };
      this.enter({ ...this.state, ...reused });
    }
    this.giveUpIfAsked();
    const { hasSound } = composition;
    if (part.type === "whole") await this.check({ totalFrames, hasSound }, sources);
    const held = await reuse.hold();
    await this.publish();
    // Whoever changed a source meanwhile may have changed what was read of it.
    if (held !== undefined && (await areUnchanged(fetched))) await reuse.keep(held);
  }

  /** Looks into the finished file, where the workflow says so. */
  private async check(made: Pick<Composed, "totalFrames" | "hasSound">, sources: SourcesOptions): Promise<void> {
    const { request, qa } = this.options.spec.render;
    if (qa !== true) return;
    this.enter({ ...this.state, step: "checking" });
    await this.unlessGivenUp(checkResult(this.draft, { request, ...made }, sources));
  }

  private async merge(task: MergeTask, options: SourcesOptions): Promise<Composed> {
    const parts = await this.unlessGivenUp(fetchParts(task, options, this.options.results));
    this.enter({ step: "probing" });
    return joinParts(task, parts, this.draft, options);
  }

  /**
   * @param counting whether its pictures are all there are, come behind those before, or are counted already.
   * @returns how many it made.
   */
  private async encode(args: readonly string[], counting: "all" | "adding" | "silent" = "all"): Promise<number> {
    this.giveUpIfAsked();
    const before = counting === "adding" ? (this.measured.frame ?? 0) : 0;
    let frames = 0;
    const { spec, env, hideIn, launcher } = this.options;
    const onStall = () => this.fail(STALLED);
    const stall = new StallTimer({ startTimeoutMs: STALL_MS, stallTimeoutMs: STALL_MS, onStall });
    this.ffmpeg = new FfmpegProcess({
      ...{ path: spec.ffmpegPath, arguments: args, env, hideIn, launcher, stdin: "commands" },
      onLine: (line) => this.reporter.line("render", line),
      onProgress: ({ progress }) => {
        const counted = this.counted(progress);
        frames = progress.frame ?? 0;
        stall.feed(counted.frame ?? 0);
        if (counting !== "silent") this.measured = { ...counted, frame: before + (counted.frame ?? 0) };
      },
    });
    this.ffmpeg.stdout.resume();
    const exit = await this.ffmpeg.exited;
    stall.stop();
    this.giveUpIfAsked();
    if (exit.reason !== "ended") throw new CommandError(this.encodeError(exit));
    return frames;
  }

  /** A sound has no frames: how far it is is told in those of its pictures. */
  private counted(progress: Progress): Progress {
    const { request, task } = this.options.spec.render;
    if (task?.type !== "sound") return progress;
    const frame = Math.floor(((progress.outTimeMs ?? 0) * fpsOf(request)) / 1000);
    return { ...progress, frame: Math.min(task.totalFrames, frame) };
  }

  private encodeError(exit: ProcessExit): ErrorInfo {
    const { redactor } = this.reporter;
    const what = "The composition could not be rendered";
    const error = mediaError({ code: "FFMPEG_EXITED", what, fault: "encoder", redactor, exit, ...this.logOfFfmpeg() });
    // The same files give the same error again; a full disk, or somebody who killed it, need not be there the next time.
    const retryable = exit.signal !== null || error.detail?.fault === "agent";
    return { ...error, detail: { ...error.detail, retryable } };
  }

  private logOfFfmpeg() {
    return this.ffmpeg === undefined ? {} : { log: this.ffmpeg.log };
  }

  /** Puts the finished file into its place, whole. */
  private async publish(): Promise<void> {
    const { spec, results } = this.options;
    this.enter({ ...this.state, step: "publishing" });
    // A runner that was frozen must publish nothing when it wakes up too late.
    this.lease.holds();
    this.giveUpIfAsked();
    const { file, store } = spec.render;
    const stored = await this.unlessGivenUp(results.put(this.draft, file, this.giveUp.signal));
    this.enter({ ...this.state, step: "done", ...stored, file, store: store.kind });
  }

  /** What was broken off because the render was given up has no reason of its own. */
  private async unlessGivenUp<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (thrown) {
      this.giveUpIfAsked();
      throw thrown;
    }
  }

  private giveUpIfAsked(): void {
    if (this.giveUp.signal.aborted) throw new CommandError(this.verdict ?? STOPPED);
  }

  private enter(state: RenderProgress): void {
    this.state = state;
    this.report();
  }

  private report(): void {
    const elapsedMs = Math.round(this.options.monotonicNow() - this.startedAt);
    this.reporter.progress({ ...this.measured, render: { ...this.state, elapsedMs } });
  }

  private result(): RunnerResult {
    this.report();
    const { lastProgress } = this.reporter;
    const isDone = this.state.step === "done";
    const wasStopped = this.isStopping && this.verdict?.code !== LEASE_EXPIRED.code;
    const error = isDone || wasStopped ? undefined : this.verdict;
    return {
      status: error === undefined ? "STOPPED" : "FAILED",
      ...(error === undefined ? {} : { error }),
      ...(lastProgress === undefined ? {} : { progress: lastProgress }),
      endedAt: new Date(this.options.now()).toISOString(),
    };
  }
}

/** A part that lacks a picture would shift all that come behind it. */
function requireFrames({ totalFrames }: Pick<Composed, "totalFrames">, { frame }: Progress): void {
  if (frame === totalFrames) return;
  throw new CommandError({
    code: "FRAMES_MISSING",
    message: `${frame ?? 0} frames were made, and ${totalFrames} were wanted.`,
    detail: { fault: "encoder", retryable: true },
  });
}

const NO_CACHE = { folder: "", maxBytes: 0 };

const STOPPED: ErrorInfo = { code: "STOPPED", message: "The render was stopped." };
const STALLED: ErrorInfo = {
  code: "ENCODER_STALLED",
  message: `The render made no new frame for ${STALL_MS / 60_000} minutes.`,
  detail: { fault: "encoder", retryable: false },
};
const LEASE_EXPIRED: ErrorInfo = {
  code: "LEASE_EXPIRED",
  message: "The render ended by itself: nobody renewed its lease, so that another agent may have it.",
  detail: { fault: "network" },
};

const timedOut = (timeoutMs: number): ErrorInfo => ({
  code: "RENDER_TIMEOUT",
  message: `The render was not done within its timeout of ${timeoutMs} ms.`,
  detail: { fault: "config", retryable: false },
});
