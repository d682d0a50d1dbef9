import { setTimeout as delay } from "node:timers/promises";
import {
  AgentClient,
  type AgentOptions,
  type Assignment,
  accept,
  CommandError,
  type Decision,
  decline,
  type JobRef,
} from "@stream-control/agent-sdk";
import { type Logger, toError } from "@stream-control/service-kit";
import { type Limits, prepare } from "./assignments/prepare.js";
import type { RunnerHandle, RunnerObserver } from "./runners/runner-handle.js";
import { Runners, type RunnersOptions } from "./runners/runners.js";

export interface EncoderAgentOptions {
  connection: Omit<AgentOptions, "handlers" | "logger">;
  runners: Omit<RunnersOptions, "observe" | "logger">;
  limits: Limits;
  ffmpegPath: string;
  ffprobePath: string;
  /** End all jobs when the agent stops; otherwise they outlive it. */
  stopJobsOnExit: boolean;
  logger: Logger;
}

/** Longest wait at the start for the runners of an earlier agent, before the agent connects without their status. */
const ADOPTION_WAIT_MS = 3000;
/** Progress goes to the orchestrator about once a second; what comes sooner is left out. */
const PROGRESS_INTERVAL_MS = 900;
/** What the orchestrator would say, until it has said it. */
const DEFAULT_GRACE = { stopGraceMs: 10_000, killAfterMs: 5000 };

/** The reference agent: takes assignments, runs each in a runner of its own, and reports what the runners say. */
export class EncoderAgent {
  private readonly client: AgentClient;
  private readonly runners: Runners;
  private readonly logger: Logger;

  constructor(private readonly options: EncoderAgentOptions) {
    this.logger = options.logger;
    this.runners = new Runners({
      ...options.runners,
      observe: (job) => this.observer(job),
      logger: this.logger,
    });
    this.client = new AgentClient({
      ...options.connection,
      logger: this.logger,
      handlers: {
        onAssign: (assignment) => this.assign(assignment),
        onStop: ({ jobId }, { deadlineMs }) => this.handle(jobId).stop(deadlineMs),
        onKill: ({ jobId }) => this.handle(jobId).kill(),
        onMute: ({ jobId }) => this.handle(jobId).setMuted(true),
        onUnmute: ({ jobId }) => this.handle(jobId).setMuted(false),
        onSettled: (job) => this.runners.forget(job),
      },
    });
  }

  /** Takes over the jobs of an earlier agent, then connects. */
  async start(): Promise<void> {
    const adopted = this.runners
      .adopt((job) => this.client.adopt(job, "STARTING"))
      .catch((thrown: unknown) => {
        this.logger.error({ err: toError(thrown) }, "jobs of an earlier agent could not be taken over");
      });
    const patience = new AbortController();
    await Promise.race([adopted, delay(ADOPTION_WAIT_MS, undefined, patience).catch(() => undefined)]);
    patience.abort();
    this.client.start();
  }

  /** Disconnects. With `stopJobsOnExit` all jobs are ended gracefully before; otherwise they go on. */
  async stop(): Promise<void> {
    if (this.options.stopJobsOnExit) {
      this.client.setDrain(true);
      for (const handle of this.runners.handles) handle.stop();
      await this.runners.allGone();
    }
    for (const handle of this.runners.handles) handle.detach();
    await this.client.stop();
  }

  /** Ends every job within this call, where jobs are not to outlive the agent: the last act of a process. */
  killJobs(): void {
    if (this.options.stopJobsOnExit) for (const handle of this.runners.handles) handle.killNow();
  }

  private async assign(assignment: Assignment): Promise<Decision> {
    const { limits, ffmpegPath, ffprobePath } = this.options;
    const { jobId, epoch = 0 } = assignment;
    const prepared = await prepare(assignment, limits);
    if (!prepared.ok) {
      this.logger.warn({ jobId, problem: prepared.error.message }, "declined a job");
      return decline(prepared.error);
    }
    const { stopGraceMs, killAfterMs } = this.client.timings ?? DEFAULT_GRACE;
    try {
      const rest = { paused: false, ffmpegPath, ffprobePath, stopGraceMs, killAfterMs };
      await this.runners.launch({ jobId, epoch, ...prepared.job, ...rest });
    } catch (thrown) {
      this.logger.error({ err: toError(thrown), jobId }, "a runner could not be started");
      const message = "The agent could not start a process for this job; its log has the reason.";
      return decline({ code: "RUNNER_START_FAILED", message, detail: { fault: "agent" } });
    }
    this.logger.info({ jobId, epoch }, "started a job");
    return accept();
  }

  private handle(jobId: string): RunnerHandle {
    const handle = this.runners.running(jobId);
    if (handle === undefined)
      throw new CommandError({ code: "JOB_NOT_FOUND", message: "This job is not running on this agent." });
    return handle;
  }

  private observer({ jobId, epoch }: JobRef): RunnerObserver {
    let status: Parameters<RunnerObserver["onStatus"]>[0] = "STARTING";
    let progressAt = Number.NEGATIVE_INFINITY;
    return {
      onStatus: (now, progress) => {
        status = now;
        this.client.update(jobId, now, progress === undefined ? {} : { progress });
      },
      onProgress: (progress) => {
        if (performance.now() - progressAt < PROGRESS_INTERVAL_MS) return;
        progressAt = performance.now();
        this.client.update(jobId, status, { progress });
      },
      onLog: (level, message) => this.client.log(jobId, level, message),
      onEnded: (result) => {
        const { error, progress } = result;
        this.logger.info({ jobId, epoch, status: result.status, code: error?.code }, "a job ended");
        this.client.stopped(jobId, result.status, {
          ...(error === undefined ? {} : { error }),
          ...(progress === undefined ? {} : { progress }),
        });
      },
    };
  }
}
