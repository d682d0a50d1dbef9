import type { Progress } from "@stream-control/protocol";
import { type Logger, toError } from "@stream-control/service-kit";
import type { Store } from "@stream-control/store";
import { fromJson } from "../../jobs/job-record.js";
import type { Tables } from "../../store/tables.js";
import type { BucketFiles } from "./bucket-files.js";
import type { ResultFiles } from "./result-files.js";

const ID = "results";
/** Jobs that are looked at in one go. */
const PAGE = 100;
const HOUR_MS = 3_600_000;

export interface RetentionDeps {
  store: Store<Tables>;
  files: ResultFiles;
  s3: BucketFiles | undefined;
  /** How long a result is kept after the end of its job; for ever unless given. */
  retentionMs: number | undefined;
  /** How often it is looked. */
  everyMs?: number | undefined;
  logger: Logger;
  now: () => Date;
}

/** The end of a job, by which results are deleted one after the other. */
interface Mark {
  endedAt: string;
  jobId: string;
}

/**
 * Deletes results that are older than they are to be kept, and what uploads have left in the bucket. It goes through jobs in
 * the order of their ends and writes down how far it has come: so it goes on where it was after a restart, looks at no job
 * twice, and everything up to there has expired. What can't be deleted now is tried again at the next look, before anything
 * else.
 */
export class ResultRetention {
  private readonly stopping = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private mark: Mark = { endedAt: "", jobId: "" };

  constructor(private readonly deps: RetentionDeps) {}

  /** Looks at once, so that what grew old while nothing ran goes, and then from time to time. */
  async start(): Promise<void> {
    const row = await this.deps.store.db
      .selectFrom("expired_results")
      .selectAll()
      .where("id", "=", ID)
      .executeTakeFirst();
    if (row !== undefined) this.mark = { endedAt: row.ended_at, jobId: row.job_id };
    if (this.deps.retentionMs !== undefined || this.deps.s3 !== undefined) this.look();
  }

  /** Resolves when nothing is being deleted any more. */
  async stop(): Promise<void> {
    this.stopping.abort();
    clearTimeout(this.timer);
    await this.running;
  }

  /** Whether the result of a job was deleted for its age. */
  hasExpired({ id, endedAt }: { id: string; endedAt: string | null }): boolean {
    if (endedAt === null) return false;
    const { mark } = this;
    return endedAt < mark.endedAt || (endedAt === mark.endedAt && id <= mark.jobId);
  }

  private look(): void {
    const { logger, everyMs = HOUR_MS } = this.deps;
    this.running = this.run()
      .catch((error: unknown) => logger.error({ err: toError(error) }, "old results could not be deleted"))
      .finally(() => {
        if (!this.stopping.signal.aborted) this.timer = setTimeout(() => this.look(), everyMs);
      });
  }

  private async run(): Promise<void> {
    const { retentionMs, s3, logger, now } = this.deps;
    let deleted = 0;
    const before = retentionMs === undefined ? "" : new Date(now().getTime() - retentionMs).toISOString();
    for (let more = retentionMs !== undefined; more && !this.stopping.signal.aborted; ) {
      const page = await this.endedBefore(before);
      for (const { id, ended_at, progress } of page) {
        if (this.stopping.signal.aborted) break;
        if (fromJson<Progress>(progress)?.render !== undefined) {
          await this.deps.files.removeFolder(id);
          deleted += 1;
        }
        this.mark = { endedAt: ended_at ?? "", jobId: id };
      }
      if (page.length > 0) await this.write();
      more = page.length === PAGE;
    }
    if (deleted > 0) logger.info({ results: deleted, endedBefore: before }, "old results were deleted");
    const unfinished = (await s3?.removeUnfinished(now())) ?? 0;
    if (unfinished > 0) logger.info({ uploads: unfinished }, "what was left of uploads was removed from the bucket");
  }

  private endedBefore(before: string) {
    const { endedAt, jobId } = this.mark;
    return this.deps.store.db
      .selectFrom("jobs")
      .select(["id", "ended_at", "progress"])
      .where("ended_at", "<", before)
      .where(({ eb, or, and }) =>
        or([eb("ended_at", ">", endedAt), and([eb("ended_at", "=", endedAt), eb("id", ">", jobId)])]),
      )
      .orderBy("ended_at")
      .orderBy("id")
      .limit(PAGE)
      .execute();
  }

  /** Written after the deletion: whoever is killed in between deletes again what is gone already. */
  private async write(): Promise<void> {
    const row = { ended_at: this.mark.endedAt, job_id: this.mark.jobId };
    await this.deps.store.write((tx) =>
      tx
        .insertInto("expired_results")
        .values({ id: ID, ...row })
        .onConflict((conflict) => conflict.column("id").doUpdateSet(row))
        .execute(),
    );
  }
}
