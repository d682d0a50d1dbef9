import { readFile, stat } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { measured, type TemporaryFolder, temporaryFolder } from "../src/index.js";

const before = process.env.RECOVERY_TIMES;
let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(async () => {
  if (before === undefined) delete process.env.RECOVERY_TIMES;
  else process.env.RECOVERY_TIMES = before;
  await folder.remove();
});

test("a measured time is one line of the file that was asked for", async () => {
  process.env.RECOVERY_TIMES = folder.file("times.jsonl");
  measured("made up", 12.345);
  measured("made up", { from: 100, to: 350 }, { until: "slate", setting: { name: "graceMs", ms: 200 } });
  const lines = (await readFile(folder.file("times.jsonl"), "utf8")).trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { row: "made up", ms: 12.3 },
    { row: "made up", ms: 250, until: "slate", setting: { name: "graceMs", ms: 200 } },
  ]);
});

test("a run that asked for no times writes none", async () => {
  process.env.RECOVERY_TIMES = "";
  measured("made up", 1);
  delete process.env.RECOVERY_TIMES;
  measured("made up", 1);
  await expect(stat(folder.file("times.jsonl"))).rejects.toThrow("ENOENT");
});
