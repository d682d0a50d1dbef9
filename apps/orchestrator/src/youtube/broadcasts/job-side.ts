import { isFinalStatus, type JobStatus, type StreamMetadata } from "@stream-control/protocol";
import { AppError } from "@stream-control/service-kit";
import type { LogEntry } from "../../jobs/changes.js";
import type { JobReader } from "../../jobs/job-reader.js";
import { fromJson } from "../../jobs/job-record.js";
import type { Committed, Ledger } from "../../jobs/ledger.js";
import type { LiveChanges } from "../../jobs/live-changes.js";
import type { Scheduler } from "../../scheduling/scheduler.js";
import type { JobRow } from "../../store/tables.js";
import type { Broadcast } from "./broadcast.js";
import type { Wish } from "./next-step.js";
import type { Texts } from "./texts.js";
import { adminUrlOf, publicUrlOf, said } from "./words.js";

/** What a job waits for whose broadcast is being made. */
export const AWAITS_YOUTUBE = {
  feature: "destinations",
  code: "YOUTUBE",
  message:
    "The job's YouTube broadcast is being made, and the agent cannot be given it later; it is waited for a moment.",
} as const;

export interface JobSideOptions {
  ledger: Ledger;
  reader: JobReader;
  changes: LiveChanges;
  scheduler: Scheduler;
}

/** What of a job matters to its broadcast. */
export interface JobFacts {
  status: JobStatus;
  over: boolean;
  epoch: number;
  agentId: string | null;
  /** When it began to run, for the last time; null while it does not. */
  runningSince: string | null;
  texts: Texts | undefined;
}

export function factsOf(row: JobRow): JobFacts {
  const { title, description } = fromJson<StreamMetadata>(row.stream_metadata) ?? {};
  return {
    status: row.status,
    over: row.wanted_status === "STOPPED" || isFinalStatus(row.status),
    ...{ epoch: row.epoch, agentId: row.agent_id, runningSince: row.running_since },
    texts: title === undefined ? undefined : { title, description: description ?? "" },
  };
}

/** What a job's state asks of its broadcast. A job that is not known any more is over. */
export function wishOf({ origin, jobId, options }: Broadcast, job: JobFacts | undefined): Wish {
  const discard = options.discard === true || options.givenUp === true;
  const keepUnused = origin === "schedule" && !discard;
  if (jobId === null) return { onAir: false, over: discard, keepUnused };
  return { onAir: job?.status === "RUNNING" && !job.over, over: discard || (job?.over ?? true), keepUnused };
}

/** What an attempt to add a destination to a running stream has come to. */
export type LateResult = "added" | "not-now" | "never";

/** Of our own, so that whoever has it has it from here; agents name the destination of an assignment themselves. */
const LATE_ID = "youtube-broadcast";

/** Failures of an agent that another moment may end. */
const NOT_NOW: ReadonlySet<string> = new Set(["JOB_NOT_RUNNING", "AGENT_OFFLINE", "AGENT_TIMEOUT", "SHUTTING_DOWN"]);

/** Broadcasts as jobs have them: their events, their metadata, the destination of a stream that runs already. */
export class JobSide {
  constructor(private readonly options: JobSideOptions) {}

  /** What there is of a job in the store. */
  async load(jobId: string): Promise<JobFacts | undefined> {
    const row = await this.options.reader.byId(jobId);
    return row && factsOf(row);
  }

  onCommit(listener: (committed: Committed) => void): void {
    this.options.ledger.onCommit(listener);
  }

  /** Notes an event of the job, also behind its end; nothing where the broadcast has no job. */
  async note({ jobId }: Broadcast, entry: LogEntry): Promise<void> {
    if (jobId !== null) await this.options.ledger.afterword(jobId, entry);
  }

  /** The job need not wait for its broadcast any more. */
  letGo(jobId: string | null): void {
    if (jobId !== null) this.options.scheduler.letGo(jobId, AWAITS_YOUTUBE.code);
  }

  /**
   * Tells the job of its broadcast.
   *
   * @returns the assignment that was made without it; null where the next one will have it.
   */
  async handOver(broadcast: Broadcast): Promise<number | null> {
    const { jobId } = broadcast;
    if (jobId === null) return null;
    const metadata = metadataOf({ ...broadcast, state: "ready" });
    const { job } = await this.options.ledger.mergeMetadata(jobId, metadata, said.ready(broadcast));
    this.letGo(jobId);
    // An assignment is decided from the row in the order of the ledger: one that has an agent now was told without this.
    return job?.agent_id != null ? job.epoch : null;
  }

  /** Gives a running stream the broadcast as one more destination. */
  async addLate(broadcast: Broadcast): Promise<LateResult> {
    const { jobId, ingestion } = broadcast;
    if (jobId === null || ingestion === null) return "never";
    const { url, streamKey } = ingestion;
    try {
      await this.options.changes.addDestination(jobId, { type: "rtmp", id: LATE_ID, url, streamKey });
    } catch (thrown) {
      if (!(thrown instanceof AppError)) throw thrown;
      if (thrown.code === "DESTINATION_EXISTS") return "added";
      if (NOT_NOW.has(thrown.code)) return "not-now";
      await this.note(broadcast, said.notAdded(broadcast, thrown.message));
      return "never";
    }
    await this.note(broadcast, said.added(broadcast));
    return "added";
  }
}

/** What a job's metadata says of its broadcast; nothing while that is being made. */
export function metadataOf(broadcast: Broadcast): StreamMetadata {
  const { broadcastId, streamId, ingestion, channelId } = broadcast;
  if (broadcastId === null || broadcast.state === "preparing") return {};
  return {
    ...{ publicUrl: publicUrlOf(broadcastId), adminUrl: adminUrlOf(broadcastId) },
    ...{ streamId: broadcastId, platform: "youtube" },
    youtube: {
      broadcastId,
      ...(streamId === null ? {} : { streamId }),
      ...(ingestion === null ? {} : { streamKey: ingestion.streamKey, streamUrl: ingestion.url }),
      ...{ privacyStatus: broadcast.privacy, scheduledStartTime: broadcast.scheduledStart },
      ...(channelId === null ? {} : { channelId }),
      videoId: broadcastId,
    },
  };
}
