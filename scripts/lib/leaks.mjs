import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** @typedef {{ kind: string, file: string }} Leak A secret of a kind stands in a file. */

/**
 * Searches everything that a test run has written for every secret that was used in it.
 *
 * @param {string} secretsFile one JSON object `{kind, secret}` a line, as `secret()` of the test-kit appends them
 * @param {string} folder of the logs
 * @returns {{ secrets: number, files: number, leaks: Leak[] }} a leak does not hold the secret itself: it will be printed
 */
export function findLeaks(secretsFile, folder) {
  const secrets = existsSync(secretsFile) ? readFileSync(secretsFile, "utf8").trim().split("\n") : [];
  /** @type {{ kind: string, secret: string }[]} */
  const used = secrets.filter((line) => line !== "").map((line) => JSON.parse(line));
  const files = existsSync(folder) ? readdirSync(folder) : [];
  /** @type {Leak[]} */
  const leaks = [];
  for (const file of files) {
    const text = readFileSync(join(folder, file), "utf8");
    for (const { kind, secret } of used) if (text.includes(secret)) leaks.push({ kind, file });
  }
  return { secrets: used.length, files: files.length, leaks };
}

/**
 * What a person is told about the search.
 *
 * @param {ReturnType<typeof findLeaks>} found
 */
export function describeLeaks({ secrets, files, leaks }) {
  if (leaks.length === 0) return `None of the ${secrets} secrets that were used stands in the ${files} logs.`;
  const places = [...new Set(leaks.map(({ kind, file }) => `a ${kind} in ${file}`))];
  return `Secrets stand in what was written: ${places.join(", ")}.`;
}
