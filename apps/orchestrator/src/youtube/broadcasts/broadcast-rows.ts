import type { Store, Transaction } from "@stream-control/store";
import type { SealedColumns } from "../../secrets/sealed-columns.js";
import type { Sealed, Tables } from "../../store/tables.js";
import type { Broadcast, StoredBroadcast } from "./broadcast.js";

const TABLE = "youtube_broadcasts";
const json = (value: unknown): string | null => (value === null ? null : JSON.stringify(value));
const parsed = <T>(text: string | null): T | null => (text === null ? null : (JSON.parse(text) as T));

/** Broadcasts in the store; stream keys, and what is to be submitted, are encrypted. */
export class BroadcastRows {
  constructor(
    private readonly store: Store<Tables>,
    private readonly sealed: SealedColumns,
  ) {}

  /** Every broadcast that has not ended. */
  async open(): Promise<Broadcast[]> {
    const rows = await this.store.db
      .selectFrom(TABLE)
      .selectAll()
      .where("state", "!=", "ended")
      .orderBy("created_at")
      .execute();
    return rows.map((row) => this.opened(row));
  }

  /** Writes a new one in the transaction of what it belongs to. */
  async insert(tx: Transaction<Tables>, broadcast: Broadcast): Promise<void> {
    await tx.insertInto(TABLE).values(this.stored(broadcast)).execute();
  }

  /** Resolves when it is on disk. */
  async save(broadcast: Broadcast): Promise<void> {
    const { id, ...row } = this.stored(broadcast);
    await this.store.write((tx) => tx.updateTable(TABLE).set(row).where("id", "=", id).execute());
  }

  /** Gives a broadcast without a job one. @returns false where it has one already. */
  async attach(tx: Transaction<Tables>, id: string, jobId: string): Promise<boolean> {
    const free = tx.updateTable(TABLE).set({ job_id: jobId }).where("id", "=", id).where("job_id", "is", null);
    const { numUpdatedRows } = await free.executeTakeFirst();
    return numUpdatedRows > 0n;
  }

  async add(broadcast: Broadcast): Promise<void> {
    await this.store.write((tx) => this.insert(tx, broadcast));
  }

  /** Whether one of ours has this id at YouTube. */
  async isKnown(broadcastId: string): Promise<boolean> {
    const row = await this.store.db
      .selectFrom(TABLE)
      .select("id")
      .where("broadcast_id", "=", broadcastId)
      .executeTakeFirst();
    return row !== undefined;
  }

  /** Forgets those that ended before a moment. */
  async prune(endedBefore: string): Promise<void> {
    await this.store.write((tx) =>
      tx.deleteFrom(TABLE).where("state", "=", "ended").where("ended_at", "<", endedBefore).execute(),
    );
  }

  private stored(broadcast: Broadcast): StoredBroadcast {
    const { id, ingestion, startRequest } = broadcast;
    const seal = (column: string, value: unknown): Sealed | null =>
      value === null ? null : this.sealed.sealText(TABLE, column, id, JSON.stringify(value));
    return {
      ...{ id, origin: broadcast.origin, room: broadcast.room, job_id: broadcast.jobId, state: broadcast.state },
      ...{ unsure: broadcast.unsure, marker: broadcast.marker },
      ...{ title: broadcast.title, description: broadcast.description, sent_texts: json(broadcast.sentTexts) },
      ...{ privacy: broadcast.privacy, sheet_key: broadcast.sheetKey, keeps_stream: broadcast.keepsStream ? 1 : 0 },
      ...{ stream_id: broadcast.streamId, ingestion: seal("ingestion", ingestion) },
      ...{ broadcast_id: broadcast.broadcastId, channel_id: broadcast.channelId, bound: broadcast.bound ? 1 : 0 },
      ...{ scheduled_start: broadcast.scheduledStart, late_epoch: broadcast.lateEpoch },
      ...{ attempts: broadcast.attempts, retry_at: broadcast.retryAt, problem: json(broadcast.problem) },
      ...{ options: JSON.stringify(broadcast.options), auto_start: broadcast.autoStart ? 1 : 0 },
      ...{ auto_stop_minutes: broadcast.autoStopMinutes, auto_stop_at: broadcast.autoStopAt },
      ...{ start_request: seal("start_request", startRequest), created_at: broadcast.createdAt },
      ...{ updated_at: broadcast.updatedAt, live_at: broadcast.liveAt, ended_at: broadcast.endedAt },
      outcome: broadcast.outcome,
    };
  }

  private opened(row: StoredBroadcast): Broadcast {
    const open = <T>(column: string, sealed: Sealed | null): T | null =>
      sealed === null ? null : (JSON.parse(this.sealed.openText(TABLE, column, row.id, sealed)) as T);
    return {
      ...{ id: row.id, origin: row.origin, room: row.room, jobId: row.job_id, state: row.state, unsure: row.unsure },
      ...{ marker: row.marker, title: row.title, description: row.description, sentTexts: parsed(row.sent_texts) },
      ...{ privacy: row.privacy, sheetKey: row.sheet_key, keepsStream: row.keeps_stream === 1 },
      ...{ streamId: row.stream_id, ingestion: open("ingestion", row.ingestion), broadcastId: row.broadcast_id },
      ...{ channelId: row.channel_id, bound: row.bound === 1, scheduledStart: row.scheduled_start },
      ...{ lateEpoch: row.late_epoch, attempts: row.attempts, retryAt: row.retry_at, problem: parsed(row.problem) },
      ...{ options: parsed<Broadcast["options"]>(row.options) ?? {}, autoStart: row.auto_start === 1 },
      ...{ autoStopMinutes: row.auto_stop_minutes, autoStopAt: row.auto_stop_at },
      ...{
        startRequest: open("start_request", row.start_request),
        createdAt: row.created_at,
        updatedAt: row.updated_at,
      },
      ...{ liveAt: row.live_at, endedAt: row.ended_at, outcome: row.outcome },
    };
  }
}
