import type { ResultStore } from "./contract.js";
import { FolderResults } from "./folder-results.js";
import type { Results } from "./results.js";

/**
 * Opens the store that a runner was told of; nothing is asked of it yet. What is needed for a bucket is loaded for a bucket
 * alone: a runner stands between a job and its first frame.
 */
export async function openResults(store: ResultStore): Promise<Results> {
  if (store.kind === "folder") return new FolderResults(store.root);
  const { S3Results } = await import("./s3-results.js");
  return new S3Results(store);
}
