import type { Selectable, Store } from "@stream-control/store";
import type { LivestreamTables, Tables } from "../streams/tables.js";
import { eventSchema, type StreamEvent } from "./event.js";

/** Reads the events that the ledger has written. */
export class EventLog {
  constructor(private readonly store: Store<Tables>) {}

  /** Those of a stream after a number, oldest first. */
  async since(streamId: string, number: number, limit: number): Promise<StreamEvent[]> {
    const rows = await this.store.read((db) =>
      db
        .selectFrom("livestream_events")
        .selectAll()
        .where("stream_id", "=", streamId)
        .where("number", ">", number)
        .orderBy("number")
        .limit(limit)
        .execute(),
    );
    return rows.map(toEvent);
  }

  /** The newest of one or all streams, newest first. */
  async recent(limit: number, streamId?: string): Promise<StreamEvent[]> {
    const rows = await this.store.read((db) => {
      const query = db.selectFrom("livestream_events").selectAll().limit(limit);
      return streamId === undefined
        ? query.orderBy("at", "desc").orderBy("stream_id").orderBy("number", "desc").execute()
        : query.where("stream_id", "=", streamId).orderBy("number", "desc").execute();
    });
    return rows.map(toEvent);
  }

  /** The newest number of each of these streams. */
  async newest(streamIds: readonly string[]): Promise<Map<string, number>> {
    if (streamIds.length === 0) return new Map();
    const rows = await this.store.read((db) =>
      db.selectFrom("livestreams").select(["id", "last_event"]).where("id", "in", streamIds).execute(),
    );
    return new Map(rows.map(({ id, last_event }) => [id, last_event]));
  }
}

const toEvent = (row: Selectable<LivestreamTables["livestream_events"]>): StreamEvent =>
  eventSchema.parse({
    ...{ type: row.type, streamId: row.stream_id, number: row.number, timestamp: row.at, instanceId: row.instance },
    ...{ previousStatus: row.previous_status, data: JSON.parse(row.data) },
  });
