import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

/** What a browser loads, gzipped, before it can show the first view of a page. */
const MOST_BYTES = 300_000;

/**
 * Looks up in a build's manifest what the entry needs at once: its scripts and styles, and those that they import. What is
 * fetched later, when another page is opened, does not count.
 */
const folder = process.argv[2];
if (folder === undefined) throw new Error("Name the folder of the build.");
/** @type {Record<string, { file: string, isEntry?: boolean, imports?: string[], css?: string[] }>} */
const manifest = JSON.parse(readFileSync(join(folder, ".vite/manifest.json"), "utf8"));
/** @type {Set<string>} */
const needed = new Set();
/** @param {string} name of a chunk in the manifest */
const visit = (name) => {
  const chunk = manifest[name];
  if (chunk === undefined || needed.has(chunk.file)) return;
  needed.add(chunk.file);
  for (const style of chunk.css ?? []) needed.add(style);
  for (const next of chunk.imports ?? []) visit(next);
};
for (const [name, { isEntry }] of Object.entries(manifest)) if (isEntry) visit(name);
const bytes = [...needed].reduce((sum, file) => sum + gzipSync(readFileSync(join(folder, file))).length, 0);
console.log(`First view: ${(bytes / 1000).toFixed(1)} kB gzipped of ${MOST_BYTES / 1000} kB, in ${needed.size} files.`);
if (needed.size === 0 || bytes > MOST_BYTES) {
  console.error("The first view is too large: load what it does not need later.");
  process.exitCode = 1;
}
