import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder of one test. */
export interface TemporaryFolder extends AsyncDisposable {
  path: string;
  /** An absolute path inside the folder. */
  file(...parts: string[]): string;
  remove(): Promise<void>;
}

/** Makes an empty folder, with a short name because Unix socket paths must stay under 108 bytes. */
export async function temporaryFolder(prefix = "sc-", below = tmpdir()): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(below, prefix));
  // A server that is just closing may still write into the folder, hence the retries.
  const remove = () => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  return {
    path,
    file: (...parts) => join(path, ...parts),
    remove,
    [Symbol.asyncDispose]: remove,
  };
}
