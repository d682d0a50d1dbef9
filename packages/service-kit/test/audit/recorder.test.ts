import { describe, expect, test } from "@jest/globals";
import { waitFor } from "@stream-control/test-kit";
import { AuditRecorder } from "../../src/audit/index.js";
import { asSystem, currentCaller, withCaller } from "../../src/http/caller.js";
import { createLogger, silentLogger } from "../../src/logger.js";
import { Log } from "./kit.js";

const recorderOf = ({ store, log }: Log, periodMs = 60_000, logger = silentLogger()) =>
  new AuditRecorder({ store, log, logger, periodMs });
const entriesOf = async (log: Log) => (await log.desk.reader.page({}, { limit: 1000, order: "asc" })).items;
const refusal = (by: string) => ({ type: "session.refused", subject: `user:${by}`, result: "refused" as const });

describe("a record", () => {
  test("is of whoever acts when it is made, also while others' writes share its commit", async () => {
    await using log = await Log.open();
    const recorder = recorderOf(log);
    const records = Array.from({ length: 50 }, (_, n) =>
      withCaller({ actor: `key:${n}`, address: `192.0.2.${n}` }, async () => {
        if (n % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
        await recorder.record({ type: "key.issued", subject: `key:${n}`, data: { n } });
      }),
    );
    await Promise.all(records);
    const entries = await entriesOf(log);
    expect(entries).toHaveLength(50);
    for (const { actor, subject, data, origin, result } of entries)
      expect([actor, subject, origin?.address, result]).toEqual([
        `key:${data?.n}`,
        `key:${data?.n}`,
        `192.0.2.${data?.n}`,
        "ok",
      ]);
  });

  test("of what was done is on disk when its promise resolves, and rejects where it cannot be", async () => {
    await using log = await Log.open();
    const recorder = recorderOf(log);
    await recorder.record({ type: "key.issued", subject: "key:1" });
    expect(await entriesOf(log)).toHaveLength(1);
    await log.store.write((tx) => tx.schema.dropTable("event_chain").execute());
    await log.tamper();
    await log.store.write((tx) => tx.deleteFrom("events").execute());
    await expect(recorder.record({ type: "key.issued", subject: "key:2" })).rejects.toThrow("event_chain");
  });

  test("of a refusal that cannot be written costs the caller nothing, and is logged", async () => {
    await using log = await Log.open();
    const lines: string[] = [];
    const logger = createLogger({ name: "test" }, { write: (line: string) => lines.push(line) });
    const recorder = recorderOf(log, 60_000, logger);
    await log.store.write((tx) => tx.schema.dropTable("event_chain").execute());
    await recorder.record(refusal("1"));
    expect(lines.join()).toContain("an audit entry could not be written");
  });
});

describe("a flood of refusals", () => {
  test("of one caller becomes five entries and a number, and costs others nothing", async () => {
    await using log = await Log.open();
    const recorder = recorderOf(log);
    const flood = { actor: "anonymous", address: "203.0.113.66" };
    await withCaller(flood, () => Promise.all(Array.from({ length: 10_000 }, () => recorder.record(refusal("x")))));
    await withCaller({ actor: "anonymous", address: "203.0.113.1" }, () => recorder.record(refusal("y")));
    await recorder.stop();
    const entries = await entriesOf(log);
    expect(entries).toHaveLength(7);
    expect(entries.filter(({ origin }) => origin?.address === flood.address)).toHaveLength(6);
    expect(entries.at(-1)).toMatchObject({
      ...{ actor: "anonymous", type: "session.refused", result: "refused", origin: { address: flood.address } },
      ...{ message: "And 9995 more of these in a short time.", data: { more: 9995 } },
    });
  });

  test("from ten thousand addresses is bounded too, and every refusal is counted", async () => {
    await using log = await Log.open();
    const recorder = recorderOf(log);
    for (let n = 0; n < 10_000; n += 1)
      await withCaller({ actor: "anonymous", address: `10.0.${n >> 8}.${n & 255}` }, () =>
        recorder.record(refusal("x")),
      );
    await recorder.stop();
    const entries = await entriesOf(log);
    expect(entries.length).toBeLessThanOrEqual(202);
    const more = entries.map(({ data }) => Number(data?.more ?? 0));
    expect(entries.filter(({ data }) => data === undefined).length + more.reduce((a, b) => a + b, 0)).toBe(10_000);
  });

  test("of long texts is bounded as well", async () => {
    await using log = await Log.open();
    const recorder = recorderOf(log);
    const long = "x".repeat(20_000);
    for (let n = 0; n < 50; n += 1) await recorder.record({ ...refusal(long), message: long });
    await recorder.stop();
    const entries = await entriesOf(log);
    expect(entries).toHaveLength(6);
    for (const { subject, message } of entries) expect(subject.length + message.length).toBeLessThanOrEqual(600);
  });

  test("is counted anew in every period", async () => {
    await using log = await Log.open();
    const recorder = recorderOf(log, 50);
    const caller = { actor: "anonymous", address: "203.0.113.66" };
    for (let round = 1; round <= 2; round += 1) {
      await withCaller(caller, () => Promise.all(Array.from({ length: 20 }, () => recorder.record(refusal("x")))));
      await waitFor(async () => (await entriesOf(log)).filter(({ data }) => data?.more === 15).length === round);
    }
    await recorder.stop();
    expect(await entriesOf(log)).toHaveLength(12);
  });

  test("does not keep what was done from being written", async () => {
    await using log = await Log.open();
    const recorder = recorderOf(log);
    for (let n = 0; n < 200; n += 1) await recorder.record({ type: "key.issued", subject: `key:${n}` });
    expect(await entriesOf(log)).toHaveLength(200);
  });
});

describe("the caller", () => {
  test("goes with what a call starts, and a timer is nobody's but the service's", async () => {
    const seen = await withCaller({ actor: "user:1" }, async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      const inherited = currentCaller().actor;
      const own = await new Promise<string>((resolve) => {
        asSystem(() => setTimeout(() => resolve(currentCaller().actor), 1));
      });
      return [inherited, own];
    });
    expect(seen).toEqual(["user:1", "system"]);
    expect(currentCaller().actor).toBe("system");
  });
});
