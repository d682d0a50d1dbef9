import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises";
import {
  AgentClient,
  type AgentOptions,
  type AssignContext,
  type Assignment,
  accept,
  type Decision,
  decline,
} from "@stream-control/agent-sdk";
import { childEnvironment, type MachineProbe } from "@stream-control/ffmpeg";
import { RENDER_SOURCES_FEATURE, RENDERS_FEATURE } from "@stream-control/protocol";
import { type Logger, toError } from "@stream-control/service-kit";
import { type Limits, prepare } from "./assignments/prepare.js";
import { isRender, prepareRender } from "./assignments/prepare-render.js";
import { fileProblem, isFileProblem } from "./data-dir/file-problem.js";
import { jobReports } from "./job-reports.js";
import { machineResources } from "./machine-resources.js";
import type { RenderStores, RunnerSpec } from "./runner/contract.js";
import { Runners, type RunnersOptions } from "./runners/runners.js";
import { runningJobs } from "./running-jobs.js";
import { sourceProbe } from "./source-probe.js";

export interface EncoderAgentOptions {
  connection: Omit<AgentOptions, "handlers" | "logger">;
  runners: Omit<RunnersOptions, "observe" | "logger">;
  limits: Limits;
  renders: RenderStores;
  /** What jobs may reach. */
  reach: RunnerSpec["reach"];
  ffmpegPath: string;
  ffprobePath: string;
  /** A folder of this agent alone, for what it looks into sources with. */
  probeDir: string;
  /** End all jobs when the agent stops; otherwise they outlive it. */
  stopJobsOnExit: boolean;
  /** Whether what goes out may be watched; it takes the stream's bitrate once more of the uplink then. */
  previews: boolean;
  logger: Logger;
}

/** Longest wait at the start for the runners of an earlier agent, before the agent connects without their status. */
const ADOPTION_WAIT_MS = 1000;
/** Longest wait at the end for jobs that are being started. */
const ASSIGNING_WAIT_MS = 5000;
/** What the orchestrator would say, until it has said it. */
const DEFAULT_GRACE = { stopGraceMs: 10_000, killAfterMs: 5000 };

/** The reference agent: takes assignments, runs each in a runner of its own, and reports what the runners say. */
export class EncoderAgent {
  private readonly client: AgentClient;
  private readonly runners: Runners;
  private readonly logger: Logger;
  private readonly limits: Limits;
  private readonly assigning = new Set<Promise<Decision>>();
  private isStopping = false;
  /** Why no job can run at present. */
  private machineProblem: string | undefined;
  private ffmpegVersion = "";

  constructor(private readonly options: EncoderAgentOptions) {
    this.logger = options.logger;
    this.limits = { ...options.limits };
    this.runners = new Runners({
      ...options.runners,
      observe: (job) => jobReports(job, this.client, this.logger),
      logger: this.logger,
    });
    const { onPreview, ...commands } = runningJobs(this.runners, this.limits);
    this.client = new AgentClient({
      ...options.connection,
      kinds: [RENDERS_FEATURE, RENDER_SOURCES_FEATURE],
      logger: this.logger,
      handlers: {
        ...commands,
        ...(options.previews ? { onPreview } : {}),
        onAssign: (assignment, context) => this.assign(assignment, context),
        onSettled: (job) => this.runners.forget(job),
        onProbe: sourceProbe({
          ...{ limits: this.limits, reach: options.reach, ffprobePath: options.ffprobePath },
          ...{ env: childEnvironment(options.runners.launch.env), folder: options.probeDir },
          sourceBuckets: options.renders.sourceBuckets,
        }),
      },
    });
  }

  /**
   * Takes over the jobs of an earlier agent, then connects.
   *
   * @param machine what the machine can do, where that is being found out; jobs are taken over meanwhile.
   * @throws what `machine` rejects with.
   */
  async start(machine?: Promise<MachineProbe>): Promise<void> {
    const adopted = this.runners
      .adopt((job) => this.client.adopt(job, "STARTING"))
      .catch((thrown: unknown) => {
        this.logger.error({ err: toError(thrown) }, "jobs of an earlier agent could not be taken over");
      });
    if (machine !== undefined) this.useMachine(await machine);
    const patience = new AbortController();
    await Promise.race([adopted, delay(ADOPTION_WAIT_MS, undefined, patience).catch(() => undefined)]);
    patience.abort();
    this.client.start();
  }

  /** What the machine can do from now on. */
  useMachine({ encoders, version, drawsText }: Pick<MachineProbe, "encoders" | "version" | "drawsText">): void {
    this.limits.encoders = encoders;
    this.limits.drawsText = drawsText;
    this.machineProblem = undefined;
    this.ffmpegVersion = version;
    const videoEncoders = encoders.filter(({ works }) => works).map(({ name }) => name);
    this.client.setCapabilities({
      videoEncoders,
      ffmpegVersion: version,
      drawsText,
      resources: machineResources(videoEncoders),
    });
  }

  /** Declines every job with that sentence until `useMachine`; what runs goes on. */
  declineAll(problem: string): void {
    this.machineProblem = problem;
  }

  /** Disconnects. With `stopJobsOnExit` all jobs are ended gracefully before; otherwise they go on. */
  async stop(): Promise<void> {
    this.isStopping = true;
    this.client.setDrain(true);
    await this.assigned();
    if (this.options.stopJobsOnExit) {
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

  /** Waits until what is being started has been answered: a job that runs unacknowledged is nobody's. */
  private async assigned(): Promise<void> {
    const patience = new AbortController();
    const late = delay(ASSIGNING_WAIT_MS, undefined, patience).catch(() => undefined);
    await Promise.race([Promise.allSettled(this.assigning), late]);
    patience.abort();
    await nextTurn();
  }

  private assign(assignment: Assignment, context: AssignContext): Promise<Decision> {
    const decision = this.decide(assignment, context);
    this.assigning.add(decision);
    const done = () => void this.assigning.delete(decision);
    decision.then(done, done);
    return decision;
  }

  private async decide(assignment: Assignment, { signal, lease }: AssignContext): Promise<Decision> {
    const { ffmpegPath, ffprobePath, reach, renders } = this.options;
    const { jobId, epoch = 0 } = assignment;
    if (this.machineProblem !== undefined) return unable("FFMPEG_UNAVAILABLE", this.machineProblem);
    const prepared = isRender(assignment)
      ? await prepareRender(assignment, this.limits, madeBy(renders, this.ffmpegVersion))
      : await prepare(assignment, this.limits);
    if (!prepared.ok) {
      this.logger.warn({ jobId, problem: prepared.error.message }, "declined a job");
      return decline(prepared.error);
    }
    if (this.isStopping || signal.aborted) return unable("AGENT_STOPPING", "This agent stops.");
    if (lease !== undefined && lease.leftMs < 1)
      return unable("LEASE_EXPIRED", "The job's lease ran out before the agent could start it.");
    const { stopGraceMs, killAfterMs } = this.client.timings ?? DEFAULT_GRACE;
    const job = { jobId, epoch, ...prepared.job, reach, ffmpegPath, ffprobePath, stopGraceMs, killAfterMs };
    try {
      await this.runners.launch(job, lease);
    } catch (thrown) {
      this.logger.error({ err: toError(thrown), jobId }, "a runner could not be started");
      return isFileProblem(thrown)
        ? unable("DATA_DIR_NOT_WRITABLE", `The agent's data folder ${fileProblem(thrown)}.`)
        : unable("RUNNER_START_FAILED", "The agent could not start a process for this job; its log has the reason.");
    }
    if (signal.aborted) {
      await this.runners.discard({ jobId, epoch });
      return unable("ASSIGN_TIMEOUT", "The job was started too late.");
    }
    this.logger.info({ jobId, epoch }, "started a job");
    return accept();
  }
}

/** Another ffmpeg makes another file of the same composition. */
const madeBy = ({ renderCache, ...others }: RenderStores, encoder: string): RenderStores => ({
  ...others,
  ...(renderCache === undefined || encoder === "" ? {} : { renderCache: { ...renderCache, encoder } }),
});

const unable = (code: string, message: string): Decision => decline({ code, message, detail: { fault: "agent" } });
