import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { listProcesses, parsePs, parseStat } from "../lib/processes.mjs";
import { Stack } from "../lib/stack.mjs";
import { waitFor } from "../lib/wait.mjs";

let folder = "";
let said: string[] = [];
let stack: Stack;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "stack-"));
  said = [];
  stack = new Stack({ say: (line) => said.push(line) });
});
afterEach(async () => {
  stack.kill();
  await waitFor(() => (alive().length === 0 ? true : undefined), { what: "the services to end", deadlineMs: 10_000 });
  rmSync(folder, { recursive: true, force: true });
});

/** Processes of this test: each has its folder in its command line. */
const alive = () => listProcesses().filter(({ command }) => command.includes(folder));
const note = (name: string) => join(folder, name);
const written = (name: string) =>
  waitFor(() => (existsSync(note(name)) ? true : undefined), { what: name, deadlineMs: 20_000 });

/** Starts a real Node process that runs `code`; `note(name)` writes a file that tests wait for. */
function start(name: string, code: string, stopTimeoutMs = 20_000): void {
  const script = note(`${name}.mjs`);
  writeFileSync(
    script,
    `import { appendFileSync } from "node:fs";
import { spawn } from "node:child_process";
const note = (name, text = "") => appendFileSync(${JSON.stringify(`${folder}/`)} + name, text);
${code}
setInterval(() => {}, 1000);
`,
  );
  stack.start({
    name,
    script,
    cwd: folder,
    env: { PATH: process.env.PATH },
    logFile: note(`logs/${name}.log`),
    stopTimeoutMs,
  });
}
const onTerm = (code: string) => `process.on("SIGTERM", () => { ${code} });`;
/** A detached child with the test's folder in its command line, as a runner of an agent. */
const detachedChild = (code: string) =>
  `spawn(process.execPath, ["-e", ${JSON.stringify(`/* child */ ${code}; setInterval(() => {}, 1000);`)}, ${JSON.stringify(folder)}], { detached: true, stdio: "ignore" });`;

describe("stopping", () => {
  test("ends the last started first, each before the next is asked", async () => {
    const ending = (name: string) =>
      onTerm(
        `note("order", "${name} asked\\n"); setTimeout(() => { note("order", "${name} gone\\n"); process.exit(0); }, 200);`,
      );
    start("first", `${ending("first")} note("first.up");`);
    start("second", `${ending("second")} note("second.up");`);
    await Promise.all([written("first.up"), written("second.up")]);
    await stack.stop();
    expect(readFileSync(note("order"), "utf8").split("\n")).toEqual([
      "second asked",
      "second gone",
      "first asked",
      "first gone",
      "",
    ]);
    expect(alive()).toEqual([]);
    expect(said).toEqual([]);
  });

  test("ends a service that ignores it by force, and says so", async () => {
    start("deaf", `${onTerm("")} note("up");`, 500);
    await written("up");
    await stack.stop();
    expect(said.join("\n")).toContain("deaf did not stop within 0.5 s");
    expect(alive()).toEqual([]);
  }, 30_000);

  test("ends detached grandchildren that their parent left behind", async () => {
    start("parent", `${detachedChild("")} ${onTerm("process.exit(0);")} note("up");`);
    await written("up");
    await waitFor(() => (alive().length === 2 ? true : undefined), { what: "the child", deadlineMs: 20_000 });
    await stack.stop();
    expect(alive()).toEqual([]);
    expect(said.join("\n")).toMatch(/Ending what is left over: \S+ \(pid \d+\)/);
    expect(said.join("\n")).not.toContain(folder);
  });

  test("finds processes that an earlier run left behind", async () => {
    start("parent", `${detachedChild("")} note("up");`);
    await written("up");
    await waitFor(() => (alive().length === 2 ? true : undefined), { what: "the child", deadlineMs: 20_000 });
    const parent = alive().find(({ command }) => command.includes("parent.mjs"));
    if (parent === undefined) throw new Error("the parent is gone");
    const later = new Stack({
      say: () => {},
      isOurs: (command) => command.includes("child") && command.includes(folder),
    });
    await later.stop();
    expect(alive().map(({ pid }) => pid)).toEqual([parent.pid]);
  });

  test("at once ends everything without asking", async () => {
    start("parent", `${detachedChild('process.on("SIGTERM", () => {})')} ${onTerm('note("asked");')} note("up");`);
    await written("up");
    await waitFor(() => (alive().length === 2 ? true : undefined), { what: "the child", deadlineMs: 20_000 });
    stack.kill();
    await waitFor(() => (alive().length === 0 ? true : undefined), { what: "the end", deadlineMs: 10_000 });
    expect(existsSync(note("asked"))).toBe(false);
  });
});

describe("a service that ends by itself", () => {
  test("is named with its exit code and its last lines", async () => {
    start("shaky", 'console.log("about to fail"); console.error("no such disk"); process.exit(3);');
    await expect(stack.failed).rejects.toThrow(
      /shaky ended unexpectedly \(exit code 3\)[\s\S]*about to fail[\s\S]*no such disk/,
    );
    expect(readFileSync(note("logs/shaky.log"), "utf8")).toContain("no such disk");
  });

  test("is not held against one that was asked to", async () => {
    start("calm", `${onTerm("process.exit(0);")} note("up");`);
    await written("up");
    let failed = false;
    stack.failed.catch(() => {
      failed = true;
    });
    await stack.stop();
    expect(failed).toBe(false);
    expect(() => start("late", "")).toThrow("late was not started");
  });
});

describe("reading processes", () => {
  test("copes with names that look like the format, and leaves zombies out", () => {
    expect(parseStat("42 (a) S (b) R 7 8 9 0")).toEqual({ pid: 42, ppid: 7, pgid: 8 });
    expect(parseStat("42 (node) Z 7 8 9 0")).toBeUndefined();
  });

  test("reads the table of ps", () => {
    expect(
      parsePs("    1     0     1 Ss   /sbin/init splash\n   77     1    77 Z+   (node)\n   78    77    77 R\n"),
    ).toEqual([
      { pid: 1, ppid: 0, pgid: 1, command: "/sbin/init splash" },
      { pid: 78, ppid: 77, pgid: 77, command: "" },
    ]);
  });

  test("knows this very process", () => {
    expect(listProcesses().find(({ pid }) => pid === process.pid)).toMatchObject({ ppid: process.ppid });
  });
});
