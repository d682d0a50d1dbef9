import { createHash, type Hash } from "node:crypto";
import { open } from "node:fs/promises";
import type { Readable } from "node:stream";
import { GetObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import type { StoredObject, TransferOptions } from "./contract.js";
import { asObjectStoreError, ObjectStoreError } from "./errors.js";
import { type ObjectName, SHA256 } from "./upload.js";

/** Times that a body that broke off is gone on with. */
const TRIES = 5;

/** How far a download is. */
interface Progress {
  bytes: number;
  hash: Hash;
  /** Of the object that was begun with. */
  etag?: string | undefined;
  sha256?: string | undefined;
}

/**
 * Brings an object to a file. A body that breaks off is gone on with where it broke, as long as the object is still the
 * same; what has come is compared with the checksum that the object carries.
 */
export async function fetchObject(
  client: S3Client,
  name: ObjectName,
  path: string,
  { signal, onBytes, maxBytes = Number.POSITIVE_INFINITY }: TransferOptions & { maxBytes?: number | undefined },
): Promise<StoredObject> {
  const progress: Progress = { bytes: 0, hash: createHash("sha256") };
  try {
    await (await open(path, "w", 0o600)).close();
    for (let tries = 1; ; tries += 1) {
      try {
        await fetchRest(client, name, path, progress, { signal, onBytes, maxBytes });
        break;
      } catch (thrown) {
        signal?.throwIfAborted();
        const error = asObjectStoreError(thrown);
        if (tries === TRIES || error.problem !== "unreachable") throw error;
      }
    }
    const sha256 = progress.hash.digest("hex");
    if (progress.sha256 !== undefined && progress.sha256 !== sha256) throw new ObjectStoreError("damaged", "SHA-256");
    return { bytes: progress.bytes, sha256, etag: progress.etag };
  } catch (thrown) {
    signal?.throwIfAborted();
    throw asObjectStoreError(thrown);
  }
}

async function fetchRest(
  client: S3Client,
  name: ObjectName,
  path: string,
  progress: Progress,
  { signal, onBytes, maxBytes }: TransferOptions & { maxBytes: number },
): Promise<void> {
  const rest = progress.bytes === 0 ? {} : { Range: `bytes=${progress.bytes}-`, IfMatch: progress.etag };
  const answer = await client.send(new GetObjectCommand({ ...name, ...rest }), {
    ...(signal && { abortSignal: signal }),
  });
  const expected = progress.bytes + (answer.ContentLength ?? 0);
  if (expected > maxBytes) throw new ObjectStoreError("too_large");
  progress.etag ??= answer.ETag;
  progress.sha256 ??= answer.Metadata?.[SHA256];
  // Counted once it is written, so that what is gone on with begins where the file ends.
  const file = await open(path, "a", 0o600);
  try {
    for await (const chunk of answer.Body as Readable) {
      const { length } = chunk as Buffer;
      if (progress.bytes + length > maxBytes) throw new ObjectStoreError("too_large");
      await file.appendFile(chunk as Buffer);
      progress.bytes += length;
      progress.hash.update(chunk as Buffer);
      onBytes?.(progress.bytes);
    }
  } finally {
    await file.close();
  }
  if (progress.bytes !== expected) throw new ObjectStoreError("unreachable", "IncompleteBody");
}
