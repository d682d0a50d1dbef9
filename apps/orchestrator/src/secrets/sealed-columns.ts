import type { KeyRing } from "@stream-control/service-kit/secrets";
import type { JobRow, Sealed, StoredJobRow } from "../store/tables.js";
import { OpenedTexts } from "./opened-texts.js";

/**
 * The columns that are encrypted, whole, because a config that belongs to somebody else's agent may hold a secret under any
 * name. Events, errors and measurements are not among them: what is secret is taken out before they are written.
 */
export const SEALED_COLUMNS = {
  jobs: ["inline_config", "config", "own_source", "stream_metadata", "metadata"],
  templates: ["config"],
} as const satisfies Record<string, readonly string[]>;

export type SealedTable = keyof typeof SEALED_COLUMNS;
type JobColumn = (typeof SEALED_COLUMNS.jobs)[number];

const isSealedJobColumn = (column: string): column is JobColumn =>
  (SEALED_COLUMNS.jobs as readonly string[]).includes(column);

/** Seals what goes into the encrypted columns and opens what comes out; every statement on these tables passes here. */
export class SealedColumns {
  private readonly opened = new OpenedTexts();

  constructor(readonly ring: KeyRing) {}

  /** Columns of a job as they are stored. */
  sealJob<Row extends Partial<JobRow>>(id: string, row: Row): SealedRow<Row> {
    return this.mapJob(id, row, (text, place) => this.seal(text, place)) as SealedRow<Row>;
  }

  /** @throws SealError where the row was changed by somebody else, or its key is not given. */
  openJob(row: StoredJobRow): JobRow {
    return this.mapJob(row.id, row, (text, place) => this.open(text, place)) as JobRow;
  }

  sealTemplate(id: string, config: string): Sealed {
    return this.seal(config, placeOf("templates", "config", id));
  }

  /** @throws SealError as {@link openJob}. */
  openTemplate(id: string, config: Sealed): string {
    return this.open(config, placeOf("templates", "config", id));
  }

  private mapJob(id: string, row: object, map: (text: string, place: string) => string): object {
    const mapped: Record<string, unknown> = { ...row };
    for (const column in row)
      if (isSealedJobColumn(column)) {
        const text = mapped[column];
        if (typeof text === "string") mapped[column] = map(text, placeOf("jobs", column, id));
      }
    return mapped;
  }

  private seal(text: string, place: string): Sealed {
    const sealed = this.ring.seal(text, place);
    this.opened.set(sealed, place, text);
    return sealed as Sealed;
  }

  private open(sealed: string, place: string): string {
    const known = this.opened.get(sealed, place);
    if (known !== undefined) return known;
    const text = this.ring.open(sealed, place);
    this.opened.set(sealed, place, text);
    return text;
  }
}

/** What a sealed text is bound to. */
export const placeOf = (table: SealedTable, column: string, id: string): string => `${table}.${column}/${id}`;

type SealedRow<Row> = { [Column in keyof Row]: Column extends JobColumn ? SealedText<Row[Column]> : Row[Column] };
type SealedText<Text> = Text extends string ? Sealed : Text;
