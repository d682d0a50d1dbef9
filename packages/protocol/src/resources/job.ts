import { z } from "zod";
import { configWarningSchema } from "../config/platform-warnings.js";
import { errorInfoSchema, idSchema, jsonObjectSchema, timestampSchema } from "../primitives.js";
import { faultSchema, jobStatusSchema, onDisconnectSchema, restartPolicySchema } from "../states.js";
import { DEFAULT_ROOM, roomSchema } from "./access.js";
import { loadBalancingStrategySchema } from "./configuration.js";
import { jobScheduleInputSchema, jobScheduleSchema } from "./job-schedule.js";
import { prioritySchema } from "./priority.js";
import { progressSchema } from "./progress.js";
import { streamContextSchema, streamMetadataSchema } from "./stream-metadata.js";
import { youtubeWishSchema } from "./youtube.js";

/** Why a job is in its status. */
export const reasonSchema = z
  .object({
    code: z.string().max(64),
    message: z.string().max(4096),
    fault: faultSchema.nullable(),
  })
  .meta({ id: "Reason" });
export type Reason = z.infer<typeof reasonSchema>;

/** Why one agent was not given a waiting job. */
export const passedOverSchema = z
  .object({ agentId: z.string(), code: z.string(), message: z.string() })
  .meta({ id: "PassedOver" });
export type PassedOver = z.infer<typeof passedOverSchema>;

/** A job as REST and the UI socket show it; absent values are null. */
export const jobRecordSchema = z
  .object({
    id: idSchema,
    room: roomSchema.default(DEFAULT_ROOM),
    templateId: z.string().nullable(),
    inlineConfig: jsonObjectSchema.nullable(),
    status: jobStatusSchema,
    /** What was asked for; `status` is what is. */
    wantedStatus: z.enum(["RUNNING", "STOPPED"]),
    agentId: z.string().nullable(),
    createdAt: timestampSchema,
    updatedAt: timestampSchema,
    startedAt: timestampSchema.nullable(),
    endedAt: timestampSchema.nullable(),
    error: errorInfoSchema.nullable(),
    /** Why the job is in its status. */
    reason: reasonSchema.nullable(),
    /** Why a waiting job waits, in a sentence. */
    pendingReason: z.string().nullable(),
    requestedBy: z.string().nullable(),
    idempotencyKey: z.string().nullable(),
    /** The lane that it waits in. */
    priority: prioritySchema.default("normal"),
    /** How its agent is chosen, where the job says so itself. */
    placement: loadBalancingStrategySchema.nullable().default(null),
    restartPolicy: restartPolicySchema,
    onDisconnect: onDisconnectSchema,
    /** Number of the assignment; reports of an older one change nothing. */
    epoch: z.int().min(0),
    /** Restarts since the job last ran well. */
    restarts: z.int().min(0),
    /** Earliest moment of the next try. */
    notBefore: timestampSchema.nullable(),
    streamContext: streamContextSchema.nullable(),
    streamMetadata: streamMetadataSchema.nullable(),
    metadata: jsonObjectSchema.nullable(),
    progress: progressSchema.nullable(),
    /** When it starts and stops by itself. */
    schedule: jobScheduleSchema.nullable().default(null),
    /** When the finished job was taken off the board. */
    dismissedAt: timestampSchema.nullable().default(null),
  })
  .meta({ id: "Job" });
export type JobRecord = z.infer<typeof jobRecordSchema>;

/** `GET /v1/jobs/:id`: the job, and for a waiting one why each agent was passed over. */
export const jobDetailSchema = jobRecordSchema
  .extend({ passedOver: z.array(passedOverSchema).optional() })
  .meta({ id: "JobDetail" });
export type JobDetail = z.infer<typeof jobDetailSchema>;

/** Answer of `POST /v1/jobs`. */
export const submittedJobSchema = jobRecordSchema
  .extend({ warnings: z.array(configWarningSchema).optional() })
  .meta({ id: "SubmittedJob" });
export type SubmittedJob = z.infer<typeof submittedJobSchema>;

/** Body of `POST /v1/jobs`: exactly one of `templateId` and `inlineConfig`. */
export const createJobSchema = z
  .object({
    templateId: idSchema.nullish(),
    inlineConfig: jsonObjectSchema.nullish(),
    /** Merged over the template's config, field by field; only with `templateId`. */
    configOverrides: jsonObjectSchema.nullish(),
    /** The same key again gives the same job. */
    idempotencyKey: z.string().min(1).max(256).nullish(),
    /** The lane that it waits in while there is no slot for it. */
    priority: prioritySchema.default("normal"),
    /** How its agent is chosen; as configured unless given. */
    placement: loadBalancingStrategySchema.nullish(),
    restartPolicy: restartPolicySchema.default("never"),
    /** `continue` with restart policy `never`, `fence` with `onFailure`, unless given. */
    onDisconnect: onDisconnectSchema.nullish(),
    requestedBy: z.string().max(256).nullish(),
    /** The room whose agents may run it; the caller's only one, or `default`, unless given. */
    room: roomSchema.nullish(),
    streamContext: streamContextSchema.nullish(),
    streamMetadata: streamMetadataSchema.nullish(),
    /** Whether the job gets a YouTube broadcast, and which; by `YOUTUBE_AUTO_CREATE` unless given. */
    youtube: z.union([z.boolean(), youtubeWishSchema]).nullish(),
    /** The announced broadcast that the job fills, by YouTube's id or ours. */
    broadcastId: z.string().min(1).max(128).nullish(),
    /** Stop by itself so many minutes after its broadcast went live. */
    autoStopEnabled: z.boolean().nullish(),
    autoStopMinutes: z.int().min(1).max(10_080).nullish(),
    /** When it starts and stops by itself. */
    schedule: jobScheduleInputSchema.nullish(),
    /** Passed on to the agent unread. */
    metadata: jsonObjectSchema.nullish(),
  })
  .refine((body) => (body.templateId == null) !== (body.inlineConfig == null), {
    message: "give exactly one of templateId and inlineConfig",
  })
  .refine((body) => body.autoStopEnabled !== true || body.autoStopMinutes != null, {
    path: ["autoStopMinutes"],
    message: "is needed to stop by itself",
  })
  .refine((body) => body.configOverrides == null || body.templateId != null, {
    path: ["configOverrides"],
    message: "goes with templateId only",
  })
  .meta({ id: "CreateJob" });
export type CreateJob = z.infer<typeof createJobSchema>;

/** One thing that happened to a job. Entries of the event log carry `seq`, which grows by one per entry over all jobs. */
export const jobEventSchema = z
  .object({
    /** Absent from passing messages that the log does not keep, such as an agent's log lines. */
    seq: z.int().min(1).optional(),
    jobId: z.string(),
    type: z.string().max(64),
    message: z.string(),
    data: jsonObjectSchema.optional(),
    ts: timestampSchema,
  })
  .meta({ id: "JobEvent" });
export type JobEvent = z.infer<typeof jobEventSchema>;
