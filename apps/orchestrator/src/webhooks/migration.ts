import { type Migration, sql } from "@stream-control/store";

/** Webhooks, and what is on its way to them. */
export const webhooksMigration: Migration = {
  async up(db) {
    await db.schema
      .createTable("webhooks")
      .addColumn("id", "text", (column) => column.primaryKey().notNull())
      .addColumn("room", "text", (column) => column.notNull())
      .addColumn("url", "text", (column) => column.notNull())
      .addColumn("events", "text", (column) => column.notNull())
      .addColumn("secrets", "text", (column) => column.notNull())
      .addColumn("enabled", "integer", (column) => column.notNull())
      .addColumn("description", "text", (column) => column.notNull())
      .addColumn("created_at", "text", (column) => column.notNull())
      .addColumn("updated_at", "text", (column) => column.notNull())
      .addColumn("cursor_seq", "integer", (column) => column.notNull())
      .addColumn("hold_until", "text")
      .addColumn("last_delivery_at", "text")
      .addColumn("failing_since", "text")
      .addColumn("disabled_reason", "text")
      .execute();
    await db.schema
      .createTable("webhook_deliveries")
      .addColumn("seq", "integer", (column) => column.primaryKey().autoIncrement())
      .addColumn("id", "text", (column) => column.notNull().unique())
      .addColumn("webhook_id", "text", (column) => column.notNull())
      .addColumn("type", "text", (column) => column.notNull())
      .addColumn("event_seq", "integer")
      .addColumn("job_id", "text")
      .addColumn("job", "text")
      .addColumn("status", "text", (column) => column.notNull())
      .addColumn("attempts", "integer", (column) => column.notNull())
      .addColumn("created_at", "text", (column) => column.notNull())
      .addColumn("last_attempt_at", "text")
      .addColumn("next_attempt_at", "text")
      .addColumn("give_up_at", "text", (column) => column.notNull())
      .addColumn("response_status", "integer")
      .addColumn("duration_ms", "integer")
      .addColumn("error", "text")
      .execute();
    // The next one is looked for among the few that are pending, however many were delivered.
    await sql`create index webhook_deliveries_pending on webhook_deliveries (webhook_id, seq)
      where status = 'pending'`.execute(db);
    await sql`create index webhook_deliveries_webhook on webhook_deliveries (webhook_id, seq)`.execute(db);
  },
};
