import { z } from "zod";

/** Names of S3: 3 to 63 characters, lower case. */
const BUCKET_NAME = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

/** The name of a bucket. */
export const bucketNameSchema = z
  .string()
  .regex(BUCKET_NAME, "must be the name of a bucket, 3 to 63 characters in lower case");

const isWebAddress = (value: string): boolean => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);

/** The environment variables of a service that has a bucket. Credentials are not among them: they are the SDK's to find. */
export const bucketVariables = {
  S3_BUCKET: bucketNameSchema.optional(),
  /** What all keys begin with, so that a bucket may hold other things, too. */
  S3_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*\/?$/, "must look like renders or team-1/renders")
    .optional(),
  S3_ENDPOINT: z.string().refine(isWebAddress, "must be an address such as https://minio.example.com:9000").optional(),
  S3_FORCE_PATH_STYLE: z.enum(["true", "false"]).optional(),
  AWS_REGION: z
    .string()
    .regex(/^[a-z0-9-]{1,32}$/, "must look like us-east-1")
    .optional(),
};

/** Where a bucket is. */
export interface BucketSettings {
  bucket: string;
  /** Empty, or with a slash at its end. */
  prefix: string;
  /** Of a store that is not Amazon's. */
  endpoint?: string | undefined;
  /** Buckets are named in the path, and not in the host's name. */
  forcePathStyle: boolean;
  /** Found by the SDK unless given. */
  region?: string | undefined;
}

type Given = { [name in keyof typeof bucketVariables]?: string | undefined };

/** The bucket that a service was given; undefined where it was given none. */
export function bucketSettings(given: Given): BucketSettings | undefined {
  const { S3_BUCKET: bucket, S3_PREFIX: prefix = "", S3_ENDPOINT: endpoint, AWS_REGION } = given;
  if (bucket === undefined) return undefined;
  // Stores other than Amazon's want some region in a signature, and seldom a certain one.
  const region = AWS_REGION ?? (endpoint === undefined ? undefined : "us-east-1");
  const path = given.S3_FORCE_PATH_STYLE;
  return {
    ...{ bucket, prefix: prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/` },
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    // Few stores have a name in the DNS for each of their buckets.
    forcePathStyle: path === undefined ? endpoint !== undefined : path === "true",
  };
}

/**
 * What of the environment a child needs to find the same credentials, and to trust the same authorities. It goes to the
 * programs of this project alone, and never to an ffmpeg.
 */
export const objectStoreEnvironment = (env: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] =>
        entry[1] !== undefined && (/^AWS_/.test(entry[0]) || entry[0] === "NODE_EXTRA_CA_CERTS"),
    ),
  );
