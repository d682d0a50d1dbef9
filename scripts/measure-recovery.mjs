import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { recoveryTable, testsByPackage } from "./lib/recovery.mjs";
import { runStep } from "./lib/run-step.mjs";
import { ROOT, toolPath } from "./lib/workspace.mjs";

/**
 * `pnpm measure:recovery [--rounds N]`: runs the tests that measure a row of `docs/failure-matrix.md`, and prints how long
 * each recovery took. Fails when a test does. RECOVERY_TIMES names a file for the single times, where they are to be kept.
 */
const { values } = parseArgs({ options: { rounds: { type: "string", default: "3" } } });
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error("--rounds needs a whole number from 1 on.");

const folder = mkdtempSync(join(tmpdir(), "stream-control-recovery-"));
try {
  const file = process.env.RECOVERY_TIMES ?? join(folder, "times.jsonl");
  const jest = ["--experimental-vm-modules", "--disable-warning=ExperimentalWarning", toolPath("jest/bin/jest.js")];
  const env = { ...process.env, RECOVERY_TIMES: file };
  let passed = true;
  for (let round = 1; round <= rounds; round += 1)
    for (const [name, tests] of testsByPackage(ROOT)) {
      console.log(`\n── ${name}, round ${round} of ${rounds}`);
      // One file at a time, so that they do not disturb each other's times.
      const argv = [...jest, "--runInBand", "--runTestsByPath", ...tests];
      passed = (await runStep(`The tests of ${name}`, argv, { cwd: join(ROOT, name), env })) && passed;
    }
  console.log(`\n${recoveryTable(readFileSync(file, "utf8"))}`);
  process.exitCode = passed ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
