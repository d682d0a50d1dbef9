import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * What a test notes with `measured` of `@stream-control/test-kit`.
 *
 * @typedef {{ row: string, ms: number, until?: string, setting?: { name: string, ms: number } }} MeasuredLine
 */

/**
 * The rows of the failure matrix that a test's source measures.
 *
 * @param {string} source
 */
export const measuredRows = (source) => [...source.matchAll(/\bmeasured\(\s*"([^"]+)"/g)].map(([, row = ""]) => row);

/**
 * The tests that measure something, by the folder of their package.
 *
 * @param {string} root
 * @returns {Map<string, string[]>} paths below the package's folder
 */
export function testsByPackage(root) {
  const folders = ["apps/agent", "apps/orchestrator", "packages/agent-sdk", "e2e"];
  return new Map(
    folders.map((folder) => [
      folder,
      testFiles(join(root, folder), "test").filter(
        (path) => measuredRows(readFileSync(join(root, folder, path), "utf8")).length > 0,
      ),
    ]),
  );
}

/**
 * @param {string} base
 * @param {string} folder below the base
 * @returns {string[]}
 */
function testFiles(base, folder) {
  if (!existsSync(join(base, folder))) return [];
  return readdirSync(join(base, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return testFiles(base, path);
    return entry.name.endsWith(".test.ts") ? [path] : [];
  });
}

/**
 * A Markdown table of median and worst for every row and moment, and the same beyond the setting that the time
 * contains.
 *
 * @param {string} lines JSON, one measurement a line
 */
export function recoveryTable(lines) {
  /** @type {Map<string, MeasuredLine[]>} */
  const groups = new Map();
  for (const text of lines.split("\n").filter((line) => line !== "")) {
    const line = /** @type {MeasuredLine} */ (JSON.parse(text));
    const key = JSON.stringify([line.row, line.until, line.setting?.name, line.setting?.ms]);
    groups.set(key, [...(groups.get(key) ?? []), line]);
  }
  const rows = [...groups.values()].map((group) => {
    const [first = { row: "", ms: 0 }] = group;
    const times = group.map(({ ms }) => ms);
    const { setting } = first;
    const beyond =
      setting === undefined ? "" : ` ${setting.name} ${seconds(setting.ms)} + ${summary(times, setting.ms)}`;
    return `| ${first.row} | ${first.until ?? ""} | ${times.length} | ${summary(times, 0)} |${beyond} |`;
  });
  return ["| row | until | n | median / worst | beyond the setting |", "| - | - | - | - | - |", ...rows].join("\n");
}

/** @param {number} ms */
function seconds(ms) {
  if (Math.abs(ms) < 0.5) return "< 1 ms";
  return Math.abs(ms) < 95 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

/**
 * @param {readonly number[]} times
 * @param {number} offset
 */
function summary(times, offset) {
  const sorted = times.map((ms) => ms - offset).sort((a, b) => a - b);
  // Of an even number, the mean of the two in the middle: the lower one alone would be the best of two runs.
  const middle = [Math.floor((sorted.length - 1) / 2), Math.floor(sorted.length / 2)].map(
    (index) => sorted[index] ?? 0,
  );
  const median = middle.reduce((sum, ms) => sum + ms, 0) / middle.length;
  return `${seconds(median)} / ${seconds(sorted.at(-1) ?? 0)}`;
}
