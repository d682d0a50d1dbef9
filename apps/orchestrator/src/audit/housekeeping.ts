import { type Logger, toError } from "@stream-control/service-kit";
import type { LogRetention } from "@stream-control/service-kit/audit";
import type { Ledger } from "../jobs/ledger.js";
import type { WorkflowEngine } from "../workflows/engine.js";

/** How long history is kept, in milliseconds; for ever where nothing is given. */
export interface RetentionOptions {
  eventsMs?: number | undefined;
  /** Counts from the end of a job, or of a workflow. */
  jobsMs?: number | undefined;
  /** How often it is looked. */
  everyMs?: number | undefined;
}

const HOUR_MS = 3_600_000;

/** Deletes history that is older than it is to be kept, a little at a time, so that nobody waits for it. */
export class Housekeeping {
  private readonly stopping = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly deps: {
      retention: RetentionOptions;
      ledger: Ledger;
      workflows: Pick<WorkflowEngine, "prune">;
      log: LogRetention;
      logger: Logger;
      now: () => Date;
    },
  ) {}

  start(): void {
    const { eventsMs, jobsMs, everyMs = HOUR_MS } = this.deps.retention;
    if (eventsMs === undefined && jobsMs === undefined) return;
    this.timer = setTimeout(() => {
      this.running = this.run()
        .catch((error: unknown) => this.deps.logger.error({ err: toError(error) }, "old history could not be deleted"))
        .finally(() => {
          if (!this.stopping.signal.aborted) this.start();
        });
    }, everyMs);
  }

  /** Resolves when nothing is being deleted any more. */
  async stop(): Promise<void> {
    this.stopping.abort();
    clearTimeout(this.timer);
    await this.running;
  }

  private async run(): Promise<void> {
    const { ledger, workflows, log, logger } = this.deps;
    const { eventsMs, jobsMs } = this.deps.retention;
    const { signal } = this.stopping;
    const jobs = jobsMs === undefined ? 0 : await ledger.prune(this.ago(jobsMs), signal);
    if (jobsMs !== undefined) await workflows.prune(this.ago(jobsMs), signal);
    const events = eventsMs === undefined ? 0 : await log.prune(this.ago(eventsMs), signal);
    if (jobs + events > 0) logger.info({ jobs, events }, "old history was deleted");
  }

  private ago(ms: number): Date {
    return new Date(this.deps.now().getTime() - ms);
  }
}
