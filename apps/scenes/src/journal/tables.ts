import type { AccessTables } from "@stream-control/service-kit/access";
import { accessMigration, oidcMigration } from "@stream-control/service-kit/access";
import { type EventLogTables, eventLogMigration } from "@stream-control/service-kit/audit";
import { type Migration, sql } from "@stream-control/store";

export interface TimelineTables {
  timelines: {
    stream_id: string;
    /** Everything of the record, as JSON. */
    record: string;
    position: number;
    /** Milliseconds since 1970; null while it is there. */
    removed_at: number | null;
  };
  timeline_commands: {
    stream_id: string;
    position: number;
    at: number;
    command: string;
  };
}

export type Tables = TimelineTables & AccessTables & EventLogTables;

/** Every change of the tables, by name, in the order of their names. A migration that has shipped is never edited. */
export const migrations: Record<string, Migration> = {
  "0001-event-log": eventLogMigration,
  "0002-access": accessMigration,
  "0003-oidc": oidcMigration,
  "0004-timelines": {
    async up(db) {
      await sql`create table timelines (
        stream_id text primary key,
        record text not null,
        position integer not null,
        removed_at integer
      )`.execute(db);
      await sql`create table timeline_commands (
        stream_id text not null references timelines (stream_id) on delete cascade,
        position integer not null,
        at integer not null,
        command text not null,
        primary key (stream_id, position)
      ) without rowid`.execute(db);
    },
  },
};

/** The database inside DATA_DIR. */
export const DATABASE_FILE = "scenes.db";
