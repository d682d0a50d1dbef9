import { z } from "zod";
import { timestampSchema } from "../primitives.js";

/** What YouTube knows of a job's broadcast. `streamKey` is a secret. */
export const youtubeMetadataSchema = z.looseObject({
  broadcastId: z.string().optional(),
  streamId: z.string().optional(),
  streamKey: z.string().optional(),
  streamUrl: z.string().optional(),
  privacyStatus: z.string().optional(),
  scheduledStartTime: timestampSchema.optional(),
  channelId: z.string().optional(),
  videoId: z.string().optional(),
});

/** What viewers and operators see of a stream. Fields of other platforms are kept as they are. */
export const streamMetadataSchema = z
  .looseObject({
    title: z.string().max(500).optional(),
    description: z.string().max(10_000).optional(),
    viewers: z.int().min(0).optional(),
    publicUrl: z.string().max(2048).optional(),
    adminUrl: z.string().max(2048).optional(),
    isMuted: z.boolean().optional(),
    isPaused: z.boolean().optional(),
    streamId: z.string().max(256).optional(),
    platform: z.string().max(64).optional(),
    youtube: youtubeMetadataSchema.optional(),
  })
  .meta({ id: "StreamMetadata" });
export type StreamMetadata = z.infer<typeof streamMetadataSchema>;

/** Body of `PUT /v1/jobs/:id/metadata`: what is given is merged, `null` takes a field away. */
export const metadataUpdateSchema = z
  .looseObject({
    title: z.string().max(500).nullish(),
    description: z.string().max(10_000).nullish(),
    viewers: z.int().min(0).nullish(),
    publicUrl: z.string().max(2048).nullish(),
    adminUrl: z.string().max(2048).nullish(),
    streamId: z.string().max(256).nullish(),
    platform: z.string().max(64).nullish(),
    youtube: youtubeMetadataSchema.nullish(),
  })
  .meta({ id: "MetadataUpdate" });
export type MetadataUpdate = z.infer<typeof metadataUpdateSchema>;

/** What a title and a description are made from. */
export const streamContextSchema = z
  .looseObject({
    /** The occasion: `Tournament`, `League`. */
    context: z.string().min(1).max(200),
    drawNumber: z.union([z.int().min(0), z.string().max(20)]).optional(),
    /** The sheet, court or pitch. */
    sheet: z.string().max(50).optional(),
    team1: z.string().max(200).optional(),
    team2: z.string().max(200).optional(),
  })
  .meta({ id: "StreamContext" });
export type StreamContext = z.infer<typeof streamContextSchema>;
