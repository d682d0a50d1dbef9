import { isFinalStatus, type JsonObject, type Progress } from "@stream-control/protocol";
import { asSystem } from "@stream-control/service-kit/http";
import type { JobControl } from "../jobs/control.js";
import type { JobReader } from "../jobs/job-reader.js";
import type { Ledger } from "../jobs/ledger.js";
import type { RestartLimits } from "../jobs/restart-policy.js";
import { type SubmissionDeps, toNewJob } from "../jobs/submission.js";
import type { JobRow } from "../store/tables.js";
import { StepAborted, type StepContext } from "./kind.js";

/** A job that carries out a step, or a part of one. */
export interface StepJob {
  config: JsonObject;
  /** What pages call it. */
  title: string;
  /** Which of the step's jobs it is, where it has several. */
  part?: string;
  priority?: JobRow["priority"];
  placement?: JobRow["placement"] | undefined;
  metadata?: JsonObject | undefined;
  /** How it is tried again by itself; as configured for all jobs unless given. */
  restart?: RestartLimits;
  /** Told of the job whenever its row or what it measures changes, first as it is found. */
  onChange?: (job: JobRow, progress: Progress | null) => void;
}

export interface StepJobsDeps {
  ledger: Ledger;
  reader: JobReader;
  control: JobControl;
  submission: SubmissionDeps;
  /** What a running job measured last. */
  progressOf: (jobId: string) => Progress | null;
  /** Whoever asked for a run. */
  requesterOf: (runId: string) => Promise<string | null>;
}

interface Watch {
  changed: (job: JobRow) => void;
  measured: (progress: Progress) => void;
}

/**
 * Jobs on agents that carry out steps of workflows. Each is submitted under the key of its step, so that it is found again, and
 * not made twice, whenever the step is taken up anew.
 */
export class StepJobs {
  private readonly watches = new Map<string, Set<Watch>>();

  constructor(private readonly deps: StepJobsDeps) {
    deps.ledger.onCommit(({ job }) => {
      for (const watch of this.watches.get(job.id) ?? []) asSystem(() => watch.changed(job));
    });
  }

  /** A running job has measured something. */
  progressed(jobId: string, progress: Progress): void {
    for (const watch of this.watches.get(jobId) ?? []) asSystem(() => watch.measured(progress));
  }

  /** The key of a step's job. */
  keyOf({ key }: Pick<StepContext, "key">, part?: string): string {
    return part === undefined ? key : `${key}:${part}`;
  }

  /**
   * Submits the job, or finds the one that there is, and waits for its end. When the step is to end, the job is stopped, and its
   * end waited for all the same; when the service ends, it is left as it is.
   *
   * @returns the job at its end, however it ended.
   * @throws StepAborted where the step was ended before there was a job, and at a shutdown.
   */
  async run(context: Pick<StepContext, "key" | "signal" | "run">, asked: StepJob): Promise<JobRow> {
    const { signal } = context;
    const job = await this.submitted(context, asked);
    const ended = Promise.withResolvers<JobRow>();
    let last = job;
    const watch: Watch = {
      changed: (row) => {
        last = row;
        asked.onChange?.(row, this.deps.progressOf(row.id));
        if (isFinalStatus(row.status)) ended.resolve(row);
      },
      measured: (progress) => asked.onChange?.(last, progress),
    };
    const giveUp = () => {
      if (isShutdown(signal)) ended.reject(signal.reason);
      else this.deps.control.stop(job.id, STEP_ENDED).catch((thrown: unknown) => ended.reject(thrown));
    };
    const those = this.watches.get(job.id) ?? new Set();
    this.watches.set(job.id, those.add(watch));
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      // Read again: it may have ended before it was watched.
      const now = (await this.deps.reader.byId(job.id)) ?? job;
      watch.changed(now);
      if (signal.aborted && !isFinalStatus(now.status)) giveUp();
      return await ended.promise;
    } finally {
      signal.removeEventListener("abort", giveUp);
      those.delete(watch);
      if (those.size === 0) this.watches.delete(job.id);
    }
  }

  /** The job of a step, where there is one yet. */
  find(context: Pick<StepContext, "key">, part?: string): Promise<JobRow | undefined> {
    return this.deps.reader.byIdempotencyKey(this.keyOf(context, part));
  }

  private async submitted(
    context: Pick<StepContext, "key" | "signal" | "run">,
    { config, title, part, priority = "normal", placement, metadata, restart }: StepJob,
  ): Promise<JobRow> {
    const { run, signal } = context;
    if (signal.aborted) {
      const there = await this.find(context, part);
      if (there === undefined || isShutdown(signal)) throw signal.reason;
      return there;
    }
    const body = {
      ...{ inlineConfig: config, idempotencyKey: this.keyOf(context, part), restartPolicy: "onFailure" as const },
      ...{ priority, placement, streamMetadata: { title, description: "" } },
      ...(metadata === undefined ? {} : { metadata }),
    };
    const name = await this.deps.requesterOf(run.id);
    const row = await toNewJob(body, { name, room: run.room, isService: true }, this.deps.submission);
    const limits = restart === undefined ? null : JSON.stringify(restart);
    return (await this.deps.ledger.submit({ ...row, restart_limits: limits })).job;
  }
}

const isShutdown = ({ reason }: AbortSignal): boolean => reason instanceof StepAborted && reason.reason === "shutdown";

const STEP_ENDED = { code: "WORKFLOW_STEP_ENDED", message: "The workflow has ended the step.", fault: null } as const;
