import type { Kysely, Store, Transaction } from "@stream-control/store";
import type { Tables } from "../store/tables.js";
import { EMPTY_SHEET, type SheetContent } from "./sheet.js";

/** A sheet as it is stored. */
export interface StoredSheet {
  content: SheetContent;
  version: number;
  updatedAt: string | null;
}

export const UNSET: StoredSheet = { content: EMPTY_SHEET, version: 0, updatedAt: null };

/** Sheets in the store. */
export class SheetRows {
  constructor(private readonly db: Store<Tables>["db"]) {}

  async all(): Promise<(StoredSheet & { room: string; label: string })[]> {
    const rows = await this.db.selectFrom("sheets").selectAll().execute();
    return rows.map((row) => ({ ...opened(row), room: row.room, label: row.label }));
  }

  async read(tx: Kysely<Tables> | Transaction<Tables>, room: string, label: string): Promise<StoredSheet> {
    const found = tx.selectFrom("sheets").selectAll().where("room", "=", room).where("label", "=", label);
    const row = await found.executeTakeFirst();
    return row === undefined ? UNSET : opened(row);
  }

  async write(tx: Transaction<Tables>, room: string, label: string, sheet: StoredSheet): Promise<void> {
    const { version, updatedAt } = sheet;
    const row = { content: JSON.stringify(sheet.content), version, updated_at: updatedAt ?? "" };
    await tx
      .insertInto("sheets")
      .values({ room, label, ...row })
      .onConflict((conflict) => conflict.columns(["room", "label"]).doUpdateSet(row))
      .execute();
  }

  async remove(tx: Transaction<Tables>, room: string, label: string): Promise<void> {
    await tx.deleteFrom("sheets").where("room", "=", room).where("label", "=", label).execute();
  }
}

const opened = (row: Tables["sheets"]): StoredSheet => ({
  content: { ...EMPTY_SHEET, ...(JSON.parse(row.content) as Partial<SheetContent>) },
  version: row.version,
  updatedAt: row.updated_at,
});
