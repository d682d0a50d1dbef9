import { randomBytes } from "node:crypto";
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

/**
 * A random secret of a kind, such as `stream-key`: 31 letters that stand nowhere else, so that whoever searches an output
 * for it finds leaks and nothing but leaks. `pnpm test` searches everything that its tests have written (it names the file
 * of all secrets by SECRETS_USED); a secret that must be seen somewhere is not made by this.
 *
 * @param made one of a form of its own, random too.
 */
export function secret(kind: string, made = `S${randomBytes(15).toString("hex")}`): string {
  // biome-ignore lint/style/noProcessEnv: Tests have no config module, and jest starts each of them in a process of its own.
  const file = process.env.SECRETS_USED;
  if (file !== undefined && file !== "") appendFileSync(file, `${JSON.stringify({ kind, secret: made })}\n`);
  return made;
}

/**
 * Keeps what a service wrote, for `pnpm test` to search it for secrets: it names a folder for such logs by TEST_LOGS.
 * Without the variable it does nothing.
 */
export function keepLog(name: string, text: string): void {
  // biome-ignore lint/style/noProcessEnv: Tests have no config module, and jest starts each of them in a process of its own.
  const folder = process.env.TEST_LOGS;
  if (folder === undefined || folder === "") return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}-${randomBytes(6).toString("hex")}.log`), text);
}

/**
 * The files below a folder that hold one of the texts in their bytes: as it is, or in UTF-16, base64 or hexadecimal, as
 * something that keeps bytes might have it.
 */
export async function filesWith(folder: string, texts: readonly string[]): Promise<string[]> {
  const needles = texts.flatMap((text) => [
    ...[Buffer.from(text), Buffer.from(text, "utf16le"), Buffer.from(Buffer.from(text).toString("hex"))],
    // Base64 of a part depends on where it begins; the middle of it, for each of the three offsets.
    ...[0, 1, 2].map((offset) =>
      Buffer.from(
        Buffer.from("\0".repeat(offset) + text)
          .toString("base64")
          .slice(4, -4),
      ),
    ),
  ]);
  const names = await readdir(folder, { recursive: true });
  const found = await Promise.all(
    names.map(async (name) => {
      const file = join(folder, name);
      if (!(await stat(file)).isFile()) return [];
      const bytes = await readFile(file);
      return needles.some((needle) => bytes.includes(needle)) ? [name] : [];
    }),
  );
  return found.flat();
}
