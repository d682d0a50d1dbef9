import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { type TemporaryFolder, temporaryFolder } from "@stream-control/test-kit";
import { FolderResults } from "../../src/results/folder-results.js";
import { resultKey } from "../../src/results/key.js";

let base: TemporaryFolder;
let results: FolderResults;
beforeEach(async () => {
  base = await temporaryFolder();
  results = new FolderResults(base.file("media"));
});
afterEach(() => base.remove());

const fileWith = async (text: string): Promise<string> => {
  await writeFile(base.file("made"), text);
  return base.file("made");
};

test("what is put is there whole under its key, in the place of what was there, and nowhere else", async () => {
  expect(await results.has("job/render.mp4")).toBe(false);
  expect(await results.put(await fileWith("one"), "job/render.mp4")).toMatchObject({ bytes: 3 });
  expect(await results.put(await fileWith("second"), "job/render.mp4")).toEqual({
    bytes: 6,
    sha256: createHash("sha256").update("second").digest("hex"),
  });
  expect(await results.has("job/render.mp4")).toBe(true);
  expect(await readFile(base.file("media/job/render.mp4"), "utf8")).toBe("second");
  expect([await readdir(base.path), await readdir(base.file("media/job"))]).toEqual([["media"], ["render.mp4"]]);
  expect(await results.get("job/render.mp4", base.file("copy"))).toEqual({ bytes: 6 });
  expect(await readFile(base.file("copy"), "utf8")).toBe("second");
  await results.remove("job/render.mp4");
  await results.remove("job/render.mp4");
  expect(await results.has("job/render.mp4")).toBe(false);
  await expect(results.get("job/render.mp4", base.file("copy"))).rejects.toMatchObject({
    info: { code: "RESULT_NOT_THERE" },
  });
});

test("what was made on another disk is copied, and is whole under its key, too", async () => {
  // Memory, on Linux; what is in the temporary folder is on a disk.
  await using elsewhere = await temporaryFolder("sc-results-", "/dev/shm");
  await writeFile(elsewhere.file("made"), "film");
  expect(await results.put(elsewhere.file("made"), "job/render.mp4")).toMatchObject({ bytes: 4 });
  expect(await readFile(base.file("media/job/render.mp4"), "utf8")).toBe("film");
  expect([await readdir(elsewhere.path), await readdir(base.file("media/job"))]).toEqual([[], ["render.mp4"]]);
});

test("what was given up is put nowhere", async () => {
  const gone = AbortSignal.abort();
  await expect(results.put(await fileWith("one"), "job/render.mp4", gone)).rejects.toThrow();
  expect(await results.has("job/render.mp4")).toBe(false);
});

test("nothing is put outside the folder: by dots, hidden names, or a link that somebody left there", async () => {
  for (const name of ["..", ".hidden", "a/../../b", "", "a//b", "a\\b", "a\0b", "/etc/a"])
    expect(() => resultKey("job", name)).toThrow(RangeError);
  await mkdir(base.file("elsewhere"));
  await mkdir(base.file("media"));
  await symlink(base.file("elsewhere"), base.file("media/job"));
  await expect(results.put(await fileWith("one"), "job/render.mp4")).rejects.toMatchObject({
    info: { code: "RESULT_NOT_STORED" },
  });
  expect(await readdir(base.file("elsewhere"))).toEqual([]);
});

test("a folder that can't be written to is known before anything is rendered, in words", async () => {
  await writeFile(base.file("media"), "no folder");
  await expect(results.prepare("job/render.mp4")).rejects.toMatchObject({
    info: { code: "RESULT_NOT_STORED", detail: { fault: "agent" } },
  });
});
