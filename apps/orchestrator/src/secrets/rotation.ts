import { SealError, sealedBy } from "@stream-control/service-kit/secrets";
import type { Store } from "@stream-control/store";
import { sql } from "@stream-control/store";
import type { Tables } from "../store/tables.js";
import { forgetOtherKeys } from "./key-check.js";
import { placeOf, type SealedColumns } from "./sealed-columns.js";
import { countRows, SEALED_TABLES, type SealedRow, sealedRows, writeColumns } from "./sealed-rows.js";

/** How far a rotation is. */
export interface RotationStep {
  table: string;
  /** Rows looked at, and rows that there are. */
  rows: number;
  of: number;
}

export interface RotationResult {
  /** Values that were encrypted anew; the others had the first key already. */
  resealed: number;
  /** Values that were opened with the first key in the end: all that there are. */
  verified: number;
}

/**
 * Encrypts everything with the ring's first key. It may break off at any point and be run again, since each value says
 * which key it has; both keys are good until it is through. In the end every value is opened once, the other keys are
 * forgotten, and the file is rewritten so that nothing is left in it that they could open.
 *
 * @throws SealError for a value that cannot be opened; nothing is forgotten then.
 */
export async function rotate(
  store: Store<Tables>,
  { ring }: SealedColumns,
  onStep: (step: RotationStep) => void,
): Promise<RotationResult> {
  let resealed = 0;
  for (const table of SEALED_TABLES) {
    const of = await countRows(store.db, table);
    let rows = 0;
    for await (const page of sealedRows(store.db, table)) {
      const changed = page.map((row) => ({ row, columns: reseal(row, ring) }));
      await store.write(async (tx) => {
        for (const { row, columns } of changed) await writeColumns(tx, row, columns);
      });
      for (const { columns } of changed) resealed += Object.keys(columns).length;
      rows += page.length;
      if (page.length > 0) onStep({ table, rows, of });
    }
  }
  const verified = await verify(store, ring);
  await store.write(async (tx) => {
    await forgetOtherKeys(tx, ring);
    await sql`insert into cleanup (task) values ('scrub') on conflict (task) do nothing`.execute(tx);
  });
  await store.scrub();
  await sql`delete from cleanup where task = 'scrub'`.execute(store.db);
  return { resealed, verified };
}

type Ring = SealedColumns["ring"];

/** The columns of a row that have another key, with the first one; each was opened again before it is given. */
function reseal({ table, id, columns }: SealedRow, ring: Ring): Record<string, string> {
  const changes: Record<string, string> = {};
  for (const [column, sealed] of Object.entries(columns)) {
    if (sealed === null || sealedBy(sealed) === ring.sealingKeyId) continue;
    const place = placeOf(table, column, id);
    const text = ring.open(sealed, place);
    const anew = ring.seal(text, place);
    if (ring.open(anew, place) !== text) throw new SealError(`What is stored as ${place} could not be encrypted anew.`);
    changes[column] = anew;
  }
  return changes;
}

async function verify(store: Store<Tables>, ring: Ring): Promise<number> {
  let verified = 0;
  for (const table of SEALED_TABLES)
    for await (const page of sealedRows(store.db, table))
      for (const { id, columns } of page)
        for (const [column, sealed] of Object.entries(columns)) {
          if (sealed === null) continue;
          const place = placeOf(table, column, id);
          if (sealedBy(sealed) !== ring.sealingKeyId)
            throw new SealError(`What is stored as ${place} has another key still. Run the rotation again.`);
          ring.open(sealed, place);
          verified += 1;
        }
  return verified;
}
