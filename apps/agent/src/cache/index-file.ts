import { createHash, randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { z } from "zod";

/** What nobody has asked for in so long is forgotten. */
const OLD_MS = 30 * 86_400_000;
/** How often somebody who writes also tidies up. */
const TIDY_SHARE = 0.02;

/**
 * Small facts by name, each in a file of its own that is replaced as a whole. Names may be secrets, such as addresses with a
 * signature: no name is written down, its hash is.
 */
export class IndexFile<T> {
  constructor(
    private readonly folder: string,
    private readonly schema: z.ZodType<T>,
  ) {}

  /** Undefined where nothing is known, or nothing that can be read. */
  async read(name: string): Promise<T | undefined> {
    try {
      return this.schema.parse(JSON.parse(await readFile(this.pathOf(name), "utf8")));
    } catch {
      return undefined;
    }
  }

  async write(name: string, value: T): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const draft = join(this.folder, `.${randomBytes(8).toString("hex")}`);
    await writeFile(draft, JSON.stringify(value), { mode: 0o600 });
    await rename(draft, this.pathOf(name));
    if (Math.random() < TIDY_SHARE) await this.tidy();
  }

  async remove(name: string): Promise<void> {
    await rm(this.pathOf(name), { force: true });
  }

  private async tidy(): Promise<void> {
    for (const file of await readdir(this.folder)) {
      const path = join(this.folder, file);
      const about = await stat(path).catch(() => undefined);
      if (about !== undefined && Date.now() - about.mtimeMs > OLD_MS) await rm(path, { force: true });
    }
  }

  /** A name as it may be written down. */
  static nameOf(name: string): string {
    return createHash("sha256").update(name).digest("hex");
  }

  private pathOf(name: string): string {
    return join(this.folder, IndexFile.nameOf(name));
  }
}
