import { type Logger, toError } from "@stream-control/service-kit";
import { asSystem } from "@stream-control/service-kit/http";
import type { JobReader } from "../jobs/job-reader.js";
import type { Committed } from "../jobs/ledger.js";
import type { JobFactTable } from "../store/tables.js";
import { factOf, type Usage } from "./fact.js";
import type { FactRows } from "./fact-rows.js";

/** How long facts are gathered: many jobs that end cost one write. */
const GATHER_MS = 1000;
/** At a start, so many of the newest jobs are looked through for those whose end was not noted any more. */
const LOOKED_AT = 20_000;
/** Facts that are written at once. */
const PAGE = 500;
const DAY_MS = 86_400_000;
/** Longer ago than a year and some weeks, nothing is made of them. */
const KEPT_MS = 400 * DAY_MS;

/** Notes what became of each job, behind the ledger, which never waits for it. What a crash left out is made up for at the start. */
export class FactRecorder {
  private readonly usage = new Map<string, Usage>();
  private pending: JobFactTable[] = [];
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> = Promise.resolve();

  constructor(private readonly deps: { rows: FactRows; reader: JobReader; logger: Logger; now: () => Date }) {}

  /** What a job used, told before its end is noted. */
  used(jobId: string, usage: Usage): void {
    this.usage.set(jobId, usage);
  }

  noted({ job, before }: Committed): void {
    if (job.ended_at === null || before?.ended_at != null) return;
    this.pending.push(factOf(job, this.usage.get(job.id)));
    this.usage.delete(job.id);
    this.timer ??= setTimeout(() => void asSystem(() => this.flush()), GATHER_MS).unref();
  }

  async catchUp(): Promise<void> {
    const { rows, reader, now } = this.deps;
    const missing = await reader.withoutFact(LOOKED_AT);
    for (let from = 0; from < missing.length; from += PAGE)
      await rows.insert(missing.slice(from, from + PAGE).map((job) => factOf(job, undefined)));
    await rows.prune(new Date(now().getTime() - KEPT_MS).toISOString());
  }

  /** Resolves when everything that was noted is on disk, or has been given up until the next start. */
  flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    const facts = this.pending;
    this.pending = [];
    if (facts.length > 0)
      this.writing = this.writing
        .then(() => this.deps.rows.insert(facts))
        .catch((thrown: unknown) => {
          this.deps.logger.error(
            { err: toError(thrown) },
            "what became of jobs could not be noted until the next start",
          );
        });
    return this.writing;
  }
}
