import {
  type CreateJob,
  type JobSchedule,
  parseStreamConfig,
  type StreamMetadata,
  type YouTubeWish,
} from "@stream-control/protocol";
import { AppError, type Logger, toError } from "@stream-control/service-kit";
import type { Transaction } from "@stream-control/store";
import type { LogEntry } from "../../jobs/changes.js";
import type { NewJobRow } from "../../jobs/job-queries.js";
import { configOf, fromJson } from "../../jobs/job-record.js";
import type { Ledger } from "../../jobs/ledger.js";
import type { Scheduler } from "../../scheduling/scheduler.js";
import type { JobRow, Tables } from "../../store/tables.js";
import type { YouTubeBroadcasts } from "../youtube.js";
import type { Broadcast } from "./broadcast.js";
import { AWAITS_YOUTUBE, metadataOf } from "./job-side.js";
import { newBroadcast } from "./new-broadcast.js";
import type { Texts } from "./texts.js";

export interface JobBroadcastsOptions {
  youtube: YouTubeBroadcasts;
  ledger: Ledger;
  scheduler: Scheduler;
  logger: Logger;
  newId: () => string;
  now: () => Date;
}

export interface Submitted {
  job: JobRow;
  created: boolean;
}

/** Submits jobs together with their broadcasts: both are on disk, or neither. */
export class JobBroadcasts {
  constructor(private readonly options: JobBroadcastsOptions) {}

  /**
   * Submits a job; one that is to have a broadcast gets it once YouTube has made it, one that fills an announced one has it.
   *
   * @throws AppError `BROADCAST_NOT_FOUND`, `BROADCAST_IN_USE`; `NOT_SUPPORTED` for a stop by itself without a broadcast.
   */
  async submit(row: NewJobRow, body: CreateJob): Promise<Submitted> {
    const { youtube, now } = this.options;
    const { broadcastId, streamMetadata } = body;
    const autoStopMinutes = body.autoStopEnabled === true ? (body.autoStopMinutes ?? null) : null;
    if (broadcastId != null) {
      const broadcast = youtube.book.find(broadcastId);
      if (broadcast === undefined || broadcast.room !== row.room) throw broadcastNotFound(broadcastId);
      return this.fill(row, broadcast, {
        ...(autoStopMinutes !== null && { autoStopMinutes }),
        texts: textsOf(streamMetadata ?? {}),
      });
    }
    const wanted = wishFor(row, body.youtube, youtube.settings.autoCreate);
    const isUsable = wanted !== undefined && youtube.connection.usable;
    if (!isUsable && autoStopMinutes !== null) throw autoStopUnsupported();
    if (wanted === undefined) return this.options.ledger.submit(row);
    if (!isUsable) return this.without(row, body.youtube != null);
    const { title = "", description = "" } = metadataOfRow(row);
    const sheetKey = wanted.keepStreamAs ?? null;
    const broadcast = newBroadcast({
      ...{ id: this.options.newId(), origin: "job", room: row.room, jobId: row.id, title, description, sheetKey },
      ...{ privacy: wanted.privacy ?? (await youtube.privacy.get()), createdAt: now().toISOString(), autoStopMinutes },
      keepsStream: sheetKey !== null && !youtube.book.isKeyInUse(sheetKey),
      ...scheduledStartOf(row),
      options: wanted.restartUnhealthy === undefined ? {} : { restartUnhealthy: wanted.restartUnhealthy },
    });
    return this.together(row, broadcast, (tx) => youtube.rows.insert(tx, broadcast));
  }

  /**
   * Submits a job that fills an announced broadcast; it has the broadcast's texts, unless it brings its own.
   *
   * @throws AppError `BROADCAST_IN_USE`.
   */
  async fill(
    row: NewJobRow,
    broadcast: Broadcast,
    { autoStopMinutes, texts = {} }: { autoStopMinutes?: number; texts?: Partial<Texts> } = {},
  ): Promise<Submitted> {
    const { rows, book, conductor } = this.options.youtube;
    const { title, description } = { ...broadcast, ...texts };
    const metadata = { ...metadataOfRow(row), title, description, ...metadataOf(broadcast) };
    const filled = { ...row, stream_metadata: JSON.stringify(metadata) };
    const submitted = await book.exclusively(broadcast.id, () =>
      this.together(filled, broadcast, async (tx) => {
        if (!(await rows.attach(tx, broadcast.id, row.id)))
          throw new AppError("BROADCAST_IN_USE", "The broadcast has a job already; stop that first.");
      }),
    );
    if (autoStopMinutes !== undefined) await conductor.amend(broadcast.id, { autoStopMinutes });
    return submitted;
  }

  /** Stores a job together with its broadcast, and lets it wait a moment for one that is still being made. */
  private async together(
    row: NewJobRow,
    broadcast: Broadcast,
    write: (tx: Transaction<Tables>) => Promise<void>,
  ): Promise<Submitted> {
    const { ledger, scheduler, youtube } = this.options;
    youtube.book.expect(row.id, broadcast);
    if (broadcast.state === "preparing") scheduler.holdUp(row.id, AWAITS_YOUTUBE, youtube.settings.waitMs);
    let created = false;
    try {
      const submitted = await ledger.submit(row, write);
      created = submitted.created;
      return submitted;
    } finally {
      if (!created) {
        youtube.book.cancel(row.id);
        scheduler.letGo(row.id, AWAITS_YOUTUBE.code);
      }
    }
  }

  /** Jobs that were waiting for their broadcasts at the last stop wait for what is left of the time. */
  holdAgain(open: readonly JobRow[]): void {
    const { youtube, scheduler, now } = this.options;
    const preparing = new Set(
      [...youtube.book.broadcasts()].flatMap(({ state, jobId }) => (state === "preparing" ? [jobId] : [])),
    );
    for (const job of open) {
      if (job.status !== "PENDING" || !preparing.has(job.id)) continue;
      const leftMs = Date.parse(job.created_at) + youtube.settings.waitMs - now().getTime();
      scheduler.holdUp(job.id, AWAITS_YOUTUBE, Math.min(leftMs, youtube.settings.waitMs));
    }
  }

  /** The job runs without; where that is not what was wanted, its log says why. */
  private async without(row: NewJobRow, asked: boolean): Promise<Submitted> {
    const submitted = await this.options.ledger.submit(row);
    const { state, problem } = this.options.youtube.connection.view();
    if (!submitted.created || (!asked && state === "disconnected")) return submitted;
    const message = problem?.message ?? "No YouTube channel is connected; begin with GET /oauth/auth-url.";
    const entry: LogEntry = {
      ...{ type: "broadcast.failed", message: `The stream goes on without YouTube: ${message}` },
      ...{ data: { reason: problem?.code ?? "NOT_CONNECTED" }, result: "failed" },
    };
    this.options.ledger.note(row.id, entry).catch((error: unknown) => {
      this.options.logger.error({ err: toError(error), jobId: row.id }, "a note could not be written");
    });
    return submitted;
  }
}

export const broadcastNotFound = (id: string): AppError =>
  new AppError("BROADCAST_NOT_FOUND", `There is no broadcast "${id}" that has not ended.`);

/** A stop by itself counts from the moment at which the broadcast goes live. */
export const autoStopUnsupported = (): AppError =>
  new AppError(
    "NOT_SUPPORTED",
    "Only a job with a YouTube broadcast stops so long after it went live; give schedule.stopAfterMinutes instead.",
  );

/** Viewers are told when a job that starts by itself begins. */
function scheduledStartOf(row: NewJobRow): { scheduledStart?: string } {
  const startAt = fromJson<JobSchedule>(row.schedule)?.startAt ?? null;
  return startAt === null ? {} : { scheduledStart: startAt };
}

/** Title and description that somebody gave. */
const textsOf = ({ title, description }: StreamMetadata): Partial<Texts> => ({
  ...(title !== undefined && { title }),
  ...(description !== undefined && { description }),
});

const metadataOfRow = (row: NewJobRow): StreamMetadata => fromJson<StreamMetadata>(row.stream_metadata) ?? {};

/** What is wanted of YouTube for a job; undefined where it is to have no broadcast of ours. */
function wishFor(row: NewJobRow, wish: CreateJob["youtube"], autoCreate: boolean): YouTubeWish | undefined {
  if (wish === false) return undefined;
  if (wish != null) return wish === true ? {} : wish;
  return autoCreate && !bringsItsOwn(row) ? {} : undefined;
}

/** Whether the job pushes to YouTube with a key that somebody gave it: a second broadcast would be one too many. */
function bringsItsOwn(row: NewJobRow): boolean {
  const { youtube } = metadataOfRow(row);
  if (youtube?.streamKey !== undefined || youtube?.broadcastId !== undefined) return true;
  const config = parseStreamConfig(configOf(row));
  return (
    config.ok &&
    config.value.config.destinations.some(
      (one) => one.type === "rtmp" && /\.youtube\.com$/i.test(URL.parse(one.url)?.hostname ?? ""),
    )
  );
}
