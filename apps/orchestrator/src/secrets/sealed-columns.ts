import type { KeyRing } from "@stream-control/service-kit/secrets";
import type { JobRow, Sealed, StoredJobRow } from "../store/tables.js";
import { OpenedRows } from "./opened-rows.js";

/**
 * The columns that are encrypted, whole, because a config that belongs to somebody else's agent may hold a secret under any
 * name. Events, errors and measurements are not among them: what is secret is taken out before they are written.
 */
export const SEALED_COLUMNS = {
  jobs: ["inline_config", "config", "own_source", "stream_metadata", "metadata"],
  templates: ["config"],
  youtube_account: ["refresh_token"],
  youtube_broadcasts: ["ingestion", "start_request"],
  youtube_streams: ["ingestion"],
  webhooks: ["url", "secrets"],
  workflow_runs: ["input"],
  workflow_steps: ["output"],
  callback_secrets: ["secrets"],
} as const satisfies Record<string, readonly string[]>;

export type SealedTable = keyof typeof SEALED_COLUMNS;
type CachedTable = "jobs" | "templates";
type JobColumn = (typeof SEALED_COLUMNS.jobs)[number];

/** Seals what goes into the encrypted columns and opens what comes out; every statement on these tables passes here. */
export class SealedColumns {
  private readonly jobs = new OpenedRows();
  private readonly templates = new OpenedRows();

  constructor(readonly ring: KeyRing) {}

  /** Columns of a job as they are stored. */
  sealJob<Row extends Partial<JobRow>>(id: string, row: Row): SealedRow<Row> {
    const stored: Partial<Record<JobColumn, string | null>> & object = { ...row };
    for (const column of SEALED_COLUMNS.jobs) {
      const text = row[column];
      if (typeof text === "string") stored[column] = this.seal("jobs", column, id, text);
    }
    return stored as SealedRow<Row>;
  }

  /**
   * Opens a row that was just read; it is opened in place, since rows are read by the hundred thousand.
   *
   * @throws SealError where it was changed by somebody else, or its key is not given.
   */
  openJob(row: StoredJobRow): JobRow {
    const opened: Record<JobColumn, string | null> = row;
    for (const column of SEALED_COLUMNS.jobs) {
      const sealed = opened[column];
      if (sealed !== null) opened[column] = this.open("jobs", column, row.id, sealed);
    }
    return row;
  }

  sealTemplate(id: string, config: string): Sealed {
    return this.seal("templates", "config", id, config);
  }

  /** @throws SealError as {@link openJob}. */
  openTemplate(id: string, config: Sealed): string {
    return this.open("templates", "config", id, config);
  }

  /** Seals a column of any other table; those are few and not read often. */
  sealText(table: SealedTable, column: string, id: string, text: string): Sealed {
    return this.ring.seal(text, placeOf(table, column, id)) as Sealed;
  }

  /** @throws SealError as {@link openJob}. */
  openText(table: SealedTable, column: string, id: string, sealed: Sealed): string {
    return this.ring.open(sealed, placeOf(table, column, id));
  }

  private seal(table: CachedTable, column: string, id: string, text: string): Sealed {
    const sealed = this.ring.seal(text, placeOf(table, column, id));
    this[table].note(this[table].row(id), column, { sealed, text });
    return sealed as Sealed;
  }

  private open(table: CachedTable, column: string, id: string, sealed: string): string {
    const row = this[table].row(id);
    const known = row[column];
    if (known?.sealed === sealed) return known.text;
    const text = this.ring.open(sealed, placeOf(table, column, id));
    this[table].note(row, column, { sealed, text });
    return text;
  }
}

/** What a sealed text is bound to. */
export const placeOf = (table: SealedTable, column: string, id: string): string => `${table}.${column}/${id}`;

type SealedRow<Row> = { [Column in keyof Row]: Column extends JobColumn ? SealedText<Row[Column]> : Row[Column] };
type SealedText<Text> = Text extends string ? Sealed : Text;
