import { randomBytes } from "node:crypto";
import type { Store } from "@stream-control/store";
import type { SealedColumns } from "../../secrets/sealed-columns.js";
import type { Tables } from "../../store/tables.js";
import type { Ingestion } from "./broadcast.js";

const TABLE = "youtube_streams";

export interface KeptStream {
  marker: string;
  streamId: string | null;
  ingestion: Ingestion | null;
}

/** Random, so that a title with it is found again and taken for nobody else's. */
export const newMarker = (): string => randomBytes(12).toString("hex");

/** Streams whose keys are kept under the label of a sheet, for encoders that are set up once. */
export class KeptStreams {
  constructor(
    private readonly store: Store<Tables>,
    private readonly sealed: SealedColumns,
  ) {}

  /** The sheet's stream; where there is none, the marker by which one is to be made. */
  async of(sheetKey: string): Promise<KeptStream> {
    const row = await this.store.write(async (tx) => {
      const fresh = { id: sheetKey, marker: newMarker(), stream_id: null, ingestion: null };
      await tx
        .insertInto(TABLE)
        .values(fresh)
        .onConflict((conflict) => conflict.column("id").doNothing())
        .execute();
      return tx.selectFrom(TABLE).selectAll().where("id", "=", sheetKey).executeTakeFirstOrThrow();
    });
    const ingestion =
      row.ingestion === null
        ? null
        : (JSON.parse(this.sealed.openText(TABLE, "ingestion", sheetKey, row.ingestion)) as Ingestion);
    return { marker: row.marker, streamId: row.stream_id, ingestion };
  }

  async keep(sheetKey: string, streamId: string, ingestion: Ingestion): Promise<void> {
    const sealed = this.sealed.sealText(TABLE, "ingestion", sheetKey, JSON.stringify(ingestion));
    await this.store.write((tx) =>
      tx.updateTable(TABLE).set({ stream_id: streamId, ingestion: sealed }).where("id", "=", sheetKey).execute(),
    );
  }

  /** It is not there any more: the next one is another one. */
  async forget(sheetKey: string): Promise<void> {
    await this.store.write((tx) => tx.deleteFrom(TABLE).where("id", "=", sheetKey).execute());
  }
}
