import { z } from "zod";

/** A folder of files that may be made again, as a runner is told of it. */
export const cacheSchema = z.object({
  folder: z.string(),
  /** All of its files together; 0 keeps nothing. */
  maxBytes: z.number().min(0),
});
export type CacheSettings = z.infer<typeof cacheSchema>;
