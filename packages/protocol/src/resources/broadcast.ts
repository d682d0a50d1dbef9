import { z } from "zod";
import { idSchema, jsonObjectSchema, timestampSchema } from "../primitives.js";
import { restartPolicySchema } from "../states.js";
import { DEFAULT_ROOM, roomSchema } from "./access.js";
import { streamContextSchema } from "./stream-metadata.js";
import { youtubePrivacySchema } from "./youtube.js";

/** Longest time after which a broadcast can be made to stop by itself, in minutes: a week. */
const MAX_MINUTES = 10_080;
const minutes = z.int().min(1).max(MAX_MINUTES);
const title = z.string().trim().min(1).max(500);
const description = z.string().max(10_000);
/** Label of a sheet, such as `A` or `vibe`. */
const sheetKey = z.string().trim().min(1).max(100);

/** What is to run when a broadcast starts by itself: the fields of a job. */
export const broadcastJobSchema = z
  .object({
    templateId: idSchema.optional(),
    inlineConfig: jsonObjectSchema.optional(),
    configOverrides: jsonObjectSchema.optional(),
    restartPolicy: restartPolicySchema.optional(),
    metadata: jsonObjectSchema.optional(),
  })
  .refine((job) => job.templateId === undefined || job.inlineConfig === undefined, {
    message: "give templateId or inlineConfig, not both",
  });

const autoStop = {
  autoStopEnabled: z.boolean(),
  /** From the moment at which it goes live. */
  autoStopMinutes: minutes.nullable(),
  /** At this moment, whatever `autoStopMinutes` says. */
  autoStopAt: timestampSchema.nullable(),
};

/** Body of `POST /v1/broadcasts`. */
export const createBroadcastSchema = z
  .object({
    /** From `streamContext`, unless given. */
    title: title.optional(),
    description: description.optional(),
    streamContext: streamContextSchema.optional(),
    /** When it is announced for; now, unless given. */
    scheduledStartTime: timestampSchema.nullish(),
    sheetKey: sheetKey.nullish(),
    privacy: youtubePrivacySchema.optional(),
    /** Use the stream key that is kept for the sheet. */
    keepStream: z.boolean().default(false),
    /** Start its job at that time, on an agent that is reserved for it. */
    autoStart: z.boolean().default(false),
    autoStopEnabled: autoStop.autoStopEnabled.default(false),
    autoStopMinutes: autoStop.autoStopMinutes.optional(),
    autoStopAt: autoStop.autoStopAt.optional(),
    room: roomSchema.nullish(),
    /** What is to run; the template that is named like the sheet, or nothing but the broadcast itself, unless given. */
    job: broadcastJobSchema.optional(),
  })
  .refine((body) => !body.autoStart || body.scheduledStartTime != null, {
    path: ["scheduledStartTime"],
    message: "is needed to start by itself",
  })
  .refine((body) => !body.autoStart || body.sheetKey != null, {
    path: ["sheetKey"],
    message: "is needed to start by itself",
  })
  .refine((body) => !body.keepStream || body.sheetKey != null, {
    path: ["sheetKey"],
    message: "is needed to keep a stream key for it",
  })
  .refine((body) => !body.autoStopEnabled || body.autoStopMinutes != null || body.autoStopAt != null, {
    path: ["autoStopMinutes"],
    message: "or autoStopAt is needed to stop by itself",
  })
  .meta({ id: "CreateBroadcast" });
export type CreateBroadcast = z.infer<typeof createBroadcastSchema>;

/** Body of `PUT /v1/broadcasts/:id/metadata`. */
export const broadcastMetadataSchema = z
  .object({ title: title.optional(), description: description.optional() })
  .meta({ id: "BroadcastMetadata" });

/** Body of `PUT /v1/broadcasts/:id`: what is given is changed. */
export const updateBroadcastSchema = broadcastMetadataSchema
  .extend({
    scheduledStartTime: timestampSchema.optional(),
    autoStart: z.boolean().optional(),
    autoStopEnabled: autoStop.autoStopEnabled.optional(),
    autoStopMinutes: autoStop.autoStopMinutes.optional(),
    autoStopAt: autoStop.autoStopAt.optional(),
  })
  .meta({ id: "UpdateBroadcast" });
export type UpdateBroadcast = z.infer<typeof updateBroadcastSchema>;

/** A broadcast that is looked after. `streamKey` is a secret. */
export const broadcastRecordSchema = z
  .object({
    /** Ours; routes take it as well as YouTube's. */
    id: z.string(),
    room: roomSchema.default(DEFAULT_ROOM),
    jobId: z.string().nullable(),
    /** `preparing`: being made. `ready`: waits for its job. */
    state: z.enum(["preparing", "ready", "live", "ended"]),
    broadcastId: z.string().nullable(),
    videoId: z.string().nullable(),
    streamId: z.string().nullable(),
    streamKey: z.string().nullable(),
    streamUrl: z.string().nullable(),
    sheetKey: z.string().nullable(),
    title: z.string(),
    description: z.string(),
    privacy: z.string(),
    scheduledStartTime: timestampSchema,
    publicUrl: z.string().nullable(),
    adminUrl: z.string().nullable(),
    autoStart: z.boolean(),
    /** The agent that is kept free for it. */
    reservedAgentId: z.string().nullable(),
    autoStopEnabled: z.boolean(),
    autoStopMinutes: z.int().nullable(),
    autoStopAt: timestampSchema.nullable(),
    /** As YouTube last said, where it was asked. */
    lifeCycleStatus: z.string().nullable(),
    /** What stands in the way, in words. */
    problem: z.object({ reason: z.string(), message: z.string(), at: timestampSchema }).nullable(),
    createdAt: timestampSchema,
    updatedAt: timestampSchema,
  })
  .meta({ id: "Broadcast" });
export type BroadcastRecord = z.infer<typeof broadcastRecordSchema>;
