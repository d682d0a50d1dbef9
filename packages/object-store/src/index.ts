export type { Bucket, StoredObject, TransferOptions } from "./contract.js";
export { ObjectStoreError, type ObjectStoreProblem } from "./errors.js";
export { openBucket } from "./open.js";
export {
  type BucketSettings,
  bucketNameSchema,
  bucketSettings,
  bucketVariables,
  objectStoreEnvironment,
} from "./settings.js";
