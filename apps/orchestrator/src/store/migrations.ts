import { accessMigration, oidcMigration } from "@stream-control/service-kit/access";
import { eventLogMigration } from "@stream-control/service-kit/audit";
import { type Migration, sql } from "@stream-control/store";
import { analyticsMigration } from "../analytics/migration.js";
import { configurationMigration } from "../configuration/migration.js";
import { measurementsMigration } from "../jobs/measurements/measurement-rows.js";
import { jobSearchMigration } from "../jobs/search/fill.js";
import { callbackSecretsMigration } from "../renders/callbacks/migration.js";
import { resultsMigration } from "../renders/files/migration.js";
import { resourcesMigration } from "../resources/migration.js";
import { placementMigration, prioritiesMigration } from "../scheduling/migration.js";
import { sheetsMigration } from "../sheets/migration.js";
import { webhooksMigration } from "../webhooks/migration.js";
import { restartLimitsMigration, workflowsMigration } from "../workflows/migration.js";
import { youtubeAccountMigration, youtubeBroadcastsMigration } from "../youtube/migrations.js";
import { chainJobEvents } from "./chain-job-events.js";

/** Every change of the tables, by name, in the order of their names. A migration that has shipped is never edited. */
export const migrations: Record<string, Migration> = {
  "0001-jobs-agents-templates": {
    async up(db) {
      await db.schema
        .createTable("jobs")
        .addColumn("seq", "integer", (column) => column.primaryKey().autoIncrement())
        .addColumn("id", "text", (column) => column.notNull().unique())
        .addColumn("template_id", "text")
        .addColumn("inline_config", "text")
        .addColumn("template_config", "text")
        .addColumn("status", "text", (column) => column.notNull())
        .addColumn("wanted_status", "text", (column) => column.notNull())
        .addColumn("agent_id", "text")
        .addColumn("epoch", "integer", (column) => column.notNull())
        .addColumn("restarts", "integer", (column) => column.notNull())
        .addColumn("not_before", "text")
        .addColumn("created_at", "text", (column) => column.notNull())
        .addColumn("updated_at", "text", (column) => column.notNull())
        .addColumn("started_at", "text")
        .addColumn("running_since", "text")
        .addColumn("ended_at", "text")
        .addColumn("error", "text")
        .addColumn("reason", "text")
        .addColumn("requested_by", "text")
        .addColumn("idempotency_key", "text", (column) => column.unique())
        .addColumn("restart_policy", "text", (column) => column.notNull())
        .addColumn("stream_context", "text")
        .addColumn("stream_metadata", "text")
        .addColumn("metadata", "text")
        .addColumn("progress", "text")
        .execute();
      // Two partial indexes instead of one over `status`: an open job moves within a tiny tree at every change of its
      // status, and enters the large one once, when it ends.
      await sql`create index jobs_open on jobs (status, seq) where ended_at is null`.execute(db);
      await sql`create index jobs_ended on jobs (status, seq) where ended_at is not null`.execute(db);
      await db.schema.createIndex("jobs_agent").on("jobs").columns(["agent_id", "seq"]).execute();

      await db.schema
        .createTable("job_events")
        .addColumn("seq", "integer", (column) => column.primaryKey().autoIncrement())
        .addColumn("job_id", "text", (column) => column.notNull())
        .addColumn("type", "text", (column) => column.notNull())
        .addColumn("message", "text", (column) => column.notNull())
        .addColumn("data", "text")
        .addColumn("ts", "text", (column) => column.notNull())
        .execute();
      await db.schema.createIndex("job_events_job").on("job_events").columns(["job_id", "seq"]).execute();

      await db.schema
        .createTable("agents")
        .addColumn("id", "text", (column) => column.primaryKey())
        .addColumn("name", "text", (column) => column.notNull())
        .addColumn("version", "text", (column) => column.notNull())
        .addColumn("capabilities", "text", (column) => column.notNull())
        .addColumn("meta", "text", (column) => column.notNull())
        .addColumn("protocol_version", "integer")
        .addColumn("operator_drain", "integer", (column) => column.notNull())
        .addColumn("error", "text")
        .addColumn("first_seen_at", "text", (column) => column.notNull())
        .addColumn("last_seen_at", "text", (column) => column.notNull())
        .execute();

      await db.schema
        .createTable("templates")
        .addColumn("id", "text", (column) => column.primaryKey())
        .addColumn("name", "text", (column) => column.notNull())
        .addColumn("description", "text", (column) => column.notNull())
        .addColumn("config", "text", (column) => column.notNull())
        .addColumn("created_at", "text", (column) => column.notNull())
        .addColumn("updated_at", "text", (column) => column.notNull())
        .execute();
    },
  },
  "0002-leases-moves-drain-deadlines": {
    async up(db) {
      await db.schema
        .alterTable("jobs")
        .addColumn("on_disconnect", "text", (column) => column.notNull().defaultTo("continue"))
        .execute();
      for (const flag of ["fenced", "moving"])
        await db.schema
          .alterTable("jobs")
          .addColumn(flag, "integer", (column) => column.notNull().defaultTo(0))
          .execute();
      await db.schema.alterTable("jobs").addColumn("own_source", "text").execute();
      await sql`update jobs set on_disconnect = 'fence' where restart_policy = 'onFailure'`.execute(db);
      // It holds the config in force, which may differ from the one submitted once a destination was added.
      await db.schema.alterTable("jobs").renameColumn("template_config", "config").execute();
      await db.schema.alterTable("agents").addColumn("drain_deadline_at", "text").execute();
      await db.schema
        .alterTable("agents")
        .addColumn("drain_migrate", "integer", (column) => column.notNull().defaultTo(0))
        .execute();
    },
  },
  "0003-access-and-rooms": {
    async up(db) {
      await accessMigration.up(db);
      for (const table of ["jobs", "agents"])
        await db.schema
          .alterTable(table)
          .addColumn("room", "text", (column) => column.notNull().defaultTo("default"))
          .execute();
      await db.schema.createIndex("jobs_room").on("jobs").columns(["room", "seq"]).execute();
      await db.schema
        .createTable("agent_tokens")
        .addColumn("id", "text", (column) => column.primaryKey().notNull())
        .addColumn("agent_id", "text", (column) => column.notNull())
        .addColumn("room", "text", (column) => column.notNull())
        .addColumn("hash", "text", (column) => column.notNull())
        .addColumn("created_at", "text", (column) => column.notNull())
        .addColumn("created_by", "text")
        .addColumn("expires_at", "text")
        .addColumn("last_used_at", "text")
        .addColumn("revoked_at", "text")
        .execute();
      await db.schema.createIndex("agent_tokens_agent").on("agent_tokens").column("agent_id").execute();
    },
  },
  "0005-event-log-chain": {
    async up(db) {
      await eventLogMigration.up(db);
      await chainJobEvents(db);
      await db.schema.dropTable("job_events").execute();
    },
  },
  "0006-oidc-sign-ins": oidcMigration,
  "0007-youtube-account": youtubeAccountMigration,
  "0008-youtube-broadcasts": youtubeBroadcastsMigration,
  "0020-sheets": sheetsMigration,
  "0030-dismissed-jobs": {
    async up(db) {
      await db.schema.alterTable("jobs").addColumn("dismissed_at", "text").execute();
    },
  },
  "0031-job-schedules": {
    async up(db) {
      await db.schema.alterTable("jobs").addColumn("schedule", "text").execute();
    },
  },
  "0040-job-search": jobSearchMigration,
  "0041-job-charts": measurementsMigration,
  "0050-webhooks": webhooksMigration,
  "0060-workflows": workflowsMigration,
  "0061-restart-limits": restartLimitsMigration,
  "0062-callback-secrets": callbackSecretsMigration,
  "0070-priorities": prioritiesMigration,
  "0071-placement": placementMigration,
  "0075-configuration": configurationMigration,
  "0076-learned-demands": resourcesMigration,
  "0077-job-facts": analyticsMigration,
  "0080-expired-results": resultsMigration,
};

/**
 * The migrations with the one that encrypts, which needs the keys.
 *
 * @param seal refuses, unless given: for commands that have no keys, on a database that has been encrypted.
 */
export const allMigrations = (seal: Migration = refusing): Record<string, Migration> => ({
  ...migrations,
  "0004-sealed-configs": seal,
});

const refusing: Migration = {
  up: () => Promise.reject(new Error("start the orchestrator once, which encrypts the secrets in it")),
};
