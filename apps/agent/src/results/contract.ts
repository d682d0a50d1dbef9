import { z } from "zod";

/** A folder of this machine, or one that is mounted on several. */
export const folderStoreSchema = z.object({ kind: z.literal("folder"), root: z.string() });
export type FolderStore = z.infer<typeof folderStoreSchema>;

/** Where results go, as a runner is told. */
export const resultStoreSchema = folderStoreSchema;
export type ResultStore = z.infer<typeof resultStoreSchema>;
