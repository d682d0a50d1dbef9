import { AppError } from "@stream-control/service-kit";
import type { Store } from "@stream-control/store";
import type { JournalEntry } from "../timeline/index.js";
import type { Journal, JournalListener, TimelineRecord } from "./journal.js";
import type { TimelineTables } from "./tables.js";

export interface StoreJournalOptions {
  store: Store<TimelineTables>;
  /** The name of this instance. */
  instance: string;
  /** How long what is gone is kept for its as-run record. */
  keepRemovedMs: number;
  now: () => number;
}

/** The journal of a service that runs alone, in its database. A command and the state after it are one commit. */
export class StoreJournal implements Journal {
  readonly mayAct = true;
  private readonly records = new Map<string, TimelineRecord>();
  private housekeeping: NodeJS.Timeout | undefined;

  constructor(private readonly options: StoreJournalOptions) {}

  async start(listener: JournalListener): Promise<void> {
    const { store, instance } = this.options;
    await this.prune();
    const rows = await store.db.selectFrom("timelines").selectAll().where("removed_at", "is", null).execute();
    for (const row of rows) {
      const kept: TimelineRecord = JSON.parse(row.record);
      const record = {
        ...kept,
        position: row.position,
        owner: instance,
        epoch: kept.epoch + 1,
      };
      this.records.set(record.streamId, record);
    }
    // The epoch must be on disk before anybody sees it, or the next start would use it again.
    const mine = this.list();
    if (mine.length > 0)
      await store.write(async (tx) => {
        for (const record of mine)
          await tx
            .updateTable("timelines")
            .set({ record: JSON.stringify(record) })
            .where("stream_id", "=", record.streamId)
            .execute();
      });
    this.housekeeping = setInterval(() => void this.prune().catch(() => {}), PRUNE_EVERY_MS);
    for (const record of mine) listener.gained(record);
  }

  async stop(): Promise<void> {
    clearInterval(this.housekeeping);
  }

  async create(record: TimelineRecord): Promise<TimelineRecord> {
    const { streamId } = record;
    if (this.records.has(streamId)) throw exists(streamId);
    this.records.set(streamId, record);
    try {
      const row = { stream_id: streamId, record: JSON.stringify(record), position: record.position, removed_at: null };
      const isNew = await this.options.store.write(async (tx) => {
        const { numInsertedOrUpdatedRows } = await tx
          .insertInto("timelines")
          .values(row)
          .onConflict((conflict) => conflict.doNothing())
          .executeTakeFirst();
        return numInsertedOrUpdatedRows === 1n;
      });
      // The id of one that is gone names its as-run record, as long as that is kept.
      if (!isNew) throw exists(streamId);
    } catch (error) {
      this.records.delete(streamId);
      throw error;
    }
    return record;
  }

  async append(given: TimelineRecord, { atMs, command }: JournalEntry): Promise<TimelineRecord> {
    const record = { ...given, position: given.position + 1 };
    const { streamId, position } = record;
    await this.options.store.write(async (tx) => {
      const entry = { stream_id: streamId, position, at: atMs, command: JSON.stringify(command) };
      await tx.insertInto("timeline_commands").values(entry).execute();
      const changed = { record: JSON.stringify(record), position };
      await tx.updateTable("timelines").set(changed).where("stream_id", "=", streamId).execute();
    });
    this.records.set(streamId, record);
    return record;
  }

  async remove(record: TimelineRecord): Promise<void> {
    const removedAtMs = this.options.now();
    await this.options.store.write((tx) =>
      tx.updateTable("timelines").set({ removed_at: removedAtMs }).where("stream_id", "=", record.streamId).execute(),
    );
    this.records.delete(record.streamId);
  }

  find(streamId: string): TimelineRecord | undefined {
    return this.records.get(streamId);
  }

  async findRemoved(streamId: string): Promise<TimelineRecord | undefined> {
    const row = await this.options.store.db
      .selectFrom("timelines")
      .selectAll()
      .where("stream_id", "=", streamId)
      .where("removed_at", "is not", null)
      .executeTakeFirst();
    return row === undefined ? undefined : { ...JSON.parse(row.record), removedAtMs: row.removed_at };
  }

  get size(): number {
    return this.records.size;
  }

  list(): TimelineRecord[] {
    return [...this.records.values()];
  }

  async entries(streamId: string): Promise<JournalEntry[]> {
    const rows = await this.options.store.db
      .selectFrom("timeline_commands")
      .selectAll()
      .where("stream_id", "=", streamId)
      .orderBy("position")
      .execute();
    return rows.map(({ at, command }) => ({ atMs: at, command: JSON.parse(command) }));
  }

  private async prune(): Promise<void> {
    const beforeMs = this.options.now() - this.options.keepRemovedMs;
    await this.options.store.write((tx) => tx.deleteFrom("timelines").where("removed_at", "<", beforeMs).execute());
  }
}

const exists = (streamId: string): AppError =>
  new AppError("TIMELINE_EXISTS", `There is, or was until lately, a timeline "${streamId}"; choose another id.`);

const PRUNE_EVERY_MS = 3_600_000;
