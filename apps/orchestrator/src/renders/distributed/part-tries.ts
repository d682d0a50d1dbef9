import type { Progress } from "@stream-control/protocol";
import type { JobRow } from "../../store/tables.js";
import type { PartView, TryView } from "./pace.js";
import type { PlannedPart } from "./plan.js";

/** A job that makes a part. */
export interface Try {
  readonly number: number;
  readonly giveUp: AbortController;
  job: JobRow | undefined;
  frame: number;
  /** Frames a second. */
  fps: number;
  startedAtMs: number | undefined;
  movedAtMs: number | undefined;
  hasEnded: boolean;
}

/** What a part came to. */
export interface Winner {
  jobId: string;
  file: string;
  frames: number;
}

/** A part and all tries of it. */
export class PartTries {
  readonly tries: Try[] = [];
  winner: Winner | undefined;
  private tookMs: number | undefined;

  constructor(readonly part: PlannedPart) {}

  get live(): Try[] {
    return this.tries.filter(({ hasEnded }) => !hasEnded);
  }

  /** Agents that have or had it. */
  get agents(): string[] {
    return [...new Set(this.tries.flatMap(({ job }) => job?.agent_id ?? []))];
  }

  get frames(): number {
    const { task } = this.part;
    return task.type === "frames" ? task.frames : task.totalFrames;
  }

  /** Frames that are there: those of the try that is furthest. */
  get frame(): number {
    return this.winner === undefined ? Math.max(0, ...this.live.map(({ frame }) => frame)) : this.frames;
  }

  begin(): Try {
    const fresh = { job: undefined, frame: 0, fps: 0, startedAtMs: undefined, movedAtMs: undefined, hasEnded: false };
    const one: Try = { number: this.tries.length, giveUp: new AbortController(), ...fresh };
    this.tries.push(one);
    return one;
  }

  /** A try's job has changed, or has measured something. */
  saw(one: Try, job: JobRow, progress: Progress | null, nowMs: number): void {
    const isAnew = one.job !== undefined && one.job.epoch !== job.epoch;
    one.job = job;
    if (isAnew) Object.assign(one, { frame: 0, fps: 0, startedAtMs: undefined, movedAtMs: undefined });
    if (job.running_since === null) return;
    one.startedAtMs ??= Date.parse(job.running_since);
    if (progress?.render?.step !== "rendering") {
      // What is fetched or put away has no frames; it is not called stalled for it.
      one.movedAtMs = undefined;
      return;
    }
    const frame = progress.frame ?? 0;
    if (frame !== one.frame || one.movedAtMs === undefined) one.movedAtMs = nowMs;
    one.frame = frame;
    one.fps = progress.fps ?? 0;
  }

  won(one: Try, winner: Winner, nowMs: number): void {
    this.winner = winner;
    this.tookMs = nowMs - (one.startedAtMs ?? nowMs);
  }

  view(): PartView {
    const live = this.live.map(
      ({ startedAtMs, movedAtMs, frame }): TryView => ({ startedAtMs, movedAtMs, done: frame / this.frames }),
    );
    const { share, deadlineMs } = this.part;
    return { share, deadlineMs, tries: this.tries.length, live, tookMs: this.tookMs };
  }
}
