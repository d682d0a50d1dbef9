import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import { describeIssues, issuesOf } from "@stream-control/protocol";
import { type AnySpec, anySpecSchema, RESULT_FILE, type RunnerResult, SPEC_FILE } from "./contract.js";

/**
 * Reads what the runner is told.
 *
 * @throws an Error that names what is wrong with it, without repeating values, since some are secrets.
 */
export function readSpec(folder: string): AnySpec {
  const parsed = anySpecSchema.safeParse(JSON.parse(readFileSync(join(folder, SPEC_FILE), "utf8")));
  if (!parsed.success) throw new Error(`${SPEC_FILE} is wrong: ${describeIssues(issuesOf(parsed.error))}.`);
  return parsed.data;
}

/** Writes the result whole or not at all. Synchronous, so that it can be the last act of a process that is in trouble. */
export function writeResult(folder: string, result: RunnerResult): void {
  const draft = join(folder, `${RESULT_FILE}.tmp`);
  const file = openSync(draft, "w", 0o600);
  try {
    writeSync(file, JSON.stringify(result));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, join(folder, RESULT_FILE));
}
