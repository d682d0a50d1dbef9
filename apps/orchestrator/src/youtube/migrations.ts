import type { Migration } from "@stream-control/store";

/** The connected account, authorizations under way, and the quota by days. */
export const youtubeAccountMigration: Migration = {
  async up(db) {
    await db.schema
      .createTable("youtube_account")
      .addColumn("id", "text", (column) => column.primaryKey().notNull())
      .addColumn("refresh_token", "text")
      .addColumn("channel_id", "text")
      .addColumn("channel_title", "text")
      .addColumn("connected_at", "text")
      .addColumn("problem", "text")
      .execute();
    await db.schema
      .createTable("youtube_oauth_states")
      .addColumn("hash", "text", (column) => column.primaryKey().notNull())
      .addColumn("actor", "text", (column) => column.notNull())
      .addColumn("expires_at", "text", (column) => column.notNull())
      .execute();
    await db.schema
      .createTable("youtube_quota")
      .addColumn("day", "text", (column) => column.primaryKey().notNull())
      .addColumn("units", "integer", (column) => column.notNull())
      .addColumn("exhausted", "integer", (column) => column.notNull().defaultTo(0))
      .execute();
  },
};

/** Broadcasts, stream keys that are kept, and what an operator has set. */
export const youtubeBroadcastsMigration: Migration = {
  async up(db) {
    await db.schema
      .createTable("youtube_broadcasts")
      .addColumn("id", "text", (column) => column.primaryKey().notNull())
      .addColumn("origin", "text", (column) => column.notNull())
      .addColumn("room", "text", (column) => column.notNull())
      .addColumn("job_id", "text")
      .addColumn("state", "text", (column) => column.notNull())
      .addColumn("unsure", "text")
      .addColumn("marker", "text", (column) => column.notNull())
      .addColumn("title", "text", (column) => column.notNull())
      .addColumn("description", "text", (column) => column.notNull())
      .addColumn("sent_texts", "text")
      .addColumn("privacy", "text", (column) => column.notNull())
      .addColumn("sheet_key", "text")
      .addColumn("keeps_stream", "integer", (column) => column.notNull())
      .addColumn("stream_id", "text")
      .addColumn("ingestion", "text")
      .addColumn("broadcast_id", "text")
      .addColumn("channel_id", "text")
      .addColumn("bound", "integer", (column) => column.notNull())
      .addColumn("scheduled_start", "text", (column) => column.notNull())
      .addColumn("late_epoch", "integer")
      .addColumn("attempts", "integer", (column) => column.notNull())
      .addColumn("retry_at", "text")
      .addColumn("problem", "text")
      .addColumn("options", "text", (column) => column.notNull())
      .addColumn("auto_start", "integer", (column) => column.notNull())
      .addColumn("auto_stop_minutes", "integer")
      .addColumn("auto_stop_at", "text")
      .addColumn("start_request", "text")
      .addColumn("created_at", "text", (column) => column.notNull())
      .addColumn("updated_at", "text", (column) => column.notNull())
      .addColumn("live_at", "text")
      .addColumn("ended_at", "text")
      .addColumn("outcome", "text")
      .execute();
    await db.schema.createIndex("youtube_broadcasts_job").on("youtube_broadcasts").column("job_id").execute();
    await db.schema.createIndex("youtube_broadcasts_state").on("youtube_broadcasts").column("state").execute();
    await db.schema
      .createTable("youtube_streams")
      .addColumn("id", "text", (column) => column.primaryKey().notNull())
      .addColumn("marker", "text", (column) => column.notNull())
      .addColumn("stream_id", "text")
      .addColumn("ingestion", "text")
      .execute();
    await db.schema
      .createTable("youtube_settings")
      .addColumn("name", "text", (column) => column.primaryKey().notNull())
      .addColumn("value", "text", (column) => column.notNull())
      .execute();
  },
};
