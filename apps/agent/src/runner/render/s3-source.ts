import { createHash } from "node:crypto";
import type { Bucket, ObjectStoreError } from "@stream-control/object-store";
import { bucketOfSource } from "@stream-control/protocol";
import type { CachedSource, SourceCache } from "../../cache/source-cache.js";
import type { RenderSpec } from "../contract.js";
import { CommandError, refused } from "../errors.js";
import { MAX_SOURCE_BYTES } from "./download.js";

interface BucketSource {
  spec: RenderSpec;
  cache: SourceCache;
  signal: AbortSignal;
  onBytes: (bytes: number, ofBytes: number | undefined) => void;
}

/**
 * Brings an object of a bucket to a path: with the agent's credentials, so from buckets alone that its owner has named. What was
 * fetched before is asked for by its ETag.
 *
 * @throws CommandError `SOURCE_REFUSED`, `SOURCE_UNREACHABLE`.
 */
export async function fetchFromBucket(
  source: string,
  path: string,
  { spec, cache, signal, onBytes }: BucketSource,
): Promise<CachedSource> {
  const { bucket: name = "", key = "" } = bucketOfSource(source) ?? {};
  const { names, ...place } = spec.render.sourceBuckets ?? { names: [], forcePathStyle: false };
  if (!names.includes(name))
    throw refused("SOURCE_REFUSED", "The source lies in a bucket that this agent may not read.");
  const { openBucket } = await import("@stream-control/object-store");
  const bucket = await openBucket({ ...place, bucket: name, prefix: "" });
  try {
    return await cache.get(`${place.endpoint ?? "aws"} ${source}`, path, {
      signal,
      mayReach: () => Promise.resolve(),
      fetch: async (to, have) => {
        const found = await asked(() => bucket.head(key, signal), signal);
        if (found === undefined) throw unreachable("there is nothing under that key", "NOT_FOUND", false);
        const about = { via: [], etag: found.etag, bytes: found.bytes };
        if (have?.etag !== undefined && have.etag === found.etag)
          return { ...about, isUnchanged: true, sha256: createHash("sha256").digest("hex") };
        const options = { signal, maxBytes: MAX_SOURCE_BYTES, onBytes: (bytes: number) => onBytes(bytes, found.bytes) };
        const { bytes, sha256 = "", etag } = await asked(() => bucket.get(key, to, options), signal);
        return { ...about, bytes, sha256, etag, isUnchanged: false };
      },
    });
  } finally {
    bucket.close();
  }
}

type Asked = Awaited<ReturnType<Bucket["get"]>>;

async function asked<T extends Asked | undefined>(request: () => Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await request();
  } catch (thrown) {
    if (signal.aborted) throw unreachable("it was given up", "CONNECTION_LOST", true);
    if (!(thrown instanceof Error) || thrown.name !== "ObjectStoreError") throw thrown;
    const { problem, message } = thrown as ObjectStoreError;
    const passing = problem === "unreachable" || problem === "damaged" || problem === "local";
    throw unreachable(message, problem === "not_there" ? "NOT_FOUND" : "SERVER_ERROR", passing);
  }
}

const unreachable = (why: string, cause: string, retryable: boolean): CommandError =>
  new CommandError({
    code: "SOURCE_UNREACHABLE",
    message: `A source could not be fetched from its bucket: ${why}.`,
    detail: { fault: "source", cause, retryable },
  });
