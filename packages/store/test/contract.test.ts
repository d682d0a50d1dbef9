import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import {
  secret,
  startPostgres,
  type TemporaryFolder,
  type TestServer,
  temporaryFolder,
  waitFor,
} from "@stream-control/test-kit";
import { Client } from "pg";
import { type Migration, openStore, type Store, StoreError, sql } from "../src/index.js";
import { openPostgresStore } from "../src/postgres.js";

interface Tables {
  accounts: { id: string; amount: number };
}

const accounts: Record<string, Migration> = {
  "0001-accounts": {
    async up(db) {
      await db.schema
        .createTable("accounts")
        .addColumn("id", "text", (column) => column.primaryKey())
        .addColumn("amount", "bigint", (column) => column.notNull())
        .execute();
    },
  },
};

let server: TestServer;
let folder: TemporaryFolder;
let round = 0;
beforeAll(async () => {
  server = await startPostgres();
  folder = await temporaryFolder();
});
afterAll(async () => {
  await server.stop();
  await folder.remove();
});

const databaseUrl = () => server.url.replace(/postgres$/, `round_${round}`);
async function newDatabase(): Promise<void> {
  round += 1;
  const client = new Client({ connectionString: server.url });
  await client.connect();
  await client.query(`create database round_${round}`);
  await client.end();
}

type Open = (migrations?: Record<string, Migration>) => Promise<Store<Tables>>;
const kinds: [string, Open][] = [
  ["SQLite", (migrations = accounts) => openStore<Tables>({ file: folder.file(`${round}.db`), migrations })],
  ["PostgreSQL", (migrations = accounts) => openPostgresStore<Tables>({ url: databaseUrl(), migrations })],
];

describe.each(kinds)("a store on %s", (kind, openOne) => {
  const stores: Store<Tables>[] = [];
  const open: Open = async (migrations) => {
    const store = await openOne(migrations);
    stores.push(store);
    return store;
  };
  beforeAll(newDatabase);
  afterEach(async () => {
    await Promise.all(stores.splice(0).map((store) => store.close().catch(() => undefined)));
    await newDatabase();
  });
  const deposit = (store: Store<Tables>, id: string, amount: number) =>
    store.write(async (tx) => {
      const row = await store
        .forUpdate(tx.selectFrom("accounts").select("amount").where("id", "=", id))
        .executeTakeFirstOrThrow();
      await tx
        .updateTable("accounts")
        .set({ amount: row.amount + amount })
        .where("id", "=", id)
        .execute();
      return row.amount;
    });
  const amounts = (store: Store<Tables>) =>
    store.read((db) => db.selectFrom("accounts").selectAll().orderBy("id").execute());

  test("keeps what was written over a close, and numbers of 53 bits as they are", async () => {
    const first = await open();
    const row = { id: "a", amount: Number.MAX_SAFE_INTEGER };
    await first.write((tx) => tx.insertInto("accounts").values(row).execute());
    await first.close();
    expect(await amounts(await open())).toEqual([row]);
  });

  test("loses no change of many at a time to the same rows, and none of their order across rows hurts", async () => {
    const store = await open();
    const others = kind === "SQLite" ? [] : [await open(), await open()];
    const handles = [store, ...others];
    await store.write((tx) =>
      tx
        .insertInto("accounts")
        .values([
          { id: "a", amount: 0 },
          { id: "b", amount: 0 },
        ])
        .execute(),
    );
    const changes = Array.from({ length: 240 }, (_, n) => {
      const handle = handles[n % handles.length] as Store<Tables>;
      if (n % 60 > 1) return deposit(handle, n % 2 === 0 ? "a" : "b", 1);
      // In both orders, which deadlocks where rows are locked.
      const [from, to] = n % 2 === 0 ? ["a", "b"] : ["b", "a"];
      return handle.write(async (tx) => {
        for (const id of [from as string, to as string])
          await tx
            .updateTable("accounts")
            .set(({ eb }) => ({ amount: eb("amount", "+", 1) }))
            .where("id", "=", id)
            .execute();
        return 0;
      });
    });
    const seen = await Promise.all(changes);
    const rows = await amounts(store);
    expect(rows.reduce((sum, { amount }) => sum + Number(amount), 0)).toBe(232 + 2 * 8);
    expect(seen).toHaveLength(240);
  });

  test("fails the one write that is wrong, rolls it back, and keeps all others", async () => {
    const store = await open();
    const results = await Promise.allSettled(
      Array.from({ length: 30 }, (_, n) =>
        store.write(async (tx) => {
          await tx
            .insertInto("accounts")
            .values({ id: `${n}`, amount: n })
            .execute();
          if (n % 10 === 9)
            await tx
              .insertInto("accounts")
              .values({ id: `${n}`, amount: n })
              .execute();
        }),
      ),
    );
    expect(results.map(({ status }) => status === "rejected")).toEqual(
      Array.from({ length: 30 }, (_, n) => n % 10 === 9),
    );
    expect(await amounts(store)).toHaveLength(27);
  });

  test("a migration that fails leaves the tables as they were and says so", async () => {
    await (await open()).close();
    const broken: Record<string, Migration> = {
      ...accounts,
      "0002-broken": {
        async up(db) {
          await sql`insert into accounts (id, amount) values ('half done', 1)`.execute(db);
          await sql`insert into nowhere values (1)`.execute(db);
        },
      },
    };
    await expect(open(broken)).rejects.toThrow(/could not be brought up to date: .*nowhere/);
    expect(await amounts(await open())).toEqual([]);
  });

  test("refuses tables of a newer version with a sentence, and leaves them alone", async () => {
    await (await open({ ...accounts, "0002-later": { up: async () => undefined } })).close();
    const refused = open();
    await expect(refused).rejects.toThrow(StoreError);
    await expect(refused).rejects.toThrow(
      /were made by a newer version \(0002-later\)\. Run that version, or give this one another database\./,
    );
  });

  test("waits for every write before it closes, and can be rewritten", async () => {
    const store = await open();
    const writes = Array.from({ length: 100 }, (_, n) =>
      store.write((tx) =>
        tx
          .insertInto("accounts")
          .values({ id: `${n}`, amount: n })
          .execute(),
      ),
    );
    await store.scrub();
    await store.close();
    await Promise.all(writes);
    expect(await amounts(await open())).toHaveLength(100);
  });
});

describe("a store on PostgreSQL", () => {
  test("applies each migration once when many processes start together", async () => {
    await newDatabase();
    const once: Record<string, Migration> = {
      ...accounts,
      "0002-one": {
        async up(db) {
          await sql`select pg_sleep(0.05)`.execute(db);
          await sql`insert into accounts (id, amount) values ('one', 1)`.execute(db);
        },
      },
    };
    const stores = await Promise.all(
      Array.from({ length: 6 }, () =>
        openPostgresStore<Tables>({ url: databaseUrl(), migrations: once, connections: 2 }),
      ),
    );
    const rows = await stores[0]?.db.selectFrom("accounts").selectAll().execute();
    expect(rows).toEqual([{ id: "one", amount: 1 }]);
    await Promise.all(stores.map((store) => store.close()));
  });

  test("says that the server is away, and goes on when it is back", async () => {
    await newDatabase();
    const store = await openPostgresStore<Tables>({ url: databaseUrl(), migrations: accounts });
    const insert = (id: string) => store.write((tx) => tx.insertInto("accounts").values({ id, amount: 1 }).execute());
    await insert("before");
    await server.kill();
    await expect(insert("away")).rejects.toThrow(
      /^The database cannot be used: the (server cannot be reached|connection to it was lost)\.$/,
    );
    await expect(store.read((db) => db.selectFrom("accounts").selectAll().execute())).rejects.toThrow(StoreError);
    await server.start();
    await waitFor(() => insert("after").then(() => true));
    const rows = await store.read((db) => db.selectFrom("accounts").select("id").orderBy("id").execute());
    expect(rows.map(({ id }) => id)).toEqual(["after", "before"]);
    await store.close();
  });

  test("says which variable to look at where it cannot be opened, without the password", async () => {
    const password = secret("database-password");
    const failed = openPostgresStore({ url: `postgres://me:${password}@127.0.0.1:1/nothing`, migrations: {} });
    await expect(failed).rejects.toThrow(
      "PostgreSQL at 127.0.0.1:1/nothing cannot be used: the server cannot be reached. Check DATABASE_URL and that it runs.",
    );
    await expect(openPostgresStore({ url: `${server.url}_none`, migrations: {} })).rejects.toThrow(
      "it has no database of this name",
    );
  });
});
