import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { ROOT } from "./lib/workspace.mjs";

/**
 * `node scripts/check-shells.mjs [folder]`: fails when a program could be started through a shell, in which a stream's
 * address or a file's name would be a command. Tests may do what they like.
 */
const SOURCE = /\.(ts|tsx|mts|cts|js|jsx|mjs|cjs)$/;
const SKIPPED = new Set(["node_modules", "dist", "test", "coverage", "data", "public"]);
const TEST = /\.test\.[a-z]+$/;
/** What starts a program as given, without a shell. */
const WITHOUT_SHELL = new Set(["spawn", "spawnSync", "fork", "execFile", "execFileSync"]);
const MODULE = "[\"'](?:node:)?child_process[\"']";
const NAMED = new RegExp(String.raw`import\s*(?:type\s*)?\{([^}]*)\}\s*from\s*${MODULE}`, "g");
const ANY_USE = new RegExp(MODULE, "g");
const SHELL_OPTION = /\bshell["']?\s*:(?!\s*false\b)/;
const SHELL_PROGRAM = /["'`](?:\/(?:usr\/)?bin\/)?(?:sh|bash|dash|zsh|cmd|cmd\.exe|powershell(?:\.exe)?|pwsh)["'`]/;

/**
 * @param {string} folder
 * @returns {string[]} every source file below it
 */
function sources(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (SKIPPED.has(entry.name) || entry.name.startsWith(".")) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return entry.isFile() && SOURCE.test(entry.name) && !TEST.test(entry.name) ? [path] : [];
  });
}

/**
 * @param {string} text of a source file
 * @returns {string[]} why it could start a shell
 */
function problems(text) {
  const uses = text.match(ANY_USE)?.length ?? 0;
  if (uses === 0) return [];
  const imports = [...text.matchAll(NAMED)];
  const names = imports.flatMap(([, list = ""]) => list.split(",")).map((name) => name.trim());
  // Types, and the names of types, start with a capital letter.
  const values = names.filter((name) => name !== "" && !name.startsWith("type ") && !/^[A-Z]/.test(name));
  const [first] = values.map((name) => name.split(/\s+as\s+/)[0] ?? name).filter((name) => !WITHOUT_SHELL.has(name));
  return [
    ...(first === undefined ? [] : [`imports ${first}, which runs a shell`]),
    ...(imports.length === uses
      ? []
      : ["takes node:child_process otherwise than by names, so that nobody sees what it uses"]),
    ...(SHELL_OPTION.test(text) ? ['has an option "shell"'] : []),
    ...(SHELL_PROGRAM.test(text) ? ["names a shell as a program"] : []),
  ];
}

const root = resolve(process.argv[2] ?? ROOT);
// This file has to name what it looks for.
const files = sources(root).filter((path) => !path.endsWith("check-shells.mjs"));
const found = files.flatMap((path) =>
  problems(readFileSync(path, "utf8")).map((why) => `${relative(root, path)} ${why}`),
);
for (const line of found) console.error(`${line}; start programs with spawn and a list of arguments.`);
if (found.length === 0) console.log(`Shells: ${files.length} files, none starts one.`);
process.exitCode = found.length === 0 ? 0 : 1;
