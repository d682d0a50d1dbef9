import { createHash } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import type { AuditFilter } from "../../src/audit/reader.js";
import { Log, linesOf } from "./kit.js";

const TYPES = ["template.changed", "template.deleted", "key.issued", "session.refused"];
const RESULTS = ["ok", "failed", "refused"] as const;
const COUNT = 4500;

/** Entries that differ in everything, over more than one window of the search. */
async function filled(): Promise<Log> {
  const log = await Log.open();
  await Promise.all(
    Array.from({ length: COUNT }, (_, n) =>
      log.store.write((tx) => {
        log.nowMs += 1000;
        const target = n % 5 === 0 ? { jobId: `job-${n % 10}` } : { subject: `thing:${n % 3}` };
        return log.log.append(tx, {
          ...{ by: { actor: `user:${n % 7}`, address: `192.0.2.${n % 11}` }, type: TYPES[n % 4] ?? "" },
          ...{ message: `Entry ${n + 1}.`, result: RESULTS[n % 3], ...target },
          ...(n % 2 === 0 ? { data: { n, text: "é\u2028\ud800" } } : {}),
        });
      }),
    ),
  );
  return log;
}

describe("pages", () => {
  test("give every entry that fits once, in either order, whatever the filter and the size of a page", async () => {
    await using log = await filled();
    const { items: all } = await log.desk.reader.page({}, { limit: 10_000, order: "asc" });
    expect(all.map(({ seq }) => seq)).toEqual(Array.from({ length: COUNT }, (_, n) => n + 1));
    const since = all[1000]?.ts;
    const until = all[3000]?.ts;
    const filters: [AuditFilter, (entry: (typeof all)[number]) => boolean][] = [
      [{}, () => true],
      [{ actor: "user:3" }, ({ actor }) => actor === "user:3"],
      [{ type: ["template.*"] }, ({ type }) => type.startsWith("template.")],
      [
        { type: ["key.issued", "session.refused"], result: ["refused"] },
        ({ type, result }) => type !== TYPES[0] && type !== TYPES[1] && result === "refused",
      ],
      [{ subject: "job:job-5" }, ({ jobId }) => jobId === "job-5"],
      [{ since, until }, ({ seq }) => seq > 1000 && seq <= 3000],
      [
        { actor: "user:3", since, subject: "thing:2" },
        (e) => e.actor === "user:3" && e.seq > 1000 && e.subject === "thing:2",
      ],
      [{ actor: "nobody" }, () => false],
    ];
    for (const [filter, fits] of filters)
      for (const order of ["asc", "desc"] as const) {
        const found: number[] = [];
        let cursor: string | undefined;
        do {
          const page = await log.desk.reader.page(filter, { limit: 333, cursor, order });
          found.push(...page.items.map(({ seq }) => seq));
          cursor = page.nextCursor ?? undefined;
        } while (cursor !== undefined);
        const wanted = all.filter(fits).map(({ seq }) => seq);
        expect(found).toEqual(order === "asc" ? wanted : wanted.reverse());
      }
  });

  test("go on where they were while entries are added and pruned", async () => {
    await using log = await filled();
    const first = await log.desk.reader.page({}, { limit: 10, order: "asc" });
    await log.retention.prune(new Date(log.nowMs - 1000_000));
    const next = await log.desk.reader.page({}, { limit: 10, cursor: first.nextCursor ?? "", order: "asc" });
    expect(next.items[0]?.seq).toBe((await log.verify()).anchor.seq + 1);
    await expect(log.desk.reader.page({}, { limit: 10, cursor: "made up", order: "asc" })).rejects.toThrow("cursor");
  });
});

describe("the export", () => {
  test("holds everything that the hashes cover, so that it can be checked without us", async () => {
    await using log = await filled();
    await log.prune(COUNT * 500);
    const lines = await linesOf(log.desk.export({}));
    const { anchor, head } = await log.verify();
    expect(lines.length).toBe(head.seq - anchor.seq);
    let prev = anchor.hash;
    const sha256 = (value: unknown) => createHash("sha256").update(JSON.stringify(value)).digest("hex");
    for (const line of lines) {
      expect(line.prev).toBe(prev);
      const { seq, ts, type, subject, jobId, actor, originCommitment, result, message, data } = line;
      const covered = [prev, seq, ts, type, subject, jobId, actor, originCommitment, result, message, data];
      expect(line.hash).toBe(sha256(["stream-control/event/1", ...covered]));
      if (originCommitment !== null) {
        const { name = null, address = null, userAgent = null } = line.origin as Record<string, string>;
        const facts = [line.originSalt, actor, name, address, userAgent];
        expect(originCommitment).toBe(sha256(["stream-control/origin/1", ...facts]));
      }
      prev = String(line.hash);
    }
    expect(prev).toBe(head.hash);
    expect(lines.at(-1)).toMatchObject({ type: "audit.exported", actor: "system" });
  });

  test("takes the filters of the list, and each line still names the hash that it follows on", async () => {
    await using log = await filled();
    const lines = await linesOf(log.desk.export({ actor: "user:3", type: ["key.issued"] }));
    expect(lines.length).toBeGreaterThan(100);
    const { items } = await log.desk.reader.page({}, { limit: 10_000, order: "asc" });
    for (const { seq, actor, type, prev } of lines) {
      expect([actor, type]).toEqual(["user:3", "key.issued"]);
      expect(prev).toBe(items[Number(seq) - 2]?.hash);
    }
  });
});
