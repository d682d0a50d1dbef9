import { constants, existsSync } from "node:fs";
import { open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";

/** What can stand in an env file without quotes, for every program that reads one. */
const PLAIN = /^[\w./:@+=-]*$/;

/**
 * The text of an env file with some variables set. Each stands where it stood, once; new ones come at the end; every other
 * line stays as it is.
 *
 * @throws RangeError for a value that no env file can hold.
 */
export function withVariables(text: string, variables: Readonly<Record<string, string>>): string {
  const missing = new Map(Object.entries(variables));
  const lines = text === "" ? [] : text.replace(/\n$/, "").split("\n");
  const kept = lines.flatMap((line) => {
    const name = /^\s*(?:export\s+)?(\w+)\s*=/.exec(line)?.[1];
    if (name === undefined || !Object.hasOwn(variables, name)) return [line];
    const value = missing.get(name);
    missing.delete(name);
    return value === undefined ? [] : [assignment(name, value)];
  });
  const added = [...missing].map(([name, value]) => assignment(name, value));
  return [...kept, ...added, ""].join("\n");
}

function assignment(name: string, value: string): string {
  if (PLAIN.test(value)) return `${name}=${value}`;
  if (/["\r\n\\]/.test(value)) throw new RangeError(`The value of ${name} cannot stand in an env file.`);
  return `${name}="${value}"`;
}

/**
 * Sets variables in an env file, which only its owner may read from then on. It is whole at every moment.
 *
 * @throws the system's error where it cannot be written.
 */
export async function saveVariables(file: string, variables: Readonly<Record<string, string>>): Promise<void> {
  const before = existsSync(file) ? await readFile(file, "utf8") : "";
  const draft = join(dirname(file), `.env.${process.pid}.new`);
  try {
    const handle = await open(draft, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      await handle.writeFile(withVariables(before, variables));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, file);
  } finally {
    await rm(draft, { force: true });
  }
}
