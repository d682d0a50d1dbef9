import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { ROOT } from "./lib/workspace.mjs";

/** `node scripts/check-file-sizes.mjs [folder]`: fails when a source file is too long to have one purpose. */
const MAX_LINES = 400;
const SOURCE = /\.(ts|tsx|mts|cts|js|jsx|mjs|cjs|py|sh|css|html)$/;
const SKIPPED = new Set(["node_modules", "dist", "schemas", "generated", "coverage", "data"]);

/**
 * Every source file below a folder.
 *
 * @param {string} folder
 * @returns {string[]}
 */
function sources(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (SKIPPED.has(entry.name) || entry.name.startsWith(".")) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return entry.isFile() && SOURCE.test(entry.name) ? [path] : [];
  });
}

const root = resolve(process.argv[2] ?? ROOT);
const files = sources(root);
const long = files.flatMap((path) => {
  const lines = readFileSync(path, "utf8").trimEnd().split("\n").length;
  return lines > MAX_LINES ? [`${relative(root, path)} has ${lines} lines`] : [];
});
for (const line of long) console.error(`${line}; split it by purpose, ${MAX_LINES} is the limit.`);
if (long.length === 0) console.log(`File sizes: ${files.length} files, none over ${MAX_LINES} lines.`);
process.exitCode = long.length === 0 ? 0 : 1;
