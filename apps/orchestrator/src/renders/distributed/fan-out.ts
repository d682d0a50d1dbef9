import { type ErrorInfo, isFinalStatus, type Progress, type RenderRequest } from "@stream-control/protocol";
import type { Logger } from "@stream-control/service-kit";
import { fromJson } from "../../jobs/job-record.js";
import type { RestartLimits } from "../../jobs/restart-policy.js";
import type { JobRow } from "../../store/tables.js";
import { StepAborted, type StepContext, StepError } from "../../workflows/kind.js";
import type { StepJobs } from "../../workflows/step-jobs.js";
import { placeOf } from "../files/place.js";
import { causeOf, isRetryable } from "../status.js";
import type { Renderers } from "./fleet.js";
import { MOST_TRIES, secondTries } from "./pace.js";
import { PartTries, type Try, type Winner } from "./part-tries.js";
import type { PartsBoard } from "./parts-board.js";
import type { Plan, PlannedPart } from "./plan.js";

export interface FanOutDeps {
  jobs: StepJobs;
  renderers: Renderers;
  board: PartsBoard;
  logger: Logger;
  now: () => Date;
}

const LOOK_MS = 1000;
/** A part that fails is begun anew by us, elsewhere; an agent that goes away costs only the lease. */
const RESTART: RestartLimits = { maxRestarts: 2, baseMs: 1000, maxMs: 10_000 };

/** The name of a try's job among those of its step. */
export const partKey = ({ name }: PlannedPart, number: number): string => `${name}.${number}`;

/**
 * Has the parts of a render made by several agents. A part that is much slower than its siblings, or does not move, is begun a
 * second time where an agent has nothing to do; the first that is done counts, and the other one is stopped. Which try won is
 * told by the jobs themselves until the step's end is on disk, so that a restart of the service changes nothing.
 */
export class FanOut {
  private readonly parts: PartTries[];
  private readonly done = Promise.withResolvers<void>();
  private readonly running = new Set<Promise<void>>();
  private timer: NodeJS.Timeout | undefined;
  private over = false;

  constructor(
    private readonly context: StepContext,
    private readonly request: RenderRequest & { id: string },
    private readonly plan: Plan,
    private readonly deps: FanOutDeps,
  ) {
    this.parts = plan.parts.map((part) => new PartTries(part));
    this.done.promise.catch(() => {});
  }

  /**
   * @returns what each part came to, in the order of the plan.
   * @throws StepError for a part that can't be made; StepAborted.
   */
  async run(): Promise<Winner[]> {
    const { signal } = this.context;
    const ended = () => this.done.reject(signal.reason);
    signal.addEventListener("abort", ended, { once: true });
    try {
      signal.throwIfAborted();
      for (const part of this.parts) await this.takeUp(part);
      this.timer = setInterval(() => this.look(), LOOK_MS);
      await this.done.promise;
    } finally {
      this.over = true;
      clearInterval(this.timer);
      signal.removeEventListener("abort", ended);
      this.deps.board.forget(this.context.run.id);
      // Those that lost are stopped by the way; where the step itself is ended, its jobs have to be at their end.
      this.stopAll();
      if (signal.aborted) await Promise.allSettled(this.running);
    }
    return this.parts.flatMap(({ winner }) => winner ?? []);
  }

  /** Begins a part, or finds the tries that there are since before a restart. */
  private async takeUp(part: PartTries): Promise<void> {
    let number = 0;
    do {
      this.begin(part, []);
      number += 1;
    } while ((await this.deps.jobs.find(this.context, partKey(part.part, number))) !== undefined);
  }

  private begin(part: PartTries, avoidAgents: readonly string[]): void {
    const one = part.begin();
    const { context, deps, request } = this;
    const { task, deadlineMs } = part.part;
    const signal = AbortSignal.any([context.signal, one.giveUp.signal]);
    const timeout = Math.min(request.timeout ?? deadlineMs, deadlineMs);
    const work = deps.jobs
      .run(
        { key: context.key, run: context.run, signal },
        {
          config: {
            ...this.configOf(task),
            request: { ...request, timeout },
            ...(avoidAgents.length > 0 ? { avoidAgents } : {}),
          },
          title: `Render ${request.id}, ${part.part.name}`,
          part: partKey(part.part, one.number),
          priority: request.priority,
          placement: request.placement,
          restart: RESTART,
          onChange: (job, progress) => this.saw(part, one, job, progress),
        },
      )
      .then(
        (job) => this.ended(part, one, job),
        (thrown: unknown) => this.done.reject(thrown),
      );
    this.running.add(work);
    void work.finally(() => this.running.delete(work));
  }

  private configOf(task: PlannedPart["task"]) {
    return { kind: "render", request: this.request, task };
  }

  private saw(part: PartTries, one: Try, job: JobRow, progress: Progress | null): void {
    part.saw(one, job, progress, this.deps.now().getTime());
    if (this.over) return;
    if (job.status === "RUNNING") this.context.enter("process");
    this.tell();
  }

  /** A try's job has come to its end, however. */
  private ended(part: PartTries, one: Try, job: JobRow): void {
    one.job = job;
    one.hasEnded = true;
    if (this.over || part.winner !== undefined) return;
    const progress = fromJson<Progress>(job.progress);
    const place = placeOf(progress, [job.id]);
    if (job.status !== "FAILED" && progress?.render?.step === "done" && place !== undefined) {
      part.won(one, { jobId: job.id, file: place.key, frames: part.frames }, this.deps.now().getTime());
      for (const { giveUp } of part.live) giveUp.abort(new StepAborted("stop"));
      this.tell();
      if (this.parts.every(({ winner }) => winner !== undefined)) this.done.resolve();
      return;
    }
    if (this.context.signal.aborted) return;
    const error = job.status === "FAILED" ? fromJson<ErrorInfo>(job.error) : null;
    if (error === null) this.done.reject(new PartStopped());
    else this.failed(part, causeOf(error));
  }

  private failed(part: PartTries, { code, message, detail }: ErrorInfo): void {
    const info = { code, message, ...(detail === undefined ? {} : { detail }) };
    // A part has a deadline of its own: what the agent calls too late may be done in time by another one.
    const canHelp = code === "RENDER_TIMEOUT" || isRetryable({ code, message, detail });
    if (!canHelp || part.tries.length >= MOST_TRIES) {
      if (part.live.length === 0 || !canHelp) this.done.reject(new StepError(info, false));
    } else if (part.live.length === 0) this.beginElsewhere(part, "failed");
  }

  private beginElsewhere(part: PartTries, reason: string): void {
    const { run } = this.context;
    const config = this.configOf(part.part.task);
    const others = { ...config, avoidAgents: part.agents };
    const { renderers, logger } = this.deps;
    // Where there is nobody else, the same agent is better than none.
    const avoid = renderers.able(others, run.room).length > 0 ? part.agents : [];
    logger.info({ workflowId: run.id, part: part.part.name, reason }, "a part of a render is begun once more");
    this.begin(part, avoid);
  }

  private look(): void {
    const { run } = this.context;
    const views = this.parts.map((part) => part.view());
    for (const { part: index, reason, ifIdle } of secondTries(views, this.deps.now().getTime())) {
      const part = this.parts[index];
      if (part === undefined) continue;
      const config = { ...this.configOf(part.part.task), avoidAgents: part.agents };
      const isWaited = this.parts.some(
        ({ live, winner }) => winner === undefined && live.some(({ job }) => job?.status === "PENDING"),
      );
      // An agent without work is for what has not been begun yet before it is for what has.
      if (ifIdle && (isWaited || this.deps.renderers.idle(config, run.room).length === 0)) continue;
      this.beginElsewhere(part, reason);
      // The next look sees who is idle then.
      if (ifIdle) return;
    }
  }

  /** Of the pictures; a sound has no frames of its own. */
  private tell(): void {
    const pictures = this.parts.filter(({ part }) => part.task.type === "frames");
    const frame = pictures.reduce((sum, part) => sum + part.frame, 0);
    const fps = pictures.reduce(
      (sum, { winner, live }) => sum + (winner === undefined ? Math.max(0, ...live.map((one) => one.fps)) : 0),
      0,
    );
    const { totalFrames } = this.plan;
    this.deps.board.set(this.context.run.id, { frame, fps, render: { step: "rendering", totalFrames } });
  }

  private stopAll(): void {
    for (const { live } of this.parts)
      for (const { giveUp, job } of live)
        if (job === undefined || !isFinalStatus(job.status))
          giveUp.abort(this.context.signal.reason ?? new StepAborted("stop"));
  }
}

/** Somebody has stopped a part's job: they want no render. */
export class PartStopped extends Error {
  override readonly name = "PartStopped";
}
