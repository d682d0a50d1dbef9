import { spawnSync } from "node:child_process";
import { pathToFileURL } from "node:url";
import { ROOT } from "./lib/workspace.mjs";

/** @typedef {{ severity: string, module_name?: string, title?: string, url?: string }} Advisory */

/**
 * What `pnpm audit --json` said, as a verdict.
 *
 * @param {{ status: number | null, stdout: string, stderr: string }} answer
 * @returns {{ code: number, sentence: string }} code 1 where a dependency has a known hole of the grade high or worse
 */
export function verdictOf({ status, stdout, stderr }) {
  const report = parsed(stdout);
  if (report === undefined) {
    const why = /ERR_PNPM_\w+/.exec(`${stdout}${stderr}`)?.[0] ?? `pnpm ended with ${status}`;
    return {
      code: 0,
      sentence: `Dependencies were NOT audited: the registry's advisories could not be read (${why}).`,
    };
  }
  const grave = Object.values(report).filter(({ severity }) => severity === "high" || severity === "critical");
  if (grave.length === 0)
    return { code: 0, sentence: "Dependencies were audited: no known hole of the grade high or worse." };
  const lines = grave.map(
    (one) => `  ${one.module_name ?? "?"}: ${one.title ?? ""} (${one.severity}) ${one.url ?? ""}`,
  );
  return { code: 1, sentence: `Dependencies have known holes:\n${lines.join("\n")}` };
}

/**
 * @param {string} text
 * @returns {Record<string, Advisory> | undefined}
 */
function parsed(text) {
  try {
    const { advisories } = JSON.parse(text);
    return typeof advisories === "object" && advisories !== null ? advisories : undefined;
  } catch {
    return undefined;
  }
}

/** `pnpm audit:dependencies`: asks the registry for known holes in what is shipped. Fails for those it knows of, not where it is silent. */
if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const pnpm = process.env.npm_execpath;
  const [command, before] = pnpm?.endsWith("js") ? [process.execPath, [pnpm]] : [pnpm ?? "pnpm", []];
  const answer = spawnSync(command, [...before, "audit", "--prod", "--audit-level", "high", "--json"], {
    cwd: ROOT,
    encoding: "utf8",
    timeout: 120_000,
  });
  const { code, sentence } = verdictOf({
    status: answer.status,
    stdout: answer.stdout ?? "",
    stderr: answer.stderr ?? "",
  });
  console.log(sentence);
  process.exitCode = code;
}
