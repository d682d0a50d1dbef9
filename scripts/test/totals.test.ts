import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { addTotals, allPassed, describeTotals, readTotals } from "../lib/totals.mjs";
import TotalsReporter from "../lib/totals-reporter.mjs";

describe("the totals of a test run", () => {
  const before = process.env.TEST_RESULTS_DIR;
  let folder = "";

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "totals-"));
  });
  afterEach(() => {
    if (before === undefined) delete process.env.TEST_RESULTS_DIR;
    else process.env.TEST_RESULTS_DIR = before;
    rmSync(folder, { recursive: true, force: true });
  });

  test("are what the reporter wrote; a suite that can't be loaded is a failure, a todo is skipped", () => {
    process.env.TEST_RESULTS_DIR = folder;
    new TotalsReporter().onRunComplete(undefined, {
      numPassedTests: 5,
      numFailedTests: 1,
      numRuntimeErrorTestSuites: 1,
      numPendingTests: 2,
      numTodoTests: 1,
    });
    expect(readTotals(folder)).toEqual({ passed: 5, failed: 2, skipped: 3 });
  });

  test("add up over packages", () => {
    expect(
      addTotals([
        { passed: 3, failed: 0, skipped: 0 },
        { passed: 4, failed: 1, skipped: 2 },
      ]),
    ).toEqual({ passed: 7, failed: 1, skipped: 2 });
    expect(addTotals([])).toEqual({ passed: 0, failed: 0, skipped: 0 });
  });

  test("are one line that names skipped tests only where there are any", () => {
    expect(describeTotals({ passed: 7, failed: 0, skipped: 0 })).toBe("7 passed, 0 failed");
    expect(describeTotals({ passed: 7, failed: 1, skipped: 2 })).toBe("7 passed, 1 failed, 2 skipped");
  });

  test.each([
    [{ passed: 1, failed: 0, skipped: 0 }, true],
    [{ passed: 1, failed: 1, skipped: 0 }, false],
    [{ passed: 1, failed: 0, skipped: 1 }, false],
    [{ passed: 0, failed: 0, skipped: 0 }, false],
  ])("%j counts as passed: %j", (totals, passed) => {
    expect(allPassed(totals)).toBe(passed);
  });
});
