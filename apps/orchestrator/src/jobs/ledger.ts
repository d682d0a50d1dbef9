import {
  isFinalStatus,
  type JobEvent,
  type JobSchedule,
  type JsonObject,
  type StreamMetadata,
} from "@stream-control/protocol";
import { type Logger, toError } from "@stream-control/service-kit";
import type { EventLog } from "@stream-control/service-kit/audit";
import { type Caller, currentCaller, SYSTEM } from "@stream-control/service-kit/http";
import type { Store, Transaction } from "@stream-control/store";
import type { JobSecrets } from "../secrets/job-secrets.js";
import type { SealedColumns } from "../secrets/sealed-columns.js";
import type { JobRow, Tables } from "../store/tables.js";
import type { JobChange, LogEntry } from "./changes.js";
import { JobQueries, type NewJobRow } from "./job-queries.js";
import { fromJson } from "./job-record.js";
import { DEFAULT_RESTART, type RestartLimits, type RestartOptions } from "./restart-policy.js";
import { transition } from "./transitions.js";

/** A change that is on disk. */
export interface Committed {
  job: JobRow;
  /** The job before the change; null for a new one. */
  before: JobRow | null;
  event: JobEvent & { seq: number };
}

/** Who a report must come from to count: the agent that has the job, and its present assignment. */
export interface Guard {
  agentId: string;
  epoch?: number | undefined;
}

/**
 * `applied`: changed and on disk. `ignored`: not legal in the job's status, or no change. `stale`: from another agent or
 * an old assignment. `missing`: no such job.
 */
export type ApplyResult =
  | { outcome: "applied" | "ignored" | "stale"; job: JobRow }
  | { outcome: "missing"; job?: undefined };

type Decision = { changes?: Partial<JobRow>; entry: LogEntry } | undefined;

const SUBMITTED: LogEntry = { type: "job.created", message: "The job was submitted." };
const DISMISSED: LogEntry = { type: "job.dismissed", message: "The job was taken off the board." };

export interface LedgerOptions {
  store: Store<Tables>;
  sealed: SealedColumns;
  secrets: JobSecrets;
  /** The log in the same store. */
  log: EventLog;
  logger: Logger;
  restart?: RestartOptions;
  now?: () => Date;
  random?: () => number;
}

/**
 * The only writer of jobs. Every change goes through the lifecycle table, is written together with a numbered entry of
 * the event log in one transaction, and is published once that is on disk. A promise that resolved means: on disk.
 */
export class Ledger {
  private readonly listeners = new Set<(committed: Committed) => void>();
  private readonly queries: JobQueries;
  private readonly store: Store<Tables>;
  private readonly log: EventLog;
  private readonly logger: Logger;
  private readonly secrets: JobSecrets;
  private readonly now: () => Date;
  private readonly context: { restart: RestartOptions; random: () => number };

  constructor({
    store,
    sealed,
    secrets,
    log,
    logger,
    restart = DEFAULT_RESTART,
    now = () => new Date(),
    random = Math.random,
  }: LedgerOptions) {
    this.store = store;
    this.log = log;
    this.logger = logger;
    this.secrets = secrets;
    this.now = now;
    this.context = { restart, random };
    this.queries = new JobQueries(store.db, sealed);
  }

  /** Calls the listener for every change, in the order of the log, after its commit. Returns how to stop. */
  onCommit(listener: (committed: Committed) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /**
   * Stores a new job, or finds the one that was submitted with the same idempotency key.
   *
   * @param alongside is written in the same transaction, with a new job alone.
   */
  async submit(
    job: NewJobRow,
    alongside?: (tx: Transaction<Tables>) => Promise<void>,
  ): Promise<{ job: JobRow; created: boolean }> {
    const by = currentCaller();
    const { row, event } = await this.store.write(async (tx) => {
      if (job.idempotency_key !== null) {
        const known = await this.queries.byIdempotencyKey(tx, job.idempotency_key);
        if (known !== undefined) return { row: known };
      }
      const row = await this.queries.insert(tx, job);
      await alongside?.(tx);
      return { row, event: await this.append(tx, by, row.id, SUBMITTED) };
    });
    if (event !== undefined) this.publish({ job: row, before: null, event });
    return { job: row, created: event !== undefined };
  }

  /** Applies a change, if it is legal and, with a guard, if it comes from the agent that has the job. */
  apply(jobId: string, change: JobChange, guard?: Guard): Promise<ApplyResult> {
    return this.change(jobId, guard, (job) => {
      return transition(job, this.secrets.cleanChange(job, change), { ...this.context, now: this.now() });
    });
  }

  /**
   * Merges fields into a job's stream metadata; `undefined` and null take a field away. Allowed in every status: a
   * title is still worth mending when the stream is over.
   */
  mergeMetadata(jobId: string, patch: JsonObject, entry: LogEntry, guard?: Guard): Promise<ApplyResult> {
    return this.change(jobId, guard, (job) => {
      // From an agent it comes too late: nothing is muted or paused any more.
      if (guard !== undefined && isFinalStatus(job.status)) return undefined;
      const before = fromJson<StreamMetadata>(job.stream_metadata) ?? {};
      const merged = JSON.stringify(mergeFields(before, patch));
      if (merged === JSON.stringify(before)) return undefined;
      return { changes: { stream_metadata: merged, updated_at: this.now().toISOString() }, entry };
    });
  }

  /** Adds an entry to a job's log without changing the job. The end of a job stays its last entry: a later one is ignored. */
  note(jobId: string, entry: LogEntry, guard?: Guard): Promise<ApplyResult> {
    return this.change(jobId, guard, (job) =>
      isFinalStatus(job.status) ? undefined : { entry: this.secrets.cleanEntry(job, entry) },
    );
  }

  /** Adds what became of something that outlives the job, such as its broadcast: also behind the job's end. */
  afterword(jobId: string, entry: LogEntry): Promise<ApplyResult> {
    return this.change(jobId, undefined, (job) => ({ entry: this.secrets.cleanEntry(job, entry) }));
  }

  /** Takes a finished job off the board; `ignored` where it is off already, or has not ended. */
  dismiss(jobId: string): Promise<ApplyResult> {
    return this.change(jobId, undefined, (job) => {
      if (!isFinalStatus(job.status) || job.dismissed_at !== null) return undefined;
      const at = this.now().toISOString();
      return { changes: { dismissed_at: at, updated_at: at }, entry: DISMISSED };
    });
  }

  /** Changes when a job starts and stops, as decided from the row that is on disk at that moment; undefined changes nothing. */
  reschedule(
    jobId: string,
    decide: (job: JobRow) => { schedule: JobSchedule | null } | undefined,
  ): Promise<ApplyResult> {
    return this.change(jobId, undefined, (job) => {
      const decision = decide(job);
      if (decision === undefined) return undefined;
      const schedule = decision.schedule && JSON.stringify(decision.schedule);
      return {
        changes: { schedule, updated_at: this.now().toISOString() },
        entry: { type: "job.schedule_changed", message: "The job's schedule was changed.", data: { ...decision } },
      };
    });
  }

  /** Changes how often a job is tried again; `ignored` where it has ended. */
  limitRestarts(jobId: string, limits: RestartLimits): Promise<ApplyResult> {
    return this.change(jobId, undefined, (job) => {
      const text = JSON.stringify(limits);
      if (isFinalStatus(job.status) || job.restart_limits === text) return undefined;
      const message = "How often the job is tried again was changed.";
      return {
        changes: { restart_limits: text, updated_at: this.now().toISOString() },
        entry: { type: "job.restart_limits_changed", message, data: { ...limits } },
      };
    });
  }

  /** Changes what a job is to do, as decided from the row that is on disk at that moment. */
  amendConfig(
    jobId: string,
    amend: (job: JobRow) => { config: JsonObject; ownSource?: JsonObject | null },
    entry: LogEntry,
  ): Promise<ApplyResult> {
    return this.change(jobId, undefined, (job) => {
      const { config, ownSource } = amend(job);
      const own = ownSource === undefined ? {} : { own_source: ownSource && JSON.stringify(ownSource) };
      return { changes: { config: JSON.stringify(config), ...own, updated_at: this.now().toISOString() }, entry };
    });
  }

  /**
   * Deletes the jobs that ended before a moment, some at a time, and says so in the log. Their events are not touched.
   *
   * @returns how many.
   */
  async prune(endedBefore: Date, signal?: AbortSignal): Promise<number> {
    const before = endedBefore.toISOString();
    let jobs = 0;
    for (let afterSeq: number | undefined = 0; afterSeq !== undefined && signal?.aborted !== true; ) {
      const from: number = afterSeq;
      const step = await this.store.write(async (tx) => {
        const { deleted, nextSeq } = await this.queries.deleteEnded(tx, before, from);
        const data = { jobs: deleted, endedBefore: before };
        const message = "Jobs that ended long ago were deleted.";
        if (deleted > 0)
          await this.log.append(tx, { by: SYSTEM, subject: "jobs:ended", type: "jobs.pruned", message, data });
        return { deleted, nextSeq };
      });
      jobs += step.deleted;
      afterSeq = step.nextSeq;
      await new Promise((resolve) => setImmediate(resolve));
    }
    return jobs;
  }

  private async change(
    jobId: string,
    guard: Guard | undefined,
    decide: (job: JobRow) => Decision,
  ): Promise<ApplyResult> {
    const by = currentCaller();
    const result = await this.store.write(async (tx) => {
      const before = await this.queries.byId(tx, jobId);
      if (before === undefined) return { outcome: "missing" } as const;
      if (guard !== undefined && isStale(before, guard)) return { outcome: "stale", job: before } as const;
      const decision = decide(before);
      if (decision === undefined) return { outcome: "ignored", job: before } as const;
      const { changes, entry } = decision;
      if (changes !== undefined) await this.queries.update(tx, before, changes);
      const event = await this.append(tx, by, jobId, entry);
      const job = { ...before, ...changes };
      return { outcome: "applied", job, committed: { job, before, event } } as const;
    });
    if (result.outcome === "applied") this.publish(result.committed);
    return result;
  }

  private async append(tx: Transaction<Tables>, by: Caller, jobId: string, { type, message, data, result }: LogEntry) {
    const { seq, ts } = await this.log.append(tx, { by, jobId, type, message, data, result });
    return { seq, jobId, type, message, ...(data === undefined ? {} : { data }), ts };
  }

  private publish(committed: Committed): void {
    this.secrets.learn(committed.job);
    for (const listener of this.listeners) {
      try {
        listener(committed);
      } catch (error) {
        this.logger.error({ err: toError(error), jobId: committed.job.id }, "a listener of the ledger failed");
      }
    }
  }
}

const isStale = (job: JobRow, guard: Guard): boolean =>
  job.agent_id !== guard.agentId || (guard.epoch !== undefined && guard.epoch !== job.epoch);

function mergeFields(before: object, patch: JsonObject): JsonObject {
  const merged: JsonObject = { ...before };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null || value === undefined) delete merged[key];
    else merged[key] = value;
  }
  return merged;
}
