import { readFile } from "node:fs/promises";
import { describe, expect, test } from "@jest/globals";
import { sql } from "@stream-control/store";
import fc from "fast-check";
import { Log } from "./kit.js";

const HOUR = 3_600_000;
const ada = { actor: "user:1", name: "Ada Example", address: "203.0.113.7", userAgent: "Browser/1.0" };
const people = [
  { actor: "system" },
  ada,
  { ...ada, address: "2001:db8::9" },
  { actor: "user:2", address: "203.0.113.7" },
  { actor: "agent:é\u0000\ud800 x", userAgent: "\ud800".repeat(400) },
];

describe("whatever happens to a log by its own means", () => {
  type Step = (log: Log) => Promise<unknown>;
  const text = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("", "\ud800 alone", "a\u0000b", '"],["'));
  const entry = fc.record({
    by: fc.constantFrom(...people),
    type: text,
    message: text,
    result: fc.constantFrom("ok", "refused", "failed", undefined),
    data: fc.option(fc.dictionary(text, fc.jsonValue()), { nil: undefined }),
    target: fc.oneof(
      text.map((jobId) => ({ jobId })),
      text.map((subject) => ({ subject })),
    ),
    /** Operations of a group that come to nothing, after they have written. */
    fails: fc.boolean(),
  });
  const step: fc.Arbitrary<{ toString(): string; run: Step }> = fc.oneof(
    {
      weight: 5,
      arbitrary: named("append", fc.array(entry, { maxLength: 8 }), (log, entries) =>
        Promise.allSettled(
          entries.map(({ fails, target, ...said }) =>
            log.store.write(async (tx) => {
              await log.log.append(tx, { ...said, ...target });
              if (fails) throw new Error("This write comes to nothing.");
            }),
          ),
        ),
      ),
    },
    { weight: 2, arbitrary: named("prune", fc.nat(4 * HOUR), (log, ms) => log.prune(ms)) },
    {
      weight: 2,
      arbitrary: named(
        "erase",
        fc.constantFrom({ actor: "user:1" }, { address: "203.0.113.7" }, { name: ada.name }, { actor: "nobody" }),
        (log, whose) => log.desk.erase(whose),
      ),
    },
    // The clock of the machine may be set back.
    {
      weight: 2,
      arbitrary: named("time", fc.integer({ min: -2 * HOUR, max: 3 * HOUR }), async (log, ms) => {
        log.nowMs += ms;
      }),
    },
    { weight: 1, arbitrary: named("restart", fc.constant(0), (log) => log.reopen()) },
  );
  function named<T>(name: string, values: fc.Arbitrary<T>, run: (log: Log, value: T) => Promise<unknown>) {
    return values.map((value) => ({
      toString: () => `${name}(${JSON.stringify(value)})`,
      run: (log: Log) => run(log, value),
    }));
  }

  test("it checks, has every number once, and still has each head that was noted down and not pruned", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 15 }), async (story) => {
        await using log = await Log.open();
        const noted: { seq: number; hash: string }[] = [];
        for (const { run } of story) {
          await run(log);
          noted.push(await log.desk.head());
          const report = await log.verify();
          expect(report.problems).toEqual([]);
          expect(report.entries).toBe(report.head.seq - report.anchor.seq);
          for (const head of noted) {
            const { ok, problems } = await log.verify(head);
            expect(ok).toBe(head.seq >= report.anchor.seq);
            if (!ok) expect(problems[0]?.message).toContain("has been pruned");
          }
        }
      }),
      { numRuns: 40, endOnFailure: true },
    );
  }, 120_000);

  test("what two actions at a time wrote is one chain, and a rolled-back group leaves no trace in it", async () => {
    await using log = await Log.open();
    const writes = Array.from({ length: 100 }, (_, n) =>
      log.store.write(async (tx) => {
        const { seq } = await log.log.append(tx, {
          ...{ by: { ...ada, address: `198.51.100.${n}` }, type: "t", message: `${n}` },
          subject: "test:1",
        });
        if (n % 7 === 0) throw new Error("Not this one.");
        return seq;
      }),
    );
    const seqs = (await Promise.allSettled(writes)).flatMap((write) =>
      write.status === "fulfilled" ? [write.value] : [],
    );
    expect(seqs).toEqual(Array.from({ length: 85 }, (_, n) => n + 1));
    const { items } = await log.desk.reader.page({}, { limit: 1000, order: "asc" });
    for (const { message, origin } of items) expect(origin?.address).toBe(`198.51.100.${message}`);
    expect(await log.verify()).toMatchObject({ ok: true, entries: 85 });
    const { rows } = await sql<{ count: number }>`select count(*) as count from event_origins`.execute(log.store.db);
    expect(rows[0]?.count).toBe(85);
  });
});

describe("somebody who changes the file", () => {
  const COLUMNS = [
    "ts",
    "type",
    "subject",
    "job_id",
    "actor",
    "origin_id",
    "result",
    "message",
    "data",
    "hash",
  ] as const;
  const COUNT = 12;

  async function filled(): Promise<Log> {
    const log = await Log.open();
    for (let n = 0; n < COUNT; n += 1) {
      const by = people[n % 4] ?? ada;
      const target = n % 3 === 0 ? { jobId: `job-${n}` } : { subject: `thing:${n}` };
      const data = n % 2 === 0 ? { n } : undefined;
      await log.store.write((tx) => log.log.append(tx, { by, type: "t", message: `Entry ${n + 1}.`, data, ...target }));
      log.nowMs += 1000;
    }
    return log;
  }
  const named = ({ problems }: { problems: { seq: number }[] }) => problems.map(({ seq }) => seq);

  test.each(COLUMNS)("in the column %s of any entry: the entry is named, and none but it", async (column) => {
    for (let seq = 1; seq <= COUNT; seq += 5) {
      await using log = await filled();
      const value =
        column === "hash"
          ? sql`zeroblob(32)`
          : column === "origin_id"
            ? sql`case when origin_id = 1 then null else 1 end`
            : sql`coalesce(${sql.ref(column)}, 'x') || 'x'`;
      await log.tamper(sql`update events set ${sql.ref(column)} = ${value} where seq = ${seq}`);
      const report = await log.verify();
      expect(report.ok).toBe(false);
      expect(new Set(named(report))).toEqual(new Set([seq]));
      expect(report.problems[0]?.message).toContain(`entry ${seq} `);
    }
  });

  test("deletes one or several entries: the first is named, with how many", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: COUNT - 2 }), fc.nat(3), async (from, more) => {
        await using log = await filled();
        const to = Math.min(COUNT - 1, from + more);
        await log.tamper(sql`delete from events where seq between ${from} and ${to}`);
        const report = await log.verify();
        expect(report.problems).toEqual([expect.objectContaining({ seq: from, kind: "missing" })]);
        if (to > from) expect(report.problems[0]?.message).toBe(`The entries ${from} to ${to} are missing.`);
      }),
      { numRuns: 15 },
    );
  });

  test("swaps two entries: both are named", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.integer({ min: 1, max: COUNT }), { minLength: 2, maxLength: 2 }),
        async (two) => {
          const [one = 0, other = 0] = two;
          await using log = await filled();
          await log.tamper(
            sql`update events set seq = -1 where seq = ${one}`,
            sql`update events set seq = ${one} where seq = ${other}`,
            sql`update events set seq = ${other} where seq = -1`,
          );
          const seqs = named(await log.verify());
          expect(seqs).toContain(one);
          expect(seqs).toContain(other);
        },
      ),
      { numRuns: 15 },
    );
  });

  test("inserts an entry between two others, or behind the last one: it is named", async () => {
    const copy = (seq: number) =>
      sql`insert into events select ${seq}, ts, type, subject, job_id, actor, origin_id, result, 'Made up.', data, hash
        from events where seq = 1`;
    await using log = await filled();
    await log.tamper(
      sql`update events set seq = -seq where seq > 5`,
      sql`update events set seq = 1 - seq where seq < 0`,
      copy(6),
    );
    expect(named(await log.verify())).toContain(6);
    await using behind = await filled();
    await behind.tamper(copy(COUNT + 1));
    expect(named(await behind.verify())).toEqual([COUNT + 1]);
  });

  test("takes entries off the end: only a head that was noted down elsewhere shows it", async () => {
    await using log = await filled();
    const head = await log.desk.head();
    expect(await log.verify(head)).toMatchObject({ ok: true });
    await log.tamper(sql`delete from events where seq > ${COUNT - 3}`);
    expect(await log.verify()).toMatchObject({ ok: true });
    const { problems } = await log.verify(head);
    expect(problems).toEqual([
      { seq: COUNT, kind: "expected", message: expect.stringContaining("missing at the end") },
    ]);
    // What is written after that gets the same numbers, but not the same hashes.
    for (let n = 0; n < 5; n += 1) await log.append("later");
    expect((await log.verify(head)).problems).toEqual([
      { seq: COUNT, kind: "expected", message: expect.stringContaining("another hash") },
    ]);
  });

  test("takes entries off the beginning: no entry has announced that", async () => {
    await using log = await filled();
    await log.tamper(
      sql`update event_chain set anchor_seq = 5, anchor_hash = (select hash from events where seq = 5), prunable_seq = 5`,
      sql`delete from events where seq <= 5`,
    );
    expect((await log.verify()).problems).toEqual([expect.objectContaining({ seq: 5, kind: "anchor" })]);
  });

  test("changes the anchor, or slips entries in before it: is found", async () => {
    await using log = await filled();
    await log.prune(4500);
    expect((await log.verify()).anchor.seq).toBeGreaterThan(5);
    const { seq } = (await log.verify()).anchor;
    await log.tamper(sql`insert into events select 3, ts, type, subject, job_id, actor, origin_id, result, message, data, hash
      from events where seq = ${COUNT}`);
    expect(named(await log.verify())).toEqual([3]);
    await log.tamper(sql`delete from events where seq = 3`, sql`update event_chain set anchor_hash = zeroblob(32)`);
    expect(named(await log.verify())).toEqual([seq + 1]);
  });

  test.each(["name", "address", "user_agent", "actor", "salt", "commitment"])(
    "changes the %s of an origin: is found",
    async (column) => {
      await using log = await filled();
      const value = column === "salt" || column === "commitment" ? sql`zeroblob(32)` : sql`'Someone else'`;
      await log.tamper(sql`update event_origins set ${sql.ref(column)} = ${value} where actor = 'user:1' and id = 1`);
      const report = await log.verify();
      expect(report.ok).toBe(false);
      expect(named(report)).toContain(2);
    },
  );

  test("erases or deletes an origin past the log: is found", async () => {
    await using log = await filled();
    await log.tamper(
      sql`update event_origins set salt = null, name = null, address = null, user_agent = null, erased_at = 'x' where id = 1`,
    );
    expect((await log.verify()).problems).toEqual([expect.objectContaining({ kind: "origin" })]);
    await using other = await filled();
    await other.tamper(sql`delete from event_origins where id = 1`);
    expect(named(await other.verify())).toContain(2);
  });

  test("by mistake, from inside the service, cannot: neither update, nor delete, nor replace", async () => {
    await using log = await filled();
    const run = (statement: ReturnType<typeof sql>) => log.store.write((tx) => statement.execute(tx));
    await expect(run(sql`update events set message = 'x' where seq = 3`)).rejects.toThrow("append-only");
    await expect(run(sql`delete from events where seq = 3`)).rejects.toThrow("append-only");
    await expect(run(sql`replace into events select * from events where seq = 3`)).rejects.toThrow("append-only");
    await expect(run(sql`insert into events select * from events where seq = 3`)).rejects.toThrow("UNIQUE");
    expect(await log.verify()).toMatchObject({ ok: true, entries: COUNT });
  });
});

describe("erasing", () => {
  test("leaves nothing of the person in the file or beside it, and the log whole", async () => {
    await using log = await Log.open();
    for (let n = 0; n < 50; n += 1)
      await log.append(`Entry ${n}.`, n % 2 === 0 ? ada : { ...ada, actor: "user:2", name: "Bob" });
    const head = await log.desk.head();
    const onDisk = async () =>
      Buffer.concat(await Promise.all([log.file, `${log.file}-wal`].map((file) => readFile(file)))).toString("latin1");
    expect(await onDisk()).toContain(ada.name);
    expect(await log.desk.erase({ actor: "user:1" })).toEqual({ ok: true, origins: 1, jobs: 0 });
    expect(await onDisk()).not.toContain(ada.name);
    expect(await onDisk()).toContain(ada.address);
    const report = await log.verify(head);
    expect(report).toMatchObject({ ok: true, erasedOrigins: 1, entries: 51 });
    const { items } = await log.desk.reader.page({ actor: "user:1" }, { limit: 100, order: "asc" });
    expect(items.map(({ origin }) => origin)).toEqual(Array.from({ length: 25 }, () => ({ erased: true })));

    expect(await log.desk.erase({ address: ada.address })).toMatchObject({ origins: 1 });
    for (const text of [ada.address, ada.userAgent, "Bob"]) expect(await onDisk()).not.toContain(text);
    // What is done from now on is recorded as before, in the same process.
    await log.append("back", ada);
    const last = (await log.desk.reader.page({}, { limit: 1, order: "desc" })).items[0];
    expect(last).toMatchObject({ actor: "user:1", origin: { name: ada.name, address: ada.address } });
    expect(await log.verify(head)).toMatchObject({ ok: true, erasedOrigins: 2 });
  });

  test("says in the log that it was done, by whom, and of how many, but not of whom", async () => {
    await using log = await Log.open();
    await log.append("one", ada);
    await log.desk.erase({ address: ada.address });
    const [entry] = (await log.desk.reader.page({ type: ["audit.*"] }, { limit: 10, order: "desc" })).items;
    expect(entry).toMatchObject({
      type: "audit.erased",
      actor: "system",
      data: { by: "address", origins: 1, jobs: 0 },
    });
    expect(JSON.stringify(entry)).not.toContain(ada.address);
  });
});

describe("retention", () => {
  test("deletes what is older from the beginning on, in batches, and the personal data that goes with it", async () => {
    await using log = await Log.open();
    for (let n = 0; n < 1300; n += 1)
      await log.append(`Entry ${n}.`, { ...ada, name: `Person ${n < 1200 ? "old" : "new"}` });
    const oldHead = { ...(await log.desk.head()) };
    log.nowMs += 10 * HOUR;
    for (let n = 0; n < 5; n += 1) await log.append("young", ada);
    expect(await log.prune(HOUR)).toBe(1300);
    const report = await log.verify();
    expect(report).toMatchObject({ ok: true, anchor: oldHead, entries: 6 });
    const { items } = await log.desk.reader.page({}, { limit: 10, order: "asc" });
    expect(items.map(({ seq }) => seq)).toEqual([1301, 1302, 1303, 1304, 1305, 1306]);
    expect(items.at(-1)).toMatchObject({
      type: "audit.pruned",
      actor: "system",
      data: { throughSeq: 1300, throughHash: oldHead.hash },
    });
    const { rows } = await sql<{ name: string }>`select name from event_origins`.execute(log.store.db);
    expect(rows.map(({ name }) => name)).toEqual([ada.name]);
    expect(await log.prune(HOUR)).toBe(0);
    // Numbers go on, even where everything was deleted and the process is a new one.
    log.nowMs += 10 * HOUR;
    expect(await log.prune(-1)).toBe(6);
    await log.reopen();
    expect((await log.append("next")).seq).toBe(1308);
    expect(await log.verify()).toMatchObject({ ok: true });
  });

  test("that was broken off leaves a log that checks, and goes on where it was", async () => {
    await using log = await Log.open();
    for (let n = 0; n < 1300; n += 1) await log.append(`Entry ${n}.`);
    log.nowMs += 10 * HOUR;
    const over = new AbortController();
    const pruned = log.retention.prune(new Date(log.nowMs - HOUR), over.signal);
    over.abort();
    const first = await pruned;
    expect(first).toBeLessThan(1300);
    await log.reopen();
    expect(await log.verify()).toMatchObject({ ok: true });
    expect(await log.prune(HOUR)).toBe(1300 - first);
    const { items } = await log.desk.reader.page({ type: ["audit.pruned"] }, { limit: 10, order: "asc" });
    expect(items).toHaveLength(1);
    expect(await log.verify()).toMatchObject({ ok: true, entries: 1 });
  });

  test("and a check at the same time do not disturb each other", async () => {
    await using log = await Log.open();
    for (let n = 0; n < 2500; n += 1) await log.append(`Entry ${n}.`, ada);
    log.nowMs += 10 * HOUR;
    await log.append("young");
    const [report] = await Promise.all([log.verify(), log.prune(HOUR), log.desk.erase({ actor: "user:1" })]);
    expect(report.problems).toEqual([]);
    expect(await log.verify()).toMatchObject({ ok: true });
  });
});
