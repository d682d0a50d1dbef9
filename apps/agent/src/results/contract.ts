import { z } from "zod";

/** A folder of this machine, or one that is mounted on several. */
const folderStoreSchema = z.object({ kind: z.literal("folder"), root: z.string() });

/** A bucket; credentials are found by whoever opens it, and never written down. */
const s3StoreSchema = z.object({
  kind: z.literal("s3"),
  bucket: z.string(),
  prefix: z.string(),
  endpoint: z.string().optional(),
  forcePathStyle: z.boolean(),
  region: z.string().optional(),
});

/** Where results go, as a runner is told. */
export const resultStoreSchema = z.discriminatedUnion("kind", [folderStoreSchema, s3StoreSchema]);
export type ResultStore = z.infer<typeof resultStoreSchema>;
