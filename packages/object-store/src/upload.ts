import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import type { StoredObject, TransferOptions } from "./contract.js";
import { asObjectStoreError, ObjectStoreError } from "./errors.js";

/** The name under which an object carries its checksum (`x-amz-meta-sha256`). */
export const SHA256 = "sha256";

const MIB = 1024 * 1024;
/** A part is sent again as a whole where its connection breaks. */
const PART_BYTES = 16 * MIB;
/** The most that S3 takes of one object. */
const MAX_PARTS = 10_000;
/** Of parts; so much memory is held at once. */
const AT_ONCE = 3;
/** The store is told of what was given up, within this. */
const ABORT_MS = 10_000;

/** An object, as the SDK names it. */
export interface ObjectName {
  Bucket: string;
  Key: string;
}

/**
 * Puts a file there: small ones in one request, larger ones in parts, some of them at once, each with a checksum and sent
 * again where it fails. Nobody sees it before it is whole. The store forgets the parts of what fails or is given up.
 *
 * Not by `@aws-sdk/lib-storage`: an upload that is given up there goes on by itself until its parts are through, and what
 * it tells the store then comes after the end of a process that does not wait.
 */
export async function uploadFile(
  client: S3Client,
  name: ObjectName,
  path: string,
  { signal, onBytes, contentType }: TransferOptions & { contentType?: string | undefined },
): Promise<StoredObject> {
  const send = signal === undefined ? {} : { abortSignal: signal };
  let file: FileHandle | undefined;
  try {
    const sha256 = await hashOf(path, signal);
    file = await open(path, "r");
    const { size } = await file.stat();
    const object = { ...name, Metadata: { [SHA256]: sha256 }, ...(contentType && { ContentType: contentType }) };
    const partBytes = Math.max(PART_BYTES, Math.ceil(size / MAX_PARTS / MIB) * MIB);
    if (size <= partBytes) {
      const Body = await slice(file, 0, size);
      const { ETag } = await client.send(new PutObjectCommand({ ...object, Body }), send);
      onBytes?.(size);
      return { bytes: size, sha256, etag: ETag };
    }
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(object), send);
    try {
      const Parts = await uploadParts(client, { ...name, UploadId }, file, { size, partBytes, signal, onBytes });
      const complete = new CompleteMultipartUploadCommand({ ...name, UploadId, MultipartUpload: { Parts } });
      const { ETag } = await client.send(complete, send);
      return { bytes: size, sha256, etag: ETag };
    } catch (thrown) {
      const abortSignal = AbortSignal.timeout(ABORT_MS);
      // What can't be told now is found by whoever keeps house.
      await client.send(new AbortMultipartUploadCommand({ ...name, UploadId }), { abortSignal }).catch(() => undefined);
      throw thrown;
    }
  } catch (thrown) {
    signal?.throwIfAborted();
    throw asObjectStoreError(thrown);
  } finally {
    await file?.close();
  }
}

interface PartsOptions extends TransferOptions {
  size: number;
  partBytes: number;
}

async function uploadParts(
  client: S3Client,
  upload: ObjectName & { UploadId: string | undefined },
  file: FileHandle,
  { size, partBytes, signal, onBytes }: PartsOptions,
) {
  const waiting = Array.from({ length: Math.ceil(size / partBytes) }, (_, index) => index);
  const giveUp = new AbortController();
  const abortSignal = signal === undefined ? giveUp.signal : AbortSignal.any([signal, giveUp.signal]);
  const parts: { PartNumber: number; ETag: string | undefined; [checksum: string]: unknown }[] = [];
  let sent = 0;
  const worker = async () => {
    for (let index = waiting.shift(); index !== undefined; index = waiting.shift()) {
      const Body = await slice(file, index * partBytes, Math.min(partBytes, size - index * partBytes));
      const command = new UploadPartCommand({ ...upload, PartNumber: index + 1, Body });
      const { ETag, ChecksumCRC32, ChecksumCRC32C, ChecksumCRC64NVME, ChecksumSHA1, ChecksumSHA256 } =
        await client.send(command, { abortSignal });
      const checksums = { ChecksumCRC32, ChecksumCRC32C, ChecksumCRC64NVME, ChecksumSHA1, ChecksumSHA256 };
      parts.push({ PartNumber: index + 1, ETag, ...checksums });
      sent += Body.length;
      onBytes?.(sent);
    }
  };
  let failure: { thrown: unknown } | undefined;
  const workers = Array.from({ length: AT_ONCE }, () =>
    worker().catch((thrown: unknown) => {
      // The others fail because they are given up.
      failure ??= { thrown };
      giveUp.abort();
    }),
  );
  await Promise.all(workers);
  if (failure !== undefined) throw failure.thrown;
  return parts.sort((a, b) => a.PartNumber - b.PartNumber);
}

async function slice(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let read = 0;
  while (read < length) {
    const { bytesRead } = await file.read(buffer, read, length - read, at + read);
    if (bytesRead === 0) throw new ObjectStoreError("local", "the file became shorter");
    read += bytesRead;
  }
  return buffer;
}

/** The SHA-256 of a file, hexadecimal. */
export async function hashOf(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: MIB, ...(signal && { signal }) }))
    hash.update(chunk);
  return hash.digest("hex");
}
