import { setTimeout as delay } from "node:timers/promises";
import type { JobRef, Lease } from "@stream-control/agent-sdk";
import { type Logger, toError } from "@stream-control/service-kit";
import type { AnySpec, RenderSpec, RunnerSpec } from "../runner/contract.js";
import { currentBootId } from "./boot-id.js";
import {
  listJobFolders,
  makeJobFolder,
  readBootId,
  readPid,
  readSpec,
  removeJobFolder,
  writeBootId,
  writeSpec,
} from "./job-folder.js";
import { type LaunchOptions, launchRunner } from "./launch.js";
import { untilUptimeMs } from "./runner-channel.js";
import { RunnerHandle } from "./runner-handle.js";
import { RUNNER_WAITS, type RunnerObserver, type RunnerWaits } from "./runner-observer.js";
import { RunnerProcess } from "./runner-process.js";
import { socketPathFor } from "./socket-path.js";

export interface RunnersOptions {
  /** Folder with one folder per job. */
  runnersDir: string;
  tmpdir: string;
  launch: LaunchOptions;
  waits?: RunnerWaits;
  /** What tells the present start of the machine from earlier ones; asked of the system unless given. */
  bootId?: () => Promise<string | undefined>;
  /** Who is told about a job's runner. */
  observe(job: JobRef): RunnerObserver;
  logger: Logger;
}

interface Entry {
  spec: Pick<AnySpec, "jobId" | "epoch" | "socketPath">;
  folder: string;
  handle: RunnerHandle;
  process: RunnerProcess;
}

interface FoundJob {
  folder: string;
  spec: AnySpec;
  process: RunnerProcess;
}

/** How long a runner that has given its result may take to leave before it is ended. */
const EXIT_WAIT_MS = 10_000;

/** All runners of this agent, those that an earlier one started included, and their folders. */
export class Runners {
  private readonly entries = new Map<string, Entry>();

  constructor(private readonly options: RunnersOptions) {}

  /**
   * Starts a runner for a job.
   *
   * @param lease of a fenced job.
   * @throws Error where its folder or its process cannot be made; nothing is left then.
   */
  async launch(given: Omit<RunnerSpec, "socketPath"> | Omit<RenderSpec, "socketPath">, lease?: Lease): Promise<void> {
    const folder = await makeJobFolder(this.options.runnersDir);
    try {
      const socketPath = await socketPathFor(folder, this.options.tmpdir);
      await writeBootId(folder, await this.bootId());
      const spec: AnySpec = { ...given, socketPath };
      if (lease !== undefined) {
        // Rounded down; a lease that has run out meanwhile ends the job at once.
        spec.leaseMs = Math.max(1, Math.floor(lease.leftMs));
        spec.leaseUntilUptimeMs = untilUptimeMs(spec.leaseMs);
      }
      await writeSpec(folder, spec);
      const process = await launchRunner(folder, this.options.launch);
      const handle = this.follow(folder, spec, process);
      if (lease !== undefined) handle.renew(lease);
    } catch (thrown) {
      await removeJobFolder(folder).catch((error: unknown) =>
        this.options.logger.error({ err: toError(error), folder }, "a job folder could not be removed"),
      );
      throw thrown;
    }
  }

  /** Ends a runner that should not have been started, and reports nothing of it. */
  async discard({ jobId, epoch }: JobRef): Promise<void> {
    const entry = this.all().find(({ spec }) => spec.jobId === jobId && spec.epoch === (epoch ?? 0));
    if (entry === undefined) return;
    entry.handle.detach();
    entry.process.killGroup();
    this.entries.delete(entry.folder);
    await gone(entry.process);
    await removeJobFolder(entry.folder, entry.spec.socketPath);
  }

  /**
   * Takes over what earlier agents left: gives each job, then calls its observer from then on. Settles when every runner
   * was reached or is known to have ended. An older assignment of a job is through before the newer one is given.
   */
  async adopt(onJob: (job: JobRef) => void): Promise<void> {
    const bootId = await this.bootId();
    const folders = await listJobFolders(this.options.runnersDir);
    const inspected = await Promise.all(folders.map((folder) => this.inspect(folder, bootId)));
    const found = inspected.filter((job) => job !== undefined);
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

  /** The handle of a running job, of that epoch where one is given. */
  running(jobId: string, epoch?: number): RunnerHandle | undefined {
    const isMeant = ({ spec }: Entry) => spec.jobId === jobId && (epoch === undefined || spec.epoch === epoch);
    return this.all().find(isMeant)?.handle;
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

  private follow(folder: string, spec: AnySpec, process: RunnerProcess): RunnerHandle {
    const { observe, logger, waits = RUNNER_WAITS } = this.options;
    const handle = new RunnerHandle({ folder, spec, process, observer: observe(spec), logger, waits });
    this.entries.set(folder, { spec, folder, handle, process });
    handle.start();
    return handle;
  }

  private bootId(): Promise<string | undefined> {
    return this.options.bootId?.() ?? currentBootId(process.platform);
  }

  private async inspect(folder: string, bootId: string | undefined): Promise<FoundJob | undefined> {
    const { logger } = this.options;
    const pid = await readPid(folder);
    const startedIn = await readBootId(folder);
    const isStale = bootId !== undefined && startedIn !== undefined && startedIn !== bootId;
    const process = isStale ? RunnerProcess.ofEarlierBoot(folder) : new RunnerProcess(pid, folder);
    try {
      const spec = await readSpec(folder);
      logger.info({ jobId: spec.jobId, epoch: spec.epoch, pid, isStale }, "found a job of an earlier agent");
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
