import { describe, expect, test } from "@jest/globals";
import { measuredRows, recoveryTable, testsByPackage } from "../lib/recovery.mjs";
import { ROOT } from "../lib/workspace.mjs";

describe("measured recoveries", () => {
  test("are summed up for each row and moment, also beyond the setting that they contain", () => {
    const line = (ms: number, until: string) =>
      JSON.stringify({ row: "a fault", ms, until, setting: { name: "GRACE_MS", ms: 500 } });
    const lines = [line(700, "slate"), line(900, "slate"), line(520, "slate"), line(5000, "program")];
    const table = recoveryTable([...lines, JSON.stringify({ row: "another", ms: 4 }), ""].join("\n"));
    expect(table.split("\n").slice(2)).toEqual([
      "| a fault | slate | 3 | 0.70 s / 0.90 s | GRACE_MS 0.50 s + 0.20 s / 0.40 s |",
      "| a fault | program | 1 | 5.00 s / 5.00 s | GRACE_MS 0.50 s + 4.50 s / 4.50 s |",
      "| another |  | 1 | 4 ms / 4 ms | |",
    ]);
  });

  test("of an even number have the mean of the two in the middle as their median", () => {
    const lines = [100, 200, 400, 900].map((ms) => JSON.stringify({ row: "a fault", ms }));
    expect(recoveryTable(lines.join("\n")).split("\n").at(-1)).toBe("| a fault |  | 4 | 0.30 s / 0.90 s | |");
  });

  test("are found in the tests, whatever the line breaks", () => {
    expect(measuredRows('measured("one", 1);\nmeasured(\n  "two",\n  2,\n);')).toEqual(["one", "two"]);
    expect(testsByPackage(ROOT).get("e2e")).toEqual(["test/on-air.test.ts", "test/stream.test.ts"]);
  });
});
