import { isDeepStrictEqual } from "node:util";
import type { JsonObject, SheetOverlay, UpdateSheetOverlay } from "@stream-control/protocol";
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

/** A sheet in memory, and how many writes there had been with the one that made it so. */
type Known = StoredSheet & { room: string; label: string; order: number };
/** What a sheet becomes, and what the event log says of it; undefined where it stays as it is. */
type Decision = { after: StoredSheet; data: JsonObject } | undefined;

/** The sheets of every room: what is set for them, and with it what is shown of them. The only writer of both. */
export class Sheets {
  private readonly rows: SheetRows;
  /** Also those that were reset, without anything. */
  private readonly known = new Map<string, Known>();
  private writes = 0;
  private readonly teams = new JobTeams();
  private readonly listeners = new Set<(overlay: SheetOverlay) => void>();

  constructor(private readonly deps: SheetsDeps) {
    this.rows = new SheetRows(deps.store.db);
  }

  /** Reads what was set before the last stop. */
  async start(open: readonly JobRow[]): Promise<void> {
    for (const row of await this.rows.all()) this.known.set(keyOf(row.room, row.label), { ...row, order: 0 });
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
    const here = [...this.known.values()].filter((row) => row.room === room && row.updatedAt !== null);
    const set = here.map(({ label }) => label);
    const labels = [...new Set([...set, ...this.teams.sheetsOf(room)])].sort();
    return labels.map((label) => this.get(room, label));
  }

  /**
   * Changes what is given. Resolves when it is on disk.
   *
   * @throws AppError `VERSION_CONFLICT` where the change was made from another version than there is.
   */
  async update(room: string, sheet: string, change: UpdateSheetOverlay): Promise<SheetOverlay> {
    const { now } = this.deps;
    await this.write(room, sheet, (before) => {
      const { version = before.version, ...fields } = change;
      if (version !== before.version)
        throw new AppError(
          "VERSION_CONFLICT",
          `The sheet is at version ${before.version} by now; read it again and decide anew.`,
          { details: { version: before.version } },
        );
      const content = changed(before.content, change);
      if (isDeepStrictEqual(content, before.content)) return undefined;
      const after = { content, version: version + 1, updatedAt: now().toISOString() };
      return { after, data: { fields: Object.keys(fields), version: after.version } };
    });
    return this.get(room, sheet);
  }

  /** Forgets what was set for a sheet. Resolves when that is on disk. @throws AppError `NOT_FOUND` where nothing was. */
  async reset(room: string, sheet: string): Promise<void> {
    await this.write(room, sheet, (before) => {
      if (before === UNSET) throw new AppError("NOT_FOUND", `Nothing was set for the sheet "${sheet}".`);
      return { after: UNSET, data: { version: UNSET.version } };
    });
  }

  /** Decides from what is on disk at that moment, writes it with its entry of the event log, and tells of it. */
  private async write(room: string, sheet: string, decide: (before: StoredSheet) => Decision): Promise<void> {
    const by = currentCaller();
    const { store, log } = this.deps;
    const key = keyOf(room, sheet);
    const written = await store.write(async (tx) => {
      const decision = decide(await this.rows.read(tx, room, sheet));
      if (decision === undefined) return undefined;
      const { after, data } = decision;
      if (after === UNSET) await this.rows.remove(tx, room, sheet);
      else await this.rows.write(tx, room, sheet, after);
      const message =
        after === UNSET ? "What was set for a sheet was forgotten." : "What is shown of a sheet was changed.";
      await log.append(tx, { by, type: "overlay.changed", subject: `sheet:${key}`, message, data });
      this.writes += 1;
      return { ...after, room, label: sheet, order: this.writes };
    });
    // Writes run one after another, but whoever waits for them may hear of them in another order.
    if (written === undefined || written.order < (this.known.get(key)?.order ?? 0)) return;
    this.known.set(key, written);
    this.tell(room, sheet);
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
