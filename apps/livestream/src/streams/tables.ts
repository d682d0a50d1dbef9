import { type AccessTables, accessMigration, oidcMigration } from "@stream-control/service-kit/access";
import { type Migration, sql } from "@stream-control/store";

/** Times are Unix milliseconds, JSON is text. */
export interface LivestreamTables {
  livestreams: {
    id: string;
    room_name: string;
    status: string;
    metadata: string | null;
    created_at: number;
    updated_at: number;
    stopped_at: number | null;
    version: number;
    last_event: number;
    room_sid: string | null;
    error: string | null;
  };
  livestream_participants: {
    stream_id: string;
    identity: string;
    joined_at: number;
    left_at: number | null;
    metadata: string | null;
    sid: string | null;
    sid_joined_at: number | null;
  };
  /** Appended in the transaction of what it tells; `number` counts each stream's own from 1 without gaps. */
  livestream_events: {
    stream_id: string;
    number: number;
    type: string;
    at: number;
    previous_status: string | null;
    /** What clients get as `data`. */
    data: string;
    instance: string;
  };
  /** Webhooks that were taken. */
  livestream_webhooks: { id: string; at: number };
  /** Requests with an `Idempotency-Key`; `answer` is null while one is being carried out. */
  livestream_requests: {
    key: string;
    fingerprint: string;
    begun_at: number;
    status: number | null;
    answer: string | null;
  };
}

export type Tables = LivestreamTables & AccessTables;

const livestreams: Migration = {
  async up(db) {
    const { schema } = db;
    await schema
      .createTable("livestreams")
      .addColumn("id", "text", (column) => column.primaryKey().notNull())
      .addColumn("room_name", "text", (column) => column.notNull())
      .addColumn("status", "text", (column) => column.notNull())
      .addColumn("metadata", "text")
      .addColumn("created_at", "bigint", (column) => column.notNull())
      .addColumn("updated_at", "bigint", (column) => column.notNull())
      .addColumn("stopped_at", "bigint")
      .addColumn("version", "integer", (column) => column.notNull())
      .addColumn("last_event", "integer", (column) => column.notNull())
      .addColumn("room_sid", "text")
      .addColumn("error", "text")
      .execute();
    // A room of LiveKit is known by its name, so two streams must not have one at the same time.
    await sql`create unique index livestreams_room on livestreams (room_name) where status <> 'stopped'`.execute(db);
    await schema.createIndex("livestreams_created").on("livestreams").columns(["created_at", "id"]).execute();
    await schema
      .createTable("livestream_participants")
      .addColumn("stream_id", "text", (column) => column.notNull())
      .addColumn("identity", "text", (column) => column.notNull())
      .addColumn("joined_at", "bigint", (column) => column.notNull())
      .addColumn("left_at", "bigint")
      .addColumn("metadata", "text")
      .addColumn("sid", "text")
      .addColumn("sid_joined_at", "bigint")
      .addPrimaryKeyConstraint("livestream_participants_key", ["stream_id", "identity"])
      .execute();
    await schema
      .createTable("livestream_events")
      .addColumn("stream_id", "text", (column) => column.notNull())
      .addColumn("number", "integer", (column) => column.notNull())
      .addColumn("type", "text", (column) => column.notNull())
      .addColumn("at", "bigint", (column) => column.notNull())
      .addColumn("previous_status", "text")
      .addColumn("data", "text", (column) => column.notNull())
      .addColumn("instance", "text", (column) => column.notNull())
      .addPrimaryKeyConstraint("livestream_events_key", ["stream_id", "number"])
      .execute();
    await schema.createIndex("livestream_events_at").on("livestream_events").column("at").execute();
    await schema
      .createTable("livestream_webhooks")
      .addColumn("id", "text", (column) => column.primaryKey().notNull())
      .addColumn("at", "bigint", (column) => column.notNull())
      .execute();
    await schema
      .createTable("livestream_requests")
      .addColumn("key", "text", (column) => column.primaryKey().notNull())
      .addColumn("fingerprint", "text", (column) => column.notNull())
      .addColumn("begun_at", "bigint", (column) => column.notNull())
      .addColumn("status", "integer")
      .addColumn("answer", "text")
      .execute();
  },
};

export const migrations: Record<string, Migration> = {
  "0001-access": accessMigration,
  "0002-oidc": oidcMigration,
  "0003-livestreams": livestreams,
};
