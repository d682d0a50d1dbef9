import type { StopTimes } from "@stream-control/ffmpeg";
import type { ErrorInfo, OnAir, Progress, Source } from "@stream-control/protocol";
import { AirControl } from "./air-control.js";
import { CommandError, refused } from "./errors.js";
import { KeptSource, type SourceEnd } from "./kept-source.js";
import { RestartGuard } from "./restart-guard.js";
import { type Health, isUsable } from "./source-health.js";
import { lossError, lossSentence } from "./stories.js";
import type { Toolbox } from "./toolbox.js";

/** How the pictures of a job came to their end: as they should, as asked, or with an error. */
export type ProgramEnd = { kind: "completed" } | { kind: "stopped" } | { kind: "failed"; error: ErrorInfo };

/** What the director works with. */
export interface DirectorOptions {
  tools: Toolbox;
  muted: boolean;
  paused: boolean;
  /** A source was looked into: what follows can be set up. Called once. */
  onReady: (realtime: boolean) => void;
  /** The first picture goes out. Called once. */
  onBegin: () => void;
  /** Nothing goes out on purpose, or something does again. */
  onIdle: (idle: boolean) => void;
}

/**
 * Keeps the sources of a job: decides what becomes of one that is lost, comes back, fails or is exchanged. From how they
 * fare follows what is on air, which {@link AirControl} brings about.
 */
export class OnAirDirector {
  private program: KeptSource;
  private readonly backup: KeptSource | undefined;
  private readonly air: AirControl;
  private readonly guard: RestartGuard;
  private readonly done = Promise.withResolvers<ProgramEnd>();
  private muted: boolean;
  private paused: boolean;
  private heldBack = false;
  private ready = false;
  private over = false;
  private candidate: KeptSource | undefined;
  private retired: KeptSource | undefined;
  private lostAt: number | undefined;
  private lastError: ErrorInfo | undefined;
  private giveUpTimer: NodeJS.Timeout | undefined;

  constructor(private readonly options: DirectorOptions) {
    const { tools } = options;
    const { source, sourceLoss, pause } = tools.spec.config;
    this.muted = options.muted;
    this.paused = options.paused;
    this.guard = new RestartGuard(tools.now);
    this.program = this.keep(source, "program");
    this.backup = sourceLoss.backup === undefined ? undefined : this.keep(sourceLoss.backup, "backup");
    this.air = new AirControl({
      ...{ tools, muted: () => this.muted, program: () => this.program, backup: this.backup },
      facts: () => ({
        ...{ paused: this.paused, pauseTo: pause.to, heldBack: this.heldBack },
        ...{ program: this.program.health, backup: this.backup?.health },
      }),
      onBegin: options.onBegin,
      onArrive: (onAir, from) => this.arrived(onAir, from),
    });
  }

  /** What the destinations are getting. */
  get onAir(): OnAir | undefined {
    return this.air.onAir;
  }
  get isPaused(): boolean {
    return this.paused;
  }
  /** Of the encode on air. */
  get progress(): Progress {
    return this.air.progress;
  }
  get pids(): number[] {
    const all = [...this.everything(), ...this.air.slates];
    return all.flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }
  /** The program on air; undefined while something else is, or nothing. */
  get programOnAir(): { pid: number | undefined; outTimeMs: number | undefined } | undefined {
    if (this.onAir !== "program" || !this.program.isRealtime) return undefined;
    return { pid: this.program.pid, outTimeMs: this.program.progress.outTimeMs };
  }

  /** Runs to the end of the pictures. Never rejects. */
  run(): Promise<ProgramEnd> {
    this.program.start();
    this.air.reconcile();
    return this.done.promise;
  }

  /** Lets what is on air come to its end. */
  async stop(times: StopTimes): Promise<void> {
    const first = !this.over;
    this.over = true;
    clearTimeout(this.giveUpTimer);
    const encode = this.air.onAir === undefined ? this.program : this.air.encode;
    const onAir = encode instanceof KeptSource ? encode : undefined;
    if (first) for (const one of this.everything()) if (one !== onAir) one.dispose();
    this.air.close();
    await onAir?.stop(times);
    this.done.resolve({ kind: "stopped" });
  }

  /** Ends everything at once. */
  kill(): void {
    this.finish({ kind: "stopped" });
  }

  /** @throws FilterCommandError when what is on air does not take it; what is not on air is told until it does. */
  async setMuted(muted: boolean): Promise<void> {
    const before = this.muted;
    this.muted = muted;
    const onAir = this.air.encode;
    const others = [...this.everything(), ...this.air.slates].filter((one) => one !== onAir);
    for (const other of others) void other.setMuted(muted).catch(() => {});
    try {
      await onAir?.setMuted(muted);
    } catch (thrown) {
      this.muted = before;
      for (const one of [...others, onAir]) void one?.setMuted(before).catch(() => {});
      throw thrown;
    }
  }

  /** @throws CommandError where the job can't be paused. */
  setPaused(paused: boolean): void {
    if (this.over) throw refused("JOB_ENDING", "The job is ending.");
    if (paused === this.paused) return;
    if (this.ready && !this.program.isRealtime)
      throw refused("NOT_LIVE", "A recording made at full speed can't be paused.");
    this.paused = paused;
    // A file was put aside where it was.
    if (!paused && this.program.health === "down" && this.program.isFinite) this.program.start();
    const message = paused ? "The stream was paused." : "The stream goes on.";
    this.options.tools.onEvent(paused ? "stream.paused" : "stream.unpaused", message);
    this.air.reconcile();
  }

  /**
   * Goes over to another source; null is the config's own.
   *
   * @throws CommandError with the source's own error where it gives no picture: the old one stays.
   */
  async switchInput(wanted: Source | null): Promise<void> {
    const source = wanted ?? this.options.tools.spec.config.source;
    if (this.over) throw refused("JOB_ENDING", "The job is ending.");
    if (this.candidate !== undefined) throw refused("SWITCH_PENDING", "Another switch of the input is not done yet.");
    if (this.ready && !this.program.isRealtime)
      throw refused("NOT_LIVE", "A recording made at full speed can't switch its input.");
    this.options.tools.onEvent("stream.input_switching", "Another input is being opened.", { type: source.type });
    if (JSON.stringify(source) === JSON.stringify(this.program.source) && isUsable(this.program.health)) {
      this.heldBack = false;
    } else await this.adopt(source);
    const message = "The input was switched.";
    this.options.tools.onEvent("stream.input_switched", message, { type: source.type });
    this.air.reconcile();
  }

  /** Looks at the clock; call it about once a second. */
  tick(): void {
    const { spec, switcher } = this.options.tools;
    const { durationSeconds } = spec.config;
    // The program ends by itself at the right picture.
    if (durationSeconds === undefined || this.over || this.air.onAir === "program") return;
    if (switcher.lengthMs >= durationSeconds * 1000) this.finish({ kind: "completed" });
  }

  /** Starts the program's encode again, if that was not done a short time ago; otherwise the job ends with the error. */
  restartProgram(error: ErrorInfo): void {
    this.program.overrule(error);
  }

  /** Ends the job with an error. */
  fail(error: ErrorInfo): void {
    if (!this.over) this.finish({ kind: "failed", error });
  }

  private everything(): KeptSource[] {
    return [this.program, this.backup, this.candidate, this.retired].filter((one) => one !== undefined);
  }

  private keep(
    source: Source,
    name: string,
    handlers: { onUsable?: () => void; onFail?: (error: ErrorInfo) => void } = {},
  ) {
    const { tools } = this.options;
    const kept: KeptSource = new KeptSource({
      ...{ tools, source, name, muted: () => this.muted },
      trustMs: () => this.trustMs(kept),
      remainingSeconds: () => this.remainingSeconds(),
      onFacts: () => this.becomeReady(kept),
      onHealth: (_, before) => {
        if (kept === this.candidate && isUsable(kept.health)) handlers.onUsable?.();
        this.healthChanged(kept, before);
      },
      onEnd: (_, end) => {
        if (kept === this.candidate) handlers.onFail?.(candidateError(end));
        else this.sourceEnded(kept, end);
      },
    });
    return kept;
  }

  /** What is on air, or asked for by hand, needs no more than a picture; the program has to earn its return. */
  private trustMs(kept: KeptSource): number {
    return kept === this.program && this.lostAt !== undefined
      ? this.options.tools.spec.config.sourceLoss.returnAfterMs
      : 0;
  }

  private async adopt(source: Source): Promise<void> {
    const usable = Promise.withResolvers<void>();
    const candidate = this.keep(source, "program", {
      onUsable: () => usable.resolve(),
      onFail: (error) => usable.reject(new CommandError(error)),
    });
    this.candidate = candidate;
    candidate.start();
    try {
      await usable.promise;
    } catch (thrown) {
      candidate.dispose();
      throw thrown;
    } finally {
      this.candidate = undefined;
    }
    this.retired?.dispose();
    this.retired = this.program;
    this.program = candidate;
    this.heldBack = false;
    this.found();
    // Off air there is no cut to wait for.
    if (this.air.onAir !== "program") this.retire();
  }

  private retire(): void {
    this.retired?.dispose();
    this.retired = undefined;
  }

  private becomeReady(kept: KeptSource): void {
    if (this.ready) return;
    this.ready = true;
    this.options.onReady(kept.isRealtime);
  }

  private remainingSeconds(): number | undefined {
    const { spec, switcher } = this.options.tools;
    const { durationSeconds } = spec.config;
    return durationSeconds === undefined ? undefined : Math.max(0.1, durationSeconds - switcher.lengthMs / 1000);
  }

  private healthChanged(kept: KeptSource, before: Health): void {
    if (this.over || kept === this.candidate || kept === this.retired) return;
    if (kept === this.program) {
      if (isUsable(before) && kept.health === "lost") this.lose(lossSentence(kept.lossReason), kept.lossReason);
      if (!isUsable(before) && isUsable(kept.health)) this.found();
    }
    if (!this.over) this.air.reconcile();
  }

  /** The program can't be on air any more although its encode runs. */
  private lose(sentence: string, reason: string): void {
    if (!this.air.begun) return;
    const { sourceLoss } = this.options.tools.spec.config;
    if (sourceLoss.action === "fail" && reason !== "no_frames") {
      this.fail(lossError(sentence, reason));
      return;
    }
    if (sourceLoss.action === "slate") this.missSource(lossError(sentence, reason));
  }

  /** Tells of the loss, once, and begins to count the time. */
  private missSource(error: ErrorInfo): void {
    this.lastError = error;
    if (this.lostAt !== undefined) return;
    const { tools } = this.options;
    const { sourceLoss } = tools.spec.config;
    this.lostAt = tools.now();
    if (sourceLoss.returnTo === "manual") this.heldBack = true;
    if (this.backup?.health === "down") this.backup.start();
    const { message, code, detail } = error;
    tools.onEvent("stream.source_lost", message, { code, fault: detail?.fault ?? "source", ...detail });
    if (sourceLoss.giveUpAfterMs !== undefined)
      this.giveUpTimer = setTimeout(() => this.fail(this.lastError ?? error), sourceLoss.giveUpAfterMs);
  }

  private found(): void {
    clearTimeout(this.giveUpTimer);
  }

  private sourceEnded(kept: KeptSource, end: SourceEnd): void {
    if (this.over || kept === this.retired) return;
    if (kept === this.backup) {
      this.backupEnded(kept, end);
      return;
    }
    if (end.kind === "completed") {
      this.finish(end);
      return;
    }
    const { action } = this.options.tools.spec.config.sourceLoss;
    const { error, hadFrame } = end;
    if (!this.air.begun && this.backup !== undefined && action === "slate") this.fallBackAtStart(kept, error);
    else if (!this.air.begun || action === "fail" || !kept.isRealtime) this.fail(error);
    else if (hadFrame && isOwnFault(error)) this.restartEncoder(kept, error);
    else this.tryAgain(kept, error);
  }

  private backupEnded(backup: KeptSource, end: SourceEnd): void {
    // A backup with an end has shown all it has.
    if (end.kind === "completed") return;
    if (!this.air.begun && this.lastError !== undefined) this.fail(this.lastError);
    else if (this.lostAt !== undefined) backup.retryLater();
  }

  /** The program never came up: the job lives if its backup does. */
  private fallBackAtStart(program: KeptSource, error: ErrorInfo): void {
    this.missSource(error);
    program.retryLater();
  }

  private restartEncoder(program: KeptSource, error: ErrorInfo): void {
    if (!this.guard.take()) {
      this.fail(error);
      return;
    }
    this.missSource(error);
    const { message, code, detail } = error;
    const text = `The encoder is started again. ${message}`;
    this.options.tools.onEvent("stream.encoder_restarted", text, {
      code,
      fault: detail?.fault ?? "encoder",
      ...detail,
    });
    program.start();
  }

  private tryAgain(program: KeptSource, error: ErrorInfo): void {
    this.missSource(error);
    program.retryLater();
    const tries = program.failedTries;
    // Sources may be away for days: each power of two is told.
    if (tries < 2 || (tries & (tries - 1)) !== 0) return;
    const text = `The source did not come back in ${tries - 1} tries. ${error.message}`;
    const fault = error.detail?.fault ?? "source";
    this.options.tools.onEvent("stream.source_retry_failed", text, { tries: tries - 1, code: error.code, fault });
  }

  private arrived(onAir: OnAir, from: OnAir | undefined): void {
    if (onAir === "nothing" || from === "nothing") this.options.onIdle(onAir === "nothing");
    if (onAir === "program") this.returned();
    if (this.paused && this.program.isFinite) this.program.park();
    this.retire();
  }

  /** The program is on air, for the first time or again. */
  private returned(): void {
    if (this.lostAt === undefined) return;
    const { tools } = this.options;
    const awayMs = Math.round(tools.now() - this.lostAt);
    this.lostAt = undefined;
    this.lastError = undefined;
    this.backup?.park();
    const message = `The source is back after ${(awayMs / 1000).toFixed(1)} s.`;
    tools.onEvent("stream.source_back", message, { awayMs });
  }

  private finish(end: ProgramEnd): void {
    this.over = true;
    clearTimeout(this.giveUpTimer);
    for (const one of this.everything()) one.dispose();
    this.air.close();
    this.done.resolve(end);
  }
}

/** Whose encoder failed, rather than its source. */
const isOwnFault = ({ detail }: ErrorInfo): boolean => detail?.fault === "encoder" || detail?.fault === "agent";

function candidateError(end: SourceEnd): ErrorInfo {
  if (end.kind === "failed") return end.error;
  return { code: "SOURCE_UNREACHABLE", message: "The new source ended at once.", detail: { fault: "source" } };
}
