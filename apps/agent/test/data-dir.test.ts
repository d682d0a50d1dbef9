import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { ConfigError } from "@stream-control/service-kit";
import { type TemporaryFolder, temporaryFolder } from "@stream-control/test-kit";
import { fileProblem, isFileProblem } from "../src/data-dir/file-problem.js";
import { lockDataDir } from "../src/data-dir/lock.js";
import { openDataDir, writeProblem } from "../src/data-dir/open.js";
import { stableAgentId } from "../src/identity.js";

/** A folder in which nobody, root included, can make a file. */
const UNWRITABLE = "/sys/kernel";

let base: TemporaryFolder;
beforeEach(async () => {
  base = await temporaryFolder();
});
afterEach(() => base.remove());

const refusal = async (work: Promise<unknown>) => {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(ConfigError);
  return String(thrown);
};

test("a data folder belongs to one agent at a time, and to nobody once that is gone", async () => {
  const dir = base.file("data");
  const lock = await openDataDir(dir, base.path);
  expect(await refusal(openDataDir(dir, base.path))).toContain(`is in use by another agent (process ${process.pid})`);
  await lock.release();
  const again = await openDataDir(dir, base.path);
  expect(await readdir(dir)).toEqual([expect.stringMatching(/^agent-[0-9a-f]{12}\.sock$/)]);
  await again.release();
  expect(await readdir(dir)).toEqual([]);
});

test("what a killed agent left is taken over", async () => {
  const script = `require("node:net").createServer().listen(${JSON.stringify(base.file("agent-0000.sock"))}, () => console.log("up"))`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  expect(await refusal(lockDataDir(base.path, base.path))).toContain("in use by another agent");
  child.kill("SIGKILL");
  await once(child, "close");
  expect(await readdir(base.path)).toContain("agent-0000.sock");
  const lock = await lockDataDir(base.path, base.path);
  await lock.release();
});

test("an agent that is frozen still has its folder", async () => {
  // Takes connections, as the kernel does for a frozen process, and says nothing.
  const server = createServer(() => {});
  server.listen(base.file("agent-0000.sock"));
  await once(server, "listening");
  expect(await refusal(lockDataDir(base.path, base.path))).toContain("(process unknown)");
  server.close();
  await once(server, "close");
});

test("of ten that start at once one gets the folder, whatever a killed one has left there", async () => {
  for (let round = 0; round < 20; round++) {
    await writeFile(base.file("agent-0000.sock"), "nobody listens here");
    const tries = await Promise.allSettled(Array.from({ length: 10 }, () => lockDataDir(base.path, base.path)));
    const taken = tries.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    expect(taken).toHaveLength(1);
    for (const lock of taken) await lock.release();
  }
});

test("a folder that can't be written to is said, locked all the same, and an id is not made up for it", async () => {
  const lock = await openDataDir(UNWRITABLE, base.path);
  expect(await refusal(openDataDir(UNWRITABLE, base.path))).toContain("in use by another agent");
  await lock.release();
  expect(await writeProblem(UNWRITABLE)).toMatch(/^The agent's data folder .*\(E[A-Z]+\)\. Jobs that run go on/);
  expect(await writeProblem(base.path)).toBeUndefined();
  expect(await refusal(stableAgentId(UNWRITABLE))).toMatch(/The agent's id cannot be kept: .*, or set AGENT_ID\./);
  await writeFile(base.file("a-file"), "");
  expect(await refusal(openDataDir(base.file("a-file", "data"), base.path))).toContain(
    "lies below something that is no folder (ENOTDIR). Set DATA_DIR",
  );
});

test("a folder with a long path has its lock elsewhere", async () => {
  const dir = join(base.path, "x".repeat(120));
  await mkdir(dir);
  const lock = await lockDataDir(dir, base.path);
  expect(await refusal(lockDataDir(dir, base.path))).toContain("in use by another agent");
  await lock.release();
});

test("a full disk is told from a program that cannot be run", () => {
  const full = Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC", syscall: "write" });
  expect(fileProblem(full)).toBe("has no space left (ENOSPC)");
  expect(isFileProblem(full)).toBe(true);
  expect(isFileProblem(Object.assign(new Error(), { code: "EACCES", syscall: "spawn node" }))).toBe(false);
  expect(isFileProblem(new TypeError("x"))).toBe(false);
  expect(fileProblem("?")).toBe("could not be written (unknown)");
});
