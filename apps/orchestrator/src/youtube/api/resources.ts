import { z } from "zod";

/** States of a broadcast (https://developers.google.com/youtube/v3/live/docs/liveBroadcasts#status.lifeCycleStatus). */
export const LIFE_CYCLE = [
  "created",
  "ready",
  "testStarting",
  "testing",
  "liveStarting",
  "live",
  "complete",
  "revoked",
] as const;
export type LifeCycle = (typeof LIFE_CYCLE)[number];

/** What YouTube answers may have more fields than it documents today; what is used of it is checked. */
const items = <S extends z.ZodType>(item: S) =>
  z.object({ items: z.array(item).default([]), nextPageToken: z.string().nullish() });

const text = z.string().max(10_000);

export const broadcastSchema = z.object({
  id: z.string().min(1).max(100),
  snippet: z
    .object({
      title: text.default(""),
      description: text.default(""),
      channelId: z.string().optional(),
      scheduledStartTime: z.string().optional(),
      scheduledEndTime: z.string().optional(),
      actualStartTime: z.string().optional(),
    })
    .optional(),
  status: z
    .object({ lifeCycleStatus: z.enum(LIFE_CYCLE).catch("created"), privacyStatus: z.string().optional() })
    .optional(),
  contentDetails: z
    .object({
      boundStreamId: z.string().optional(),
      monitorStream: z.object({ enableMonitorStream: z.boolean().optional() }).optional(),
    })
    .optional(),
  statistics: z.object({ concurrentViewers: z.coerce.number().int().min(0).optional() }).optional(),
});
export type Broadcast = z.infer<typeof broadcastSchema>;
export const broadcastsSchema = items(broadcastSchema);

const issueSchema = z.object({
  type: z.string().max(100).default("unknown"),
  severity: z.string().max(20).default("info"),
  reason: z.string().max(500).optional(),
  description: z.string().max(2000).optional(),
});
export type ConfigurationIssue = z.infer<typeof issueSchema>;

export const streamSchema = z.object({
  id: z.string().min(1).max(100),
  snippet: z.object({ title: text.default("") }).optional(),
  cdn: z
    .object({
      ingestionInfo: z.object({
        streamName: z.string().min(1).max(512),
        ingestionAddress: z.string().min(1).max(2048),
        rtmpsIngestionAddress: z.string().min(1).max(2048).optional(),
      }),
    })
    .optional(),
  status: z
    .object({
      streamStatus: z.string().default("created"),
      healthStatus: z
        .object({ status: z.string().default("noData"), configurationIssues: z.array(issueSchema).default([]) })
        .optional(),
    })
    .optional(),
});
export type Stream = z.infer<typeof streamSchema>;
export const streamsSchema = items(streamSchema);

export const channelsSchema = items(
  z.object({ id: z.string(), snippet: z.object({ title: text.default("") }).optional() }),
);
