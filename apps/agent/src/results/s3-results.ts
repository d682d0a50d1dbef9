import { rm } from "node:fs/promises";
import { extname } from "node:path";
import { type Bucket, type BucketSettings, ObjectStoreError, openBucket } from "@stream-control/object-store";
import { CommandError } from "../runner/errors.js";
import { resultKey } from "./key.js";
import type { Results, StoredFile } from "./results.js";

/** What browsers are told that a result is. */
const TYPES: Readonly<Record<string, string>> = {
  ".mp4": "video/mp4",
  ".mov": "video/quicktime",
  ".avi": "video/x-msvideo",
  ".webm": "video/webm",
  ".gif": "image/gif",
};

/** Results in a bucket, each with its checksum. */
export class S3Results implements Results {
  private opened: Promise<Bucket> | undefined;

  constructor(private readonly settings: BucketSettings) {}

  /** Whether it can be written to is seen when it is: a try would cost each render a request, and prove nothing about the next. */
  prepare(key: string): Promise<void> {
    resultKey(key);
    return Promise.resolve();
  }

  async put(path: string, key: string, signal?: AbortSignal): Promise<StoredFile> {
    const contentType = TYPES[extname(key)];
    const stored = await this.ask("RESULT_NOT_STORED", "The result could not be kept", signal, async (bucket) => {
      const { bytes, sha256 } = await bucket.put(path, resultKey(key), { signal, contentType });
      return { bytes, ...(sha256 === undefined ? {} : { sha256 }) };
    });
    await rm(path, { force: true });
    return stored;
  }

  get(key: string, path: string, signal?: AbortSignal): Promise<StoredFile> {
    return this.ask(
      "RESULT_NOT_READ",
      "A file that was rendered before could not be fetched",
      signal,
      async (bucket) => {
        const { bytes, sha256 } = await bucket.get(resultKey(key), path, { signal });
        return { bytes, ...(sha256 === undefined ? {} : { sha256 }) };
      },
    );
  }

  has(key: string): Promise<boolean> {
    return this.ask("RESULT_NOT_READ", "A result could not be looked up", undefined, async (bucket) => {
      return (await bucket.head(resultKey(key))) !== undefined;
    });
  }

  remove(key: string): Promise<void> {
    return this.ask("RESULT_NOT_REMOVED", "A result could not be removed", undefined, (bucket) =>
      bucket.remove([resultKey(key)]),
    );
  }

  private async ask<T>(
    code: string,
    what: string,
    signal: AbortSignal | undefined,
    request: (bucket: Bucket) => Promise<T>,
  ): Promise<T> {
    this.opened ??= openBucket(this.settings);
    try {
      return await request(await this.opened);
    } catch (thrown) {
      if (signal?.aborted === true || !(thrown instanceof ObjectStoreError)) throw thrown;
      const isGone = code === "RESULT_NOT_READ" && thrown.problem === "not_there";
      throw new CommandError({
        code: isGone ? "RESULT_NOT_THERE" : code,
        message: `${what}: of the bucket ${this.settings.bucket}, ${thrown.message}.`,
        detail: { fault: "agent", retryable: thrown.retryable || isGone },
      });
    }
  }
}
