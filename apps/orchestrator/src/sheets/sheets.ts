import { isDeepStrictEqual } from "node:util";
import type { SheetOverlay, UpdateSheetOverlay } from "@stream-control/protocol";
import { AppError, type Logger, toError } from "@stream-control/service-kit";
import type { EventLog } from "@stream-control/service-kit/audit";
import { currentCaller } from "@stream-control/service-kit/http";
import type { Store } from "@stream-control/store";
import type { Ledger } from "../jobs/ledger.js";
import type { JobRow, Tables } from "../store/tables.js";
import { JobTeams, keyOf } from "./job-teams.js";
import { changed, shownNames } from "./sheet.js";
import { SheetRows, type StoredSheet, UNSET } from "./sheet-rows.js";

export interface SheetsDeps {
  store: Store<Tables>;
  log: EventLog;
  ledger: Ledger;
  logger: Logger;
  now: () => Date;
}

/** The sheets of every room: what is set for them, and with it what is shown of them. The only writer of both. */
export class Sheets {
  private readonly rows: SheetRows;
  private readonly known = new Map<string, StoredSheet & { room: string; label: string }>();
  private readonly teams = new JobTeams();
  private readonly listeners = new Set<(overlay: SheetOverlay) => void>();

  constructor(private readonly deps: SheetsDeps) {
    this.rows = new SheetRows(deps.store.db);
  }

  /** Reads what was set before the last stop. */
  async start(open: readonly JobRow[]): Promise<void> {
    for (const row of await this.rows.all()) this.known.set(keyOf(row.room, row.label), row);
    for (const job of open) this.teams.note(job);
    this.deps.ledger.onCommit(({ job }) => this.onJob(job));
  }

  /** Calls the listener with every sheet whose content or names have changed, after that is on disk. */
  onChange(listener: (overlay: SheetOverlay) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  get(room: string, sheet: string): SheetOverlay {
    const key = keyOf(room, sheet);
    const { content, version, updatedAt } = this.known.get(key) ?? UNSET;
    return { room, sheet, ...content, shownNames: shownNames(content, this.teams.of(key)), version, updatedAt };
  }

  /** Sheets of a room of which something was set, or on which a job runs, in the order of their labels. */
  list(room: string): SheetOverlay[] {
    const set = [...this.known.values()].filter((row) => row.room === room).map(({ label }) => label);
    const labels = [...new Set([...set, ...this.teams.sheetsOf(room)])].sort();
    return labels.map((label) => this.get(room, label));
  }

  /**
   * Changes what is given. Resolves when it is on disk.
   *
   * @throws AppError `VERSION_CONFLICT` where the change was made from another version than there is.
   */
  async update(room: string, sheet: string, change: UpdateSheetOverlay): Promise<SheetOverlay> {
    const by = currentCaller();
    const { store, log, now } = this.deps;
    const after = await store.write(async (tx): Promise<StoredSheet> => {
      const before = await this.rows.read(tx, room, sheet);
      const { version = before.version, ...fields } = change;
      if (version !== before.version)
        throw new AppError(
          "VERSION_CONFLICT",
          `The sheet is at version ${before.version} by now; read it again and decide anew.`,
          { details: { version: before.version } },
        );
      const content = changed(before.content, change);
      if (isDeepStrictEqual(content, before.content)) return before;
      const next = { content, version: version + 1, updatedAt: now().toISOString() };
      await this.rows.write(tx, room, sheet, next);
      await log.append(tx, {
        ...{ by, type: "overlay.changed", subject: `sheet:${keyOf(room, sheet)}` },
        ...{
          message: "What is shown of a sheet was changed.",
          data: { fields: Object.keys(fields), version: next.version },
        },
      });
      return next;
    });
    const key = keyOf(room, sheet);
    // Changes may be told in another order than they were written in.
    if (after.version > (this.known.get(key)?.version ?? 0)) {
      this.known.set(key, { ...after, room, label: sheet });
      this.tell(room, sheet);
    }
    return this.get(room, sheet);
  }

  private onJob(job: JobRow): void {
    const noted = this.teams.note(job);
    if (noted?.isNews === true) this.tell(noted.room, noted.sheet);
  }

  private tell(room: string, sheet: string): void {
    const overlay = this.get(room, sheet);
    for (const listener of this.listeners) {
      try {
        listener(overlay);
      } catch (error) {
        this.deps.logger.error({ err: toError(error), sheet: keyOf(room, sheet) }, "a listener of the sheets failed");
      }
    }
  }
}
