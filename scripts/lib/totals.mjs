import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** @typedef {{ passed: number, failed: number, skipped: number }} Totals How many tests ended how. */

/**
 * Adds up what the reporters of all packages wrote.
 *
 * @param {string} folder
 * @returns {Totals}
 */
export function readTotals(folder) {
  const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
  return addTotals(files.map((name) => JSON.parse(readFileSync(join(folder, name), "utf8"))));
}

/**
 * @param {readonly Totals[]} parts
 * @returns {Totals}
 */
export function addTotals(parts) {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const part of parts) {
    sum.passed += part.passed;
    sum.failed += part.failed;
    sum.skipped += part.skipped;
  }
  return sum;
}

/**
 * The last line of a test run: `12 passed, 0 failed`, and the skipped ones where there are any.
 *
 * @param {Totals} totals
 */
export const describeTotals = ({ passed, failed, skipped }) =>
  `${passed} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}`;

/**
 * Whether the run counts as passed: something ran, nothing failed, nothing was left out.
 *
 * @param {Totals} totals
 */
export const allPassed = ({ passed, failed, skipped }) => passed > 0 && failed === 0 && skipped === 0;
