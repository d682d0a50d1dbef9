import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseTestArgs } from "./lib/args.mjs";
import { describeLeaks, findLeaks } from "./lib/leaks.mjs";
import { brokers, chromium, ffmpeg, postgresql, pythonClient } from "./lib/requirements.mjs";
import { runStep } from "./lib/run-step.mjs";
import { ensureRequirements } from "./lib/system-packages.mjs";
import { allPassed, describeTotals, readTotals } from "./lib/totals.mjs";
import { ROOT, toolPath } from "./lib/workspace.mjs";

/**
 * `pnpm test [--filter <package>] [jest arguments]`: everything that must hold before a change goes in. The last line
 * alone says how many tests passed and failed.
 */
async function main() {
  const { filters, jest } = parseTestArgs(process.argv.slice(2));
  await ensureRequirements([ffmpeg, pythonClient, chromium, brokers, postgresql], {
    env: process.env,
    say: console.log,
  });

  const results = mkdtempSync(join(tmpdir(), "stream-control-tests-"));
  const logs = join(results, "logs");
  const secrets = join(results, "secrets.jsonl");
  const env = {
    ...process.env,
    ...{ TURBO_TELEMETRY_DISABLED: "1", TEST_RESULTS_DIR: results },
    // Tests note every secret that they use, and services what they write; see the end of the run.
    ...{ SECRETS_USED: secrets, TEST_LOGS: logs },
    ...(process.stdout.isTTY ? { FORCE_COLOR: "1" } : {}),
  };
  const turbo = (/** @type {string[]} */ ...args) => [toolPath("turbo/bin/turbo"), "run", ...args];
  let keep = false;
  try {
    const steps = [
      { label: "Lint", argv: [toolPath("@biomejs/biome/bin/biome"), "ci", "."] },
      { label: "Import walls", argv: [join(ROOT, "scripts/check-walls.mjs")] },
      { label: "File sizes", argv: [join(ROOT, "scripts/check-file-sizes.mjs")] },
      { label: "Shells", argv: [join(ROOT, "scripts/check-shells.mjs")] },
      {
        label: "Build and type check",
        argv: turbo("build", "typecheck", "--continue", "--output-logs=errors-only", ...filters),
      },
      {
        label: "Tests",
        // One package at a time: tests keep deadlines, and a small machine has two cores.
        argv: turbo(
          "test",
          "--concurrency=1",
          "--continue",
          "--output-logs=new-only",
          "--log-order=stream",
          ...filters,
          ...(jest.length === 0 ? [] : ["--", ...jest]),
        ),
      },
    ];
    /** @type {string[]} */
    const failed = [];
    for (const { label, argv } of steps) {
      console.log(`\n── ${label}`);
      if (!(await runStep(label, argv, { cwd: ROOT, env, copyTo: join(logs, `${label}.out`) }))) failed.push(label);
    }
    const leaks = findLeaks(secrets, logs);
    console.log(`\n── Secrets\n${describeLeaks(leaks)}`);
    if (leaks.leaks.length > 0) {
      failed.push("Secrets");
      keep = true;
      console.log(`The logs stay in ${logs}.`);
    }
    const totals = readTotals(results);
    console.log(failed.length === 0 ? "" : `\nFailed: ${failed.join(", ")}.`);
    console.log(describeTotals(totals));
    process.exitCode = failed.length === 0 && allPassed(totals) ? 0 : 1;
  } finally {
    if (!keep) rmSync(results, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
