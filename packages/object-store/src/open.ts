import type { Bucket } from "./contract.js";
import type { BucketSettings } from "./settings.js";

/**
 * Opens a bucket. Credentials come by the standard chain of AWS (environment, files, roles), and nothing is asked of the
 * store yet. The SDK is loaded here and not before: whoever has no bucket does without its memory.
 */
export async function openBucket(settings: BucketSettings): Promise<Bucket> {
  const { S3Bucket } = await import("./bucket.js");
  return new S3Bucket(settings);
}
