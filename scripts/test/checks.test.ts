import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { ROOT, toolPath } from "../lib/workspace.mjs";

let workspace = "";

beforeEach(() => {
  workspace = mkdtempSync(join(tmpdir(), "walls-"));
  for (const [folder, name] of [
    ["apps/agent", "agent"],
    ["apps/orchestrator", "orchestrator"],
    ["packages/ffmpeg", "ffmpeg"],
    ["packages/protocol", "protocol"],
    ["packages/service-kit", "service-kit"],
  ] as const) {
    write(`${folder}/package.json`, JSON.stringify({ name: `@stream-control/${name}`, type: "module" }));
    write(`${folder}/src/index.ts`, "export const here: number = 1;\n");
  }
});
afterEach(() => rmSync(workspace, { recursive: true, force: true }));

function write(path: string, text: string): void {
  const full = join(workspace, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, text);
}

function run(script: string) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, "scripts", script), workspace], {
    encoding: "utf8",
  });
  return { status, output: stdout + stderr };
}

describe("import walls", () => {
  test("let the allowed directions pass", () => {
    write("packages/protocol/src/schema.ts", 'import { z } from "zod";\nexport const a = z.string();\n');
    write("packages/protocol/src/schema.test.ts", 'import { test } from "@jest/globals";\ntest("a", () => {});\n');
    write("packages/service-kit/src/a.ts", 'export * from "@stream-control/protocol";\n');
    write("packages/ffmpeg/src/a.ts", 'export type * from "@stream-control/protocol";\n');
    write(
      "apps/orchestrator/src/jobs/lifecycle.ts",
      'import type { here } from "../index.js";\nexport type A = typeof here;\n',
    );
    write("apps/agent/src/a.ts", 'import "@stream-control/ffmpeg";\nexport * from "./index.js";\n');
    expect(run("check-walls.mjs")).toMatchObject({ status: 0 });
  });

  test.each([
    ["apps/agent/src/a.ts", 'import "@stream-control/orchestrator";', "app-agent-imports-no-app"],
    ["apps/agent/src/a.ts", 'import "../../orchestrator/src/index.js";', "app-agent-imports-no-app"],
    ["apps/agent/src/a.ts", 'export type { here } from "@stream-control/orchestrator";', "app-agent-imports-no-app"],
    [
      "apps/agent/src/a.ts",
      'export const later = () => import("@stream-control/orchestrator");',
      "app-agent-imports-no-app",
    ],
    ["packages/ffmpeg/src/a.ts", 'import "@stream-control/agent";', "packages-import-no-app"],
    ["packages/ffmpeg/src/a.ts", 'import "../../protocol/src/index.js";', "no-foreign-sources"],
    ["packages/ffmpeg/src/a.ts", 'import "@stream-control/store";', "ffmpeg-knows-no-orchestrator"],
    ["packages/ffmpeg/src/a.ts", 'import type { A } from "@stream-control/agent-sdk";', "ffmpeg-knows-no-orchestrator"],
    ["packages/protocol/src/a.ts", 'import { join } from "node:path";', "protocol-depends-on-zod-alone"],
    ["packages/protocol/src/a.ts", 'import "@stream-control/service-kit";', "protocol-depends-on-zod-alone"],
    [
      "packages/service-kit/src/a.ts",
      'import "@stream-control/ffmpeg";',
      "service-kit-imports-protocol-and-store-alone",
    ],
    ["apps/orchestrator/src/jobs/lifecycle.ts", 'import { readFileSync } from "node:fs";', "decisions-are-pure"],
    ["apps/orchestrator/src/scheduling/placement.ts", 'import "../index.js";', "decisions-are-pure"],
    ["packages/ffmpeg/src/a.ts", 'import "./missing.js";', "relative-imports-resolve"],
  ])("%s with %s breaks %s", (path, line, wall) => {
    write(path, `${line}\n`);
    const { status, output } = run("check-walls.mjs");
    expect({ passed: status === 0, broken: output.includes(`${wall}:`) }).toEqual({ passed: false, broken: true });
  });

  test("find files that import each other", () => {
    write("packages/ffmpeg/src/a.ts", 'export { b } from "./b.js";\nexport const a = 1;\n');
    write("packages/ffmpeg/src/b.ts", 'import { a } from "./a.js";\nexport const b = () => a;\n');
    const { status, output } = run("check-walls.mjs");
    expect(status).toBe(1);
    expect(output).toContain("no-cycles");
  });
});

describe("the size check", () => {
  test("names a file that is too long, and passes without it", () => {
    expect(run("check-file-sizes.mjs")).toMatchObject({ status: 0 });
    write("apps/agent/src/long.ts", "export {};\n".repeat(401));
    write("apps/agent/dist/bundle.js", "export {};\n".repeat(1000));
    const { status, output } = run("check-file-sizes.mjs");
    expect(status).toBe(1);
    expect(output).toContain("apps/agent/src/long.ts has 401 lines");
    expect(output).not.toContain("bundle.js");
  });
});

describe("the linter's rule on the environment", () => {
  const lint = (path: string) => {
    // The configuration refers to files beside it.
    for (const name of ["biome.json", ".gitignore"]) copyFileSync(join(ROOT, name), join(workspace, name));
    symlinkSync(join(ROOT, "node_modules"), join(workspace, "node_modules"));
    write(path, "export const port = process.env.PORT;\n");
    const biome = toolPath("@biomejs/biome/bin/biome");
    return spawnSync(process.execPath, [biome, "lint", path], { cwd: workspace, encoding: "utf8" });
  };

  test.each([
    ["apps/agent/src/jobs/run.ts", true],
    ["packages/ffmpeg/src/args.ts", true],
    ["apps/agent/src/config.ts", false],
    ["apps/agent/src/main.ts", false],
    ["apps/agent/src/runner/runner-main.ts", false],
    ["apps/agent/src/jobs/run.test.ts", false],
  ])("in %s a look at it is refused: %j", (path, refused) => {
    const { status, stdout, stderr } = lint(path);
    expect({ status, named: (stdout + stderr).includes("noProcessEnv") }).toEqual({
      status: refused ? 1 : 0,
      named: refused,
    });
  });
});

describe("shells", () => {
  test("are not started by the usual ways to start a program", () => {
    const lines = [
      'import { type ChildProcess, spawn } from "node:child_process";',
      'import type { SpawnOptions } from "node:child_process";',
      "const parts = /(a)/.exec(text);",
      'spawn("ffmpeg", ["-i", url], { shell: false });',
    ];
    write("apps/agent/src/a.ts", lines.join("\n"));
    write("apps/agent/test/a.ts", 'import { exec } from "node:child_process";');
    expect(run("check-shells.mjs")).toMatchObject({ status: 0 });
  });

  test.each([
    ['import { exec } from "node:child_process";', "imports exec"],
    ['import { execSync } from "child_process";', "imports execSync"],
    ['import { spawn, exec as run } from "node:child_process";', "imports exec"],
    ['import * as processes from "node:child_process";', "otherwise than by names"],
    ['const { exec } = await import("node:child_process");', "otherwise than by names"],
    ["const { exec } = require('child_process');", "otherwise than by names"],
    ['import { spawn } from "node:child_process";\nspawn(line, { shell: true });', 'has an option "shell"'],
    ['import { spawn } from "node:child_process";\nspawn("sh", ["-c", line]);', "names a shell"],
  ])("are found: %s", (text, words) => {
    write("packages/ffmpeg/src/a.ts", text);
    const { status, output } = run("check-shells.mjs");
    expect(status).toBe(1);
    expect(output).toContain(`packages/ffmpeg/src/a.ts`);
    expect(output).toContain(words);
  });
});
