import { setTimeout as delay } from "node:timers/promises";
import type { JobRef } from "@stream-control/agent-sdk";
import { type Logger, toError } from "@stream-control/service-kit";
import type { RunnerSpec } from "../runner/contract.js";
import { listJobFolders, makeJobFolder, readPid, readSpec, removeJobFolder, writeSpec } from "./job-folder.js";
import { type LaunchOptions, launchRunner } from "./launch.js";
import { RUNNER_WAITS, RunnerHandle, type RunnerObserver, type RunnerWaits } from "./runner-handle.js";
import { RunnerProcess } from "./runner-process.js";
import { socketPathFor } from "./socket-path.js";

export interface RunnersOptions {
  /** Folder with one folder per job. */
  runnersDir: string;
  tmpdir: string;
  launch: LaunchOptions;
  waits?: RunnerWaits;
  /** Who is told about a job's runner. */
  observe(job: JobRef): RunnerObserver;
  logger: Logger;
}

interface Entry {
  spec: Pick<RunnerSpec, "jobId" | "epoch" | "socketPath">;
  folder: string;
  handle: RunnerHandle;
  process: RunnerProcess;
}

interface FoundJob {
  folder: string;
  spec: RunnerSpec;
  process: RunnerProcess;
}

/** How long a runner that has given its result may take to leave before it is ended. */
const EXIT_WAIT_MS = 10_000;

/** All runners of this agent, those that an earlier one started included, and their folders. */
export class Runners {
  private readonly entries = new Map<string, Entry>();

  constructor(private readonly options: RunnersOptions) {}

  /** Starts a runner for a job. @throws Error where its folder or its process cannot be made. */
  async launch(spec: Omit<RunnerSpec, "socketPath">): Promise<void> {
    const folder = await makeJobFolder(this.options.runnersDir);
    try {
      const socketPath = await socketPathFor(folder, this.options.tmpdir);
      await writeSpec(folder, { ...spec, socketPath });
      const process = await launchRunner(folder, this.options.launch);
      this.follow(folder, { ...spec, socketPath }, process);
    } catch (thrown) {
      await removeJobFolder(folder);
      throw thrown;
    }
  }

  /**
   * Takes over what earlier agents left: gives each job, then calls its observer from then on. Settles when every runner
   * was reached or is known to have ended. An older assignment of a job is through before the newer one is given.
   */
  async adopt(onJob: (job: JobRef) => void): Promise<void> {
    const found: FoundJob[] = [];
    for (const folder of await listJobFolders(this.options.runnersDir)) {
      const job = await this.inspect(folder);
      if (job !== undefined) found.push(job);
    }
    found.sort((a, b) => a.spec.epoch - b.spec.epoch);
    const byJob = Map.groupBy(found, ({ spec }) => spec.jobId);
    await Promise.all(
      [...byJob.values()].map(async (attempts) => {
        for (const { folder, spec, process } of attempts) {
          onJob({ jobId: spec.jobId, epoch: spec.epoch });
          await this.follow(folder, spec, process).firstContact;
        }
      }),
    );
  }

  /** The handle of a running job. */
  running(jobId: string): RunnerHandle | undefined {
    return this.all().find(({ spec }) => spec.jobId === jobId)?.handle;
  }

  get handles(): RunnerHandle[] {
    return this.all().map(({ handle }) => handle);
  }

  /** Settles when no runner's process is left; one that does not leave after its job's end is ended. */
  async allGone(): Promise<void> {
    await Promise.all(this.all().map(({ handle, process }) => handle.ended.then(() => gone(process))));
  }

  /** Removes what is kept of a job that the orchestrator has settled, once its runner has left. */
  async forget({ jobId, epoch }: JobRef): Promise<void> {
    const settled = this.all().filter(
      ({ spec, handle }) => handle.isOver && spec.jobId === jobId && (epoch === undefined || spec.epoch === epoch),
    );
    for (const { folder, process, spec } of settled) {
      this.entries.delete(folder);
      await gone(process);
      await removeJobFolder(folder, spec.socketPath);
    }
  }

  private all(): Entry[] {
    return [...this.entries.values()].reverse();
  }

  private follow(folder: string, spec: RunnerSpec, process: RunnerProcess): RunnerHandle {
    const { observe, logger, waits = RUNNER_WAITS } = this.options;
    const handle = new RunnerHandle({ folder, spec, process, observer: observe(spec), logger, waits });
    this.entries.set(folder, { spec, folder, handle, process });
    handle.start();
    return handle;
  }

  private async inspect(folder: string): Promise<FoundJob | undefined> {
    const { logger } = this.options;
    const pid = await readPid(folder);
    const process = new RunnerProcess(pid, folder);
    try {
      const spec = await readSpec(folder);
      logger.info({ jobId: spec.jobId, epoch: spec.epoch, pid }, "found a job of an earlier agent");
      return { folder, spec, process };
    } catch (thrown) {
      logger.error({ err: toError(thrown), folder }, "removed a job folder that cannot be read");
      process.killGroup();
      await removeJobFolder(folder).catch((error: unknown) =>
        logger.error({ err: toError(error), folder }, "a job folder could not be removed"),
      );
      return undefined;
    }
  }
}

async function gone(process: RunnerProcess): Promise<void> {
  for (const until = performance.now() + EXIT_WAIT_MS; process.alive && performance.now() < until; ) await delay(20);
  process.killGroup();
}
