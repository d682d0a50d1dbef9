import { z } from "zod";
import { jsonObjectSchema, timestampSchema } from "../primitives.js";

/** Where a render is in its life. */
export const RENDER_STATUSES = ["queued", "processing", "completed", "failed", "cancelled"] as const;
export type RenderStatus = (typeof RENDER_STATUSES)[number];

/** How much there is to do for a render. */
export const COMPLEXITIES = ["simple", "moderate", "complex", "enterprise"] as const;
export type Complexity = (typeof COMPLEXITIES)[number];

/** What is told of a finished file. */
const result = {
  /** Where it is served; absent while it is not, and once it is deleted. */
  result_url: z.string().optional(),
  /** As `1234ms`: from the first download to the file in its place. */
  processing_time: z.string().optional(),
  /** As `1.2MB`. */
  file_size: z.string().optional(),
  file_size_bytes: z.int().min(0).optional(),
  /** SHA-256 of the file, hexadecimal. */
  file_sha256: z.string().optional(),
};

/** Body of every error answer of these routes. */
export const renderErrorSchema = z
  .object({
    /** A symbol for a program. */
    error: z.string(),
    /** A sentence for a person. */
    message: z.string(),
    details: z.unknown().optional(),
    /** Whether the same request can succeed later. */
    retryable: z.boolean(),
  })
  .meta({ id: "RenderError" });
export type RenderErrorBody = z.infer<typeof renderErrorSchema>;

/** Answer of `GET /api/v1/jobs/:id/status`. */
export const renderStatusSchema = z
  .object({
    job_id: z.string(),
    status: z.enum(RENDER_STATUSES),
    /** Frames that are encoded, of all, as `75%`. */
    progress: z.string(),
    /** The step of the workflow, `video_processing` for `process`; `done` once it is known what came of it. */
    current_step: z.string(),
    message: z.string(),
    workflow_id: z.string(),
    /** By the pace so far, before that by the estimate; absent where there is neither. */
    estimated_completion: timestampSchema.optional(),
    ...result,
    error: z.object({ code: z.string(), message: z.string(), details: z.unknown().optional() }).optional(),
    retryable: z.boolean().optional(),
    metadata: jsonObjectSchema.optional(),
  })
  .meta({ id: "RenderStatus" });
export type RenderStatusBody = z.infer<typeof renderStatusSchema>;

/** How long a render is expected to take. */
export const renderEstimateSchema = z
  .object({
    /** From the first download to the file in its place. */
    processing_ms: z.int(),
    /** One of ten renders takes less than the one, and one of ten more than the other; only by the model. */
    p10_ms: z.int().optional(),
    p90_ms: z.int().optional(),
    /** Completed renders that it was made from. */
    based_on: z.int(),
    /** `model`: fitted to the fleet's history. `median_pace`: pixels by the pace in the middle, while the model knows too little. */
    method: z.enum(["model", "median_pace"]),
    /** What the model is off by in the middle of all cases, each predicted by the others. */
    error_percent: z.number().nullable(),
  })
  .meta({ id: "RenderEstimate" });
export type RenderEstimate = z.infer<typeof renderEstimateSchema>;

/** Answer of `POST /api/v1/orchestrate`: finished within the wait, or still under way. */
export const orchestrateReplySchema = z
  .object({
    jobId: z.string(),
    orchestrationId: z.string(),
    status: z.enum(["immediate", "queued"]),
    message: z.string(),
    /** The workflow that carries the render out, and its job's present assignment to an agent. */
    workflow_id: z.string(),
    resource_allocation_id: z.string().optional(),
    estimated_completion: timestampSchema.optional(),
    /** Of one that is queued; absent where too little is known. */
    estimate: renderEstimateSchema.optional(),
    status_check_endpoint: z.string().optional(),
    ...result,
  })
  .meta({ id: "OrchestrateReply" });
export type OrchestrateReply = z.infer<typeof orchestrateReplySchema>;

/** Answer of `POST /api/v1/orchestrate?dryRun=true`. */
export const dryRunReplySchema = z
  .object({
    valid: z.literal(true),
    duration_seconds: z.number(),
    total_frames: z.int(),
    /** What an agent saw in each. */
    sources: z.array(
      z.object({
        source: z.string(),
        checked: z.boolean(),
        type: z.enum(["video", "audio", "image"]),
        duration_seconds: z.number().optional(),
        width: z.number().optional(),
        height: z.number().optional(),
      }),
    ),
    /** By the renders that ended last; null where there are too few to tell. */
    estimate: renderEstimateSchema.nullable(),
    complexity: z.enum(COMPLEXITIES),
    /** The workflow's template that it would be carried out by, and how the request would be answered. */
    template: z.string(),
    response: z.enum(["immediate", "queued"]),
    /** Milliseconds of work that it would be given. */
    timeout_ms: z.int(),
  })
  .meta({ id: "DryRunReply" });
export type DryRunReply = z.infer<typeof dryRunReplySchema>;

/** Answer of `POST /videocreate` and `GET /videoresult/:job_id`, in the shape that older clients know. */
export const videoResultSchema = z
  .object({
    status: z.enum(["completed", "processing", "failed"]),
    job_id: z.string(),
    message: z.string(),
    result_url: z.string().optional(),
    processing_time: z.string().optional(),
    file_size: z.string().optional(),
    progress: z.string().optional(),
    current_step: z.string().optional(),
    /** A symbol for a program. */
    error: z.string().optional(),
    /** Of a failure: whether the same request can succeed later. */
    retryable: z.boolean().optional(),
    status_check_endpoint: z.string().optional(),
  })
  .meta({ id: "VideoResult" });
export type VideoResult = z.infer<typeof videoResultSchema>;
