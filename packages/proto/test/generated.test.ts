import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";

const PACKAGE = join(import.meta.dirname, "..");
const PROTO = join(PACKAGE, "../protocol/proto");
const bin = join(PACKAGE, "node_modules/.bin");
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sc-proto-"));
  cpSync(join(PACKAGE, "buf.gen.yaml"), join(folder, "buf.gen.yaml"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const buf = (args: string[], cwd: string): void => {
  execFileSync(join(bin, "buf"), args, {
    cwd,
    env: { ...process.env, PATH: [bin, process.env.PATH].join(delimiter), BUF_CACHE_DIR: join(folder, "cache") },
    stdio: "pipe",
  });
};
const filesBelow = (path: string): Map<string, string> =>
  new Map(
    readdirSync(path, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => [name, readFileSync(join(path, name), "utf8")]),
  );

test("the code is what the .proto files say; otherwise: pnpm --filter @stream-control/proto generate", () => {
  buf(["generate", PROTO, "--output", folder], folder);
  const made = filesBelow(join(folder, "src/generated"));
  expect(made.size).toBeGreaterThan(0);
  expect(filesBelow(join(PACKAGE, "src/generated"))).toEqual(made);
});

test("the .proto files keep to the rules that buf calls standard", () => {
  buf(["lint"], PROTO);
  buf(["format", "--diff", "--exit-code"], PROTO);
});
