import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, mkdir, open, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
import { fileProblem, symbolOf } from "../data-dir/file-problem.js";
import { CommandError } from "../runner/errors.js";
import { sha256Of } from "./hash.js";
import { resultKey } from "./key.js";
import type { Results, StoredFile } from "./results.js";

/** Results in a folder. What is not yet whole has a hidden name, under which nothing is served. */
export class FolderResults implements Results {
  constructor(private readonly root: string) {}

  async put(path: string, key: string, signal?: AbortSignal): Promise<StoredFile> {
    const target = this.pathOf(key);
    try {
      await this.makeFolder(target);
      const sha256 = await sha256Of(path, signal);
      await flush(path);
      signal?.throwIfAborted();
      const { size } = await stat(path);
      if (!(await moved(path, target))) await this.copy(path, target, signal);
      await flush(dirname(target));
      return { bytes: size, sha256 };
    } catch (thrown) {
      throw signal?.aborted === true || thrown instanceof CommandError ? thrown : notStored(thrown);
    }
  }

  async get(key: string, path: string, signal?: AbortSignal): Promise<StoredFile> {
    try {
      signal?.throwIfAborted();
      await copyFile(this.pathOf(key), path, constants.COPYFILE_FICLONE);
      return { bytes: (await stat(path)).size };
    } catch (thrown) {
      throw signal?.aborted === true ? thrown : notRead(thrown);
    }
  }

  has(key: string): Promise<boolean> {
    return stat(this.pathOf(key)).then(
      (found) => found.isFile(),
      () => false,
    );
  }

  async remove(key: string): Promise<void> {
    await rm(this.pathOf(key), { force: true });
  }

  /** Makes the folder of the key. */
  async prepare(key: string): Promise<void> {
    await this.makeFolder(this.pathOf(key)).catch((thrown: unknown) => {
      throw thrown instanceof CommandError ? thrown : notStored(thrown);
    });
  }

  private pathOf(key: string): string {
    return join(this.root, resultKey(key));
  }

  /** Others may write there, too: links are followed, but not out of the folder. */
  private async makeFolder(target: string): Promise<void> {
    await mkdir(dirname(target), { recursive: true });
    const [root, folder] = await Promise.all([realpath(this.root), realpath(dirname(target))]);
    if (!`${folder}${sep}`.startsWith(`${root}${sep}`)) throw new CommandError(LEADS_OUT);
  }

  /** From another disk: beside the target first, so that the last act is a rename here, too. */
  private async copy(path: string, target: string, signal?: AbortSignal): Promise<void> {
    const draft = join(dirname(target), `.${randomBytes(6).toString("hex")}.${basename(target)}`);
    try {
      await copyFile(path, draft, constants.COPYFILE_EXCL);
      await flush(draft);
      signal?.throwIfAborted();
      await rename(draft, target);
    } finally {
      await rm(draft, { force: true });
    }
    await rm(path, { force: true });
  }
}

/** @returns false where that is on another disk. */
async function moved(path: string, target: string): Promise<boolean> {
  try {
    await rename(path, target);
    return true;
  } catch (thrown) {
    if (symbolOf(thrown) === "EXDEV") return false;
    throw thrown;
  }
}

/** Onto the disk, before anybody is told that it is there. */
async function flush(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

const LEADS_OUT = {
  code: "RESULT_NOT_STORED",
  message: "The folder of the result leads out of the agent's first output folder.",
  detail: { fault: "agent", retryable: false },
} as const;

const notStored = (thrown: unknown): CommandError =>
  new CommandError({
    code: "RESULT_NOT_STORED",
    message: `The result could not be kept: the agent's first output folder ${fileProblem(thrown)}.`,
    detail: { fault: "agent", retryable: true },
  });

const notRead = (thrown: unknown): CommandError =>
  new CommandError(
    symbolOf(thrown) === "ENOENT"
      ? {
          code: "RESULT_NOT_THERE",
          message: "A file that was rendered before is not in the agent's first output folder.",
          detail: { fault: "agent", retryable: true },
        }
      : {
          code: "RESULT_NOT_READ",
          message: `A file that was rendered before could not be fetched: it ${fileProblem(thrown)}.`,
          detail: { fault: "agent", retryable: true },
        },
  );
