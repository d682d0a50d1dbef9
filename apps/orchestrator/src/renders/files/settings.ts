import { type BucketSettings, bucketSettings, bucketVariables } from "@stream-control/object-store";
import { envVar } from "@stream-control/service-kit";
import type { z } from "zod";

/** Where results are, and how long they can be had. */
export interface ResultSettings {
  /** The bucket that agents put them into; none unless given. */
  bucket?: BucketSettings | undefined;
  /** How long a link to a result is good. */
  linkSeconds: number;
  /** How long a result is kept after the end of its job, in milliseconds; for ever unless given. */
  retentionMs?: number | undefined;
  /** How often old results are looked for; an hour unless given. */
  lookEveryMs?: number | undefined;
}

/** The longest that S3 signs a link for. */
const MAX_LINK_SECONDS = 604_800;

const HOUR_MS = 3_600_000;

export const DEFAULT_RESULTS: ResultSettings = { linkSeconds: 86_400 };

/** Variables about results; to be spread into the service's own. */
export const resultVariables = {
  ...bucketVariables,
  RENDER_LINK_SECONDS: envVar.int({ min: 60, max: MAX_LINK_SECONDS }).default(DEFAULT_RESULTS.linkSeconds),
  RENDER_RETENTION_HOURS: envVar.int({ min: 1, max: 876_000 }).optional(),
};

/** Turns the variables into settings. */
export const readResults = (values: z.infer<z.ZodObject<typeof resultVariables>>): ResultSettings => ({
  bucket: bucketSettings(values),
  linkSeconds: values.RENDER_LINK_SECONDS,
  ...(values.RENDER_RETENTION_HOURS === undefined ? {} : { retentionMs: values.RENDER_RETENTION_HOURS * HOUR_MS }),
});
