import { writeFile } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type TemporaryFolder, temporaryFolder } from "@stream-control/test-kit";
import { type Generated, type Migration, openStore, StoreError, sql } from "../src/index.js";

interface Tables {
  notes: { id: Generated<number>; text: string | null; amount: number | null };
}

const notes: Record<string, Migration> = {
  "0001-notes": {
    async up(db) {
      await db.schema
        .createTable("notes")
        .addColumn("id", "integer", (column) => column.primaryKey().autoIncrement())
        .addColumn("text", "text", (column) => column.unique())
        .addColumn("amount", "integer")
        .execute();
    },
  },
};

describe("the store", () => {
  let folder: TemporaryFolder;
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => folder.remove());
  const open = (migrations = notes) => openStore<Tables>({ file: folder.file("deep", "er", "store.db"), migrations });

  test("makes its folder, and keeps what was written over a close", async () => {
    const first = await open();
    await first.write((tx) => tx.insertInto("notes").values({ text: "kept", amount: 1 }).execute());
    await first.close();
    const second = await open();
    expect(await second.db.selectFrom("notes").select(["text", "amount"]).execute()).toEqual([
      { text: "kept", amount: 1 },
    ]);
    await second.close();
  });

  test("waits for every write before it closes", async () => {
    const store = await open();
    const writes = Array.from({ length: 500 }, (_, n) =>
      store.write((tx) =>
        tx
          .insertInto("notes")
          .values({ text: `${n}`, amount: n })
          .execute(),
      ),
    );
    await store.close();
    await Promise.all(writes);
    const again = await open();
    expect(await again.db.selectFrom("notes").select("amount").orderBy("id").execute()).toEqual(
      Array.from({ length: 500 }, (_, n) => ({ amount: n })),
    );
    await again.close();
  });

  test("keeps the order of writes, each seeing those before it", async () => {
    const store = await open();
    await store.write((tx) => tx.insertInto("notes").values({ text: "sum", amount: 0 }).execute());
    const seen = await Promise.all(
      Array.from({ length: 450 }, () =>
        store.write(async (tx) => {
          const { amount } = await tx.selectFrom("notes").select("amount").executeTakeFirstOrThrow();
          await tx
            .updateTable("notes")
            .set({ amount: (amount ?? 0) + 1 })
            .execute();
          return amount;
        }),
      ),
    );
    expect(seen).toEqual(Array.from({ length: 450 }, (_, n) => n));
    await store.close();
  });

  test("fails the one write that is wrong and keeps all others", async () => {
    const store = await open();
    const results = await Promise.allSettled(
      Array.from({ length: 30 }, (_, n) =>
        // Every tenth text is there already.
        store.write((tx) =>
          tx
            .insertInto("notes")
            .values({ text: n % 10 === 9 ? "0" : `${n}`, amount: n })
            .execute(),
        ),
      ),
    );
    expect(results.map(({ status }) => status === "rejected")).toEqual(
      Array.from({ length: 30 }, (_, n) => n % 10 === 9),
    );
    const rows = await store.db.selectFrom("notes").select("amount").orderBy("id").execute();
    expect(rows.map(({ amount }) => amount)).toEqual([...Array(30).keys()].filter((n) => n % 10 !== 9));
    await store.close();
  });

  test("runs each migration once, in the order of their names", async () => {
    const more: Record<string, Migration> = {
      ...notes,
      "0002-first-note": {
        async up(db) {
          await sql`insert into notes (text, amount) values ('migrated', 1)`.execute(db);
        },
      },
    };
    await (await open()).close();
    for (let n = 0; n < 2; n += 1) {
      const store = await open(more);
      expect(await store.db.selectFrom("notes").select("text").execute()).toEqual([{ text: "migrated" }]);
      await store.close();
    }
  });

  test("a migration that fails leaves the tables as they were and says so", async () => {
    await (await open()).close();
    const broken: Record<string, Migration> = {
      ...notes,
      "0002-broken": {
        async up(db) {
          await sql`insert into notes (text) values ('half done')`.execute(db);
          await sql`insert into nowhere values (1)`.execute(db);
        },
      },
    };
    await expect(open(broken)).rejects.toThrow(/could not be brought up to date: .*no such table: nowhere/);
    const store = await open();
    expect(await store.db.selectFrom("notes").selectAll().execute()).toEqual([]);
    await store.close();
  });

  test("refuses a database of a newer version instead of working on it", async () => {
    const later: Record<string, Migration> = { ...notes, "0002-later": { up: async () => undefined } };
    await (await open(later)).close();
    await expect(open()).rejects.toThrow(StoreError);
  });

  test.each([
    ["a date", new Date(0), /A Date cannot be stored/],
    ["an object", { a: 1 }, /A object cannot be stored/],
    ["a list", ["x"], /cannot be stored/],
  ])("refuses %s, which SQLite would store as NULL without a word", async (_what, value, message) => {
    const store = await open();
    const write = store.write((tx) => sql`insert into notes (text) values (${value})`.execute(tx));
    await expect(write).rejects.toThrow(message);
    await expect(sql`select ${value} as v`.execute(store.db)).rejects.toThrow(message);
    expect(await store.db.selectFrom("notes").selectAll().execute()).toEqual([]);
    await store.close();
  });

  test("stores booleans as 0 and 1, undefined as null, and text with every character", async () => {
    const store = await open();
    const { rows } = await sql`select ${true} as t, ${false} as f, ${undefined} as u, ${"é\u0000終"} as s`.execute(
      store.db,
    );
    expect({ ...(rows[0] as object) }).toEqual({ t: 1, f: 0, u: null, s: "é\u0000終" });
    await store.close();
  });

  test("is locked for one handle: a second one is told so at once", async () => {
    const store = await open();
    const began = Date.now();
    await expect(open()).rejects.toThrow(/in use by another process\. Stop that one/);
    expect(Date.now() - began).toBeLessThan(10_000);
    await store.write((tx) => tx.insertInto("notes").values({ text: "unharmed", amount: 1 }).execute());
    await store.close();
    await (await open()).close();
  });

  test("says what is wrong with a file that is no database, or a folder that cannot be", async () => {
    const file = folder.file("not.db");
    await writeFile(file, "This is text, and long enough to be taken for more than an empty file.".repeat(20));
    await expect(openStore({ file, migrations: notes })).rejects.toThrow(
      /not\.db cannot be opened: .*file is not a database/,
    );
    await expect(openStore({ file: `${file}/deeper/store.db`, migrations: notes })).rejects.toThrow(/cannot be opened/);
  });

  test("syncs every commit in full", async () => {
    const store = await open();
    const { rows } = await sql<{ synchronous: number }>`pragma synchronous`.execute(store.db);
    // 2 is FULL: https://www.sqlite.org/pragma.html#pragma_synchronous
    expect(rows[0]?.synchronous).toBe(2);
    const { rows: modes } = await sql<{ journal_mode: string }>`pragma journal_mode`.execute(store.db);
    expect(modes[0]?.journal_mode).toBe("wal");
    await store.close();
    const raw = new DatabaseSync(folder.file("deep", "er", "store.db"));
    expect(raw.prepare("pragma integrity_check").get()).toMatchObject({ integrity_check: "ok" });
    raw.close();
  });
});
