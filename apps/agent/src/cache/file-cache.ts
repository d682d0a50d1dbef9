import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, link, mkdir, open, readdir, rename, rm, stat, statfs, utimes } from "node:fs/promises";
import { join } from "node:path";
import { symbolOf } from "../data-dir/file-problem.js";
import type { CacheSettings } from "./contract.js";

/** So much of a disk stays free, whatever the cache may hold. */
const FREE_SHARE = 0.1;
/** Nobody is at a draft that is older. */
const DRAFT_MS = 24 * 3_600_000;
const DRAFTS = "drafts";

/** A file as it was when it was kept. */
export interface KeptFile {
  bytes: number;
  /** When its contents were last changed; not looked at unless given. */
  changedAtMs?: number | undefined;
}

/**
 * Files by name, the least recently used of which go when they are too many. Any number of processes may use one folder, and
 * be killed at any moment: a file has its name when it is whole and not before, is never changed then, and whoever takes one
 * has a name of their own for it (a hard link), which stays when the cache's goes.
 */
export class FileCache {
  private readonly files: string;
  private readonly drafts: string;

  constructor(private readonly settings: CacheSettings) {
    this.files = join(settings.folder, "files");
    this.drafts = join(settings.folder, DRAFTS);
  }

  get isOff(): boolean {
    return this.settings.maxBytes === 0;
  }

  /** A new path for something that is to be put here later; what is left of it goes after a day. */
  async draft(): Promise<string> {
    await mkdir(this.drafts, { recursive: true, mode: 0o700 });
    return join(this.drafts, randomBytes(12).toString("hex"));
  }

  /** Bytes of a file; undefined where it is not here. */
  async size(name: string): Promise<number | undefined> {
    return stat(join(this.files, name)).then(
      ({ size }) => size,
      () => undefined,
    );
  }

  /**
   * Gives a file another name outside, written over, and counts it as used.
   *
   * @param wanted how it was when it was kept; one that is otherwise was changed by somebody, and goes.
   * @returns whether it was here.
   */
  async take(name: string, path: string, wanted: KeptFile): Promise<boolean> {
    const file = join(this.files, name);
    let mtime: Date;
    try {
      const about = await stat(file);
      mtime = about.mtime;
      if (about.size !== wanted.bytes || (wanted.changedAtMs ?? about.mtimeMs) !== about.mtimeMs) {
        await rm(file, { force: true });
        return false;
      }
      await sameOrCopy(file, path);
    } catch (thrown) {
      if (symbolOf(thrown) === "ENOENT") return false;
      throw thrown;
    }
    // When it was changed stays as it is: others may have names for it, too.
    await utimes(file, new Date(), mtime).catch(() => undefined);
    return true;
  }

  /**
   * Keeps a finished file, which stays where it is, and drops what there is no room for any more. What can't be kept is not:
   * a cache that is full or broken costs nobody their render.
   *
   * @param isMove the file at `path` may go.
   */
  async keep(name: string, path: string, { isMove = false } = {}): Promise<void> {
    if (this.isOff) return;
    try {
      await mkdir(this.files, { recursive: true, mode: 0o700 });
      if (isMove) await rename(path, join(this.files, name));
      else {
        const draft = await this.draft();
        await sameOrCopy(path, draft);
        await rename(draft, join(this.files, name));
      }
      await flushFolder(this.files);
    } catch {
      return;
    }
    await this.tidy().catch(() => undefined);
  }

  /** Drops the least recently used files until the rest fits, and drafts that nobody is at. */
  async tidy(): Promise<void> {
    const names = await readdir(this.files).catch(() => []);
    const found = await Promise.all(
      names.map(async (name) => {
        const path = join(this.files, name);
        const about = await stat(path).catch(() => undefined);
        return about === undefined ? [] : [{ path, bytes: about.size, usedAt: about.atimeMs }];
      }),
    );
    const files = found.flat().sort((a, b) => a.usedAt - b.usedAt);
    let total = files.reduce((sum, { bytes }) => sum + bytes, 0);
    const { blocks, bavail, bsize } = await statfs(this.settings.folder);
    const spare = (bavail - blocks * FREE_SHARE) * bsize;
    const most = Math.min(this.settings.maxBytes, total + spare);
    for (const { path, bytes } of files) {
      if (total <= most) break;
      await rm(path, { force: true });
      total -= bytes;
    }
    for (const name of await readdir(this.drafts).catch(() => [])) {
      const about = await stat(join(this.drafts, name)).catch(() => undefined);
      if (about !== undefined && Date.now() - about.mtimeMs > DRAFT_MS)
        await rm(join(this.drafts, name), { force: true });
    }
  }
}

/** Another name for the same file; a copy where a disk knows no second names, or another one is meant. */
async function sameOrCopy(from: string, to: string): Promise<void> {
  await rm(to, { force: true });
  try {
    await link(from, to);
  } catch (thrown) {
    if (symbolOf(thrown) === "ENOENT") throw thrown;
    await copyFile(from, to, constants.COPYFILE_FICLONE);
  }
}

async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
