import { join } from "node:path";
import { createRedactor, probeSource, type SourceInfo, secretsOf } from "@stream-control/ffmpeg";
import type { Bucket, ObjectStoreError } from "@stream-control/object-store";
import { type BucketSource, bucketOfSource, type ErrorInfo, type Source } from "@stream-control/protocol";
import type { RenderStores } from "./runner/contract.js";
import { CommandError, refused } from "./runner/errors.js";
import type { Reach } from "./runner/reach/reach.js";
import { download } from "./runner/render/download.js";
import { imageAt, NO_IMAGE } from "./runner/render/image-at.js";

/** Larger ones are no pictures to lay over anything. */
const MAX_IMAGE_BYTES = 256 * 1024 ** 2;

/** What a source that only renders know is looked into with. */
export interface RenderSourceLook {
  /** The agent's own, for what is fetched. */
  folder: string;
  reach: Reach;
  sourceBuckets: RenderStores["sourceBuckets"];
  ffprobePath: string;
  env: Record<string, string>;
  hideIn: readonly string[];
  launcher: readonly string[];
  deadlineMs: number;
  signal: AbortSignal;
}

/**
 * Looks into an image, the whole of which is fetched, as a render does.
 *
 * @throws CommandError `SOURCE_UNREACHABLE`, `SOURCE_REFUSED`.
 */
export async function lookAtImage(source: Source | BucketSource, look: RenderSourceLook): Promise<SourceInfo> {
  const path = await imageFile(source, look);
  const image = await imageAt(path);
  if (image === undefined) throw unreadable(`The source can't be used: ${NO_IMAGE}.`);
  return probed({ type: "file", path, loop: false }, look, image);
}

async function imageFile(source: Source | BucketSource, look: RenderSourceLook): Promise<string> {
  const path = join(look.folder, "image");
  if (source.type === "file") return source.path;
  if (source.type === "s3") {
    const fetchIt = (bucket: Bucket, key: string) =>
      bucket.get(key, path, { signal: look.signal, maxBytes: MAX_IMAGE_BYTES });
    await inBucket(source, look, fetchIt);
  } else if (source.type === "http") {
    const resolve = (url: string) => look.reach.webAddresses(url);
    await download(source.url, path, { resolve, signal: look.signal, maxBytes: MAX_IMAGE_BYTES });
  } else throw refused("NOT_SUPPORTED", "Images are files, or come over HTTP or from a bucket.");
  return path;
}

/**
 * Looks into a video or a sound in a bucket by a link that is good for this look alone.
 *
 * @throws CommandError `SOURCE_UNREACHABLE`, `SOURCE_REFUSED`.
 */
export async function lookIntoBucket(source: BucketSource, look: RenderSourceLook): Promise<SourceInfo> {
  const url = await inBucket(source, look, async (bucket, key) => {
    if ((await bucket.head(key, look.signal)) === undefined)
      throw unreadable("The source could not be opened: there is nothing under that key.");
    return bucket.link(key, Math.ceil(look.deadlineMs / 1000) + 1);
  });
  return probed({ type: "http", url }, look);
}

async function probed(source: Source, look: RenderSourceLook, imageDemuxer?: string): Promise<SourceInfo> {
  const { ffprobePath, env, hideIn, launcher, deadlineMs, signal } = look;
  const probe = await probeSource({
    ...{ source, imageDemuxer, ffprobePath, env, hideIn, launcher, deadlineMs, signal },
    ...{ stallTimeoutMs: deadlineMs, redactor: createRedactor(secretsOf(source)), readPacket: true },
  });
  if (probe.ok) return probe.info;
  throw new CommandError(probe.error);
}

/** Buckets are opened with the agent's credentials, so only those that its owner has named. */
async function inBucket<T>(
  { url }: BucketSource,
  { sourceBuckets }: RenderSourceLook,
  read: (bucket: Bucket, key: string) => Promise<T>,
): Promise<T> {
  const { bucket: name = "", key = "" } = bucketOfSource(url) ?? {};
  if (sourceBuckets?.names.includes(name) !== true)
    throw refused("SOURCE_REFUSED", `The bucket ${name} is none that this agent may read (SOURCE_BUCKETS).`);
  const { names: _names, ...place } = sourceBuckets;
  const { openBucket } = await import("@stream-control/object-store");
  const bucket = await openBucket({ ...place, bucket: name, prefix: "" });
  try {
    return await read(bucket, key);
  } catch (thrown) {
    if (!(thrown instanceof Error) || thrown.name !== "ObjectStoreError") throw thrown;
    throw unreadable(`The source could not be opened: ${(thrown as ObjectStoreError).message}.`);
  } finally {
    bucket.close();
  }
}

function unreadable(message: string): CommandError {
  const info: ErrorInfo = { code: "SOURCE_UNREACHABLE", message, detail: { fault: "source" } };
  return new CommandError(info);
}
