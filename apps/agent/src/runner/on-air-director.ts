import type { StopTimes } from "@stream-control/ffmpeg";
import type { ErrorInfo, OnAir, Progress, Source } from "@stream-control/protocol";
import { AirControl } from "./air-control.js";
import { refused } from "./errors.js";
import { InputSwitch } from "./input-switch.js";
import { KeptSource, type SourceEnd } from "./kept-source.js";
import { isRefusal } from "./reach/refusals.js";
import { RestartGuard } from "./restart-guard.js";
import { SourceAbsence } from "./source-absence.js";
import { type Health, isUsable } from "./source-health.js";
import type { LossReason } from "./source-try.js";
import { lossError } from "./stories.js";
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
  /** A file that was put aside for a pause is being opened again. */
  private resuming = false;
  private readonly input = new InputSwitch();
  private readonly absence: SourceAbsence;
  /** Stays on air until the cut to its successor. */
  private retired: KeptSource | undefined;

  constructor(private readonly options: DirectorOptions) {
    const { tools } = options;
    const { source, sourceLoss, pause } = tools.spec.config;
    this.muted = options.muted;
    this.paused = options.paused;
    this.absence = new SourceAbsence(tools);
    this.guard = new RestartGuard(tools.now);
    this.program = this.keep(source, "program");
    this.backup = sourceLoss.backup === undefined ? undefined : this.keep(sourceLoss.backup, "backup");
    this.air = new AirControl({
      ...{ tools, muted: () => this.muted, program: () => this.program, backup: this.backup },
      facts: () => ({
        ...{ paused: this.paused || this.resuming, pauseTo: pause.to, heldBack: this.heldBack },
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
    this.input.abandon();
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
    if (paused && this.ready && !this.program.isRealtime)
      throw refused("NOT_LIVE", "A recording made at full speed can't be paused.");
    this.paused = paused;
    // A file was put aside where it was.
    // Put aside again before it was there.
    if (this.resuming) this.program.park();
    this.resuming = !paused && this.program.health === "down" && this.program.isFinite;
    if (this.resuming) this.program.start();
    const message = paused ? "The stream was paused." : "The stream goes on.";
    this.options.tools.onEvent(paused ? "stream.paused" : "stream.unpaused", message);
    this.air.reconcile();
  }

  /**
   * Goes over to another source; null is the config's own. The present one is tried at once where it waits for its next
   * try, and may return.
   *
   * @throws CommandError with the source's own error where it gives no picture: the old one stays.
   */
  async switchInput(wanted: Source | null): Promise<void> {
    const source = wanted ?? this.options.tools.spec.config.source;
    if (this.over) throw refused("JOB_ENDING", "The job is ending.");
    if (this.ready && !this.program.isRealtime)
      throw refused("NOT_LIVE", "A recording made at full speed can't switch its input.");
    // The present source needs no second connection: it is taken back as soon as it is good.
    if (JSON.stringify(source) === JSON.stringify(this.program.source)) this.program.start();
    else this.adopt(await this.input.open(this.keep(source, "program")));
    this.heldBack = false;
    const message = "The input was switched.";
    this.options.tools.onEvent("stream.input_switched", message, { type: source.type });
    this.air.reconcile();
  }

  /** Looks at the clock; call it about once a second. */
  tick(): void {
    if (this.over) return;
    const verdict = this.absence.verdict();
    const { spec, switcher } = this.options.tools;
    const lengthMs = (spec.config.durationSeconds ?? Number.POSITIVE_INFINITY) * 1000;
    if (verdict !== undefined) this.fail(verdict);
    // The program ends by itself at the right picture.
    else if (this.air.onAir !== "program" && switcher.lengthMs >= lengthMs) this.finish({ kind: "completed" });
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
    return [this.program, this.backup, this.input.candidate, this.retired].filter((one) => one !== undefined);
  }

  private keep(source: Source, name: string): KeptSource {
    const { tools } = this.options;
    return new KeptSource({
      ...{ tools, source, name, muted: () => this.muted },
      // What is asked for by hand needs no more than a picture; the program has to earn its return.
      trustMs: (kept) => (kept === this.program && this.absence.isOn ? tools.spec.config.sourceLoss.returnAfterMs : 0),
      remainingSeconds: () => this.remainingSeconds(),
      onFacts: (kept) => this.becomeReady(kept),
      onHealth: (kept, before) => this.healthChanged(kept, before),
      onEnd: (kept, end) => this.sourceEnded(kept, end),
    });
  }

  /** Puts a source in the program's place; the cut follows. */
  private adopt(source: KeptSource): void {
    this.retire();
    this.retired = this.program;
    this.program = source;
    this.absence.pause();
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
    if (this.over || kept === this.retired) return;
    if (kept === this.input.candidate) {
      this.input.look();
      return;
    }
    if (kept === this.program) {
      if (isUsable(before) && kept.health === "lost") this.lose(kept.lossReason);
      if (!isUsable(before) && isUsable(kept.health)) {
        this.absence.pause();
        this.resuming = false;
      }
    }
    this.air.reconcile();
  }

  /** The program can't be on air any more although its encode runs. */
  private lose(reason: LossReason): void {
    if (!this.air.begun) return;
    const { action } = this.options.tools.spec.config.sourceLoss;
    if (action === "slate") this.missSource(lossError(reason));
    // What gives no pictures fails when its stall time is over.
    else if (reason !== "no_frames") this.fail(lossError(reason));
  }

  private missSource(error: ErrorInfo): void {
    if (!this.absence.begin(error)) return;
    if (this.options.tools.spec.config.sourceLoss.returnTo === "manual") this.heldBack = true;
    if (this.backup?.health === "down") this.backup.start();
  }

  private sourceEnded(kept: KeptSource, end: SourceEnd): void {
    if (this.over || kept === this.retired) return;
    if (kept === this.input.candidate) this.input.ended(end);
    else if (kept === this.backup) this.backupEnded(kept, end);
    else if (end.kind === "completed") this.finish(end);
    else this.programFailed(kept, end.error, end.hadFrame);
  }

  private programFailed(program: KeptSource, error: ErrorInfo, hadFrame: boolean): void {
    const { action } = this.options.tools.spec.config.sourceLoss;
    this.resuming = false;
    const { begun } = this.air;
    // What may not be opened now may not be opened later.
    if (action === "fail" || isRefusal(error) || (begun && !program.isRealtime)) this.fail(error);
    else if (begun && hadFrame && isOwnFault(error)) this.restartEncoder(program, error);
    // One that never came up is replaced by its backup only.
    else if (begun || this.backup !== undefined) this.tryAgain(program, error);
    else this.fail(error);
  }

  private backupEnded(backup: KeptSource, end: SourceEnd): void {
    // A backup with an end has shown all it has.
    if (end.kind === "completed") return;
    if (isRefusal(end.error)) this.fail(end.error);
    else if (!this.air.begun && this.absence.error !== undefined) this.fail(this.absence.error);
    else if (this.absence.isOn) backup.retryLater();
  }

  private restartEncoder(program: KeptSource, error: ErrorInfo): void {
    if (!this.guard.take()) {
      this.fail(error);
      return;
    }
    const { heldBack } = this;
    this.missSource(error);
    // The source did nothing wrong.
    this.heldBack = heldBack;
    const { message, code, detail } = error;
    const text = `The encoder is started again. ${message}`;
    this.options.tools.onEvent("stream.encoder_restarted", text, { fault: "encoder", ...detail, code });
    program.start();
  }

  private tryAgain(program: KeptSource, error: ErrorInfo): void {
    this.missSource(error);
    this.absence.tryFailed(program.failedTries, error);
    program.retryLater();
  }

  private arrived(onAir: OnAir, from: OnAir | undefined): void {
    if (onAir === "nothing" || from === "nothing") this.options.onIdle(onAir === "nothing");
    if (onAir === "program") {
      this.absence.end();
      this.backup?.park();
    }
    if (this.paused && this.program.isFinite) this.program.park();
    this.retire();
  }

  private finish(end: ProgramEnd): void {
    this.over = true;
    this.input.abandon();
    for (const one of this.everything()) one.dispose();
    this.air.close();
    this.done.resolve(end);
  }
}

/** Whose encoder failed, rather than its source. */
const isOwnFault = ({ detail }: ErrorInfo): boolean => detail?.fault === "encoder" || detail?.fault === "agent";
