import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * @typedef {object} AggregatedResult the part of jest's results that is used
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} numRuntimeErrorTestSuites
 * @property {number} numPendingTests
 * @property {number} numTodoTests
 */

/**
 * A jest reporter that writes one package's totals into the folder named by TEST_RESULTS_DIR, for `addTotals` to add
 * up. Without the variable it does nothing, so that jest can be run by hand.
 */
export default class TotalsReporter {
  /**
   * @param {unknown} _contexts
   * @param {AggregatedResult} results
   */
  onRunComplete(_contexts, results) {
    const folder = process.env.TEST_RESULTS_DIR;
    if (folder === undefined || folder === "") return;
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, `${process.pid}-${Date.now()}.json`),
      JSON.stringify({
        passed: results.numPassedTests,
        // A suite that can't even be loaded has no tests to count, and is a failure all the same.
        failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
        skipped: results.numPendingTests + results.numTodoTests,
      }),
    );
  }
}
