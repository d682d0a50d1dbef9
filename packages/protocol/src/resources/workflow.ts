import { z } from "zod";
import { jsonObjectSchema, timestampSchema } from "../primitives.js";

export const WORKFLOW_STATUSES = ["initialized", "running", "paused", "completed", "failed", "cancelled"] as const;
export type WorkflowStatus = (typeof WORKFLOW_STATUSES)[number];

/** `backoff`: it failed, and is tried again at `retry_at`. */
export const STEP_STATUSES = ["waiting", "running", "backoff", "completed", "failed", "skipped", "cancelled"] as const;
export type StepStatus = (typeof STEP_STATUSES)[number];

const workflowErrorSchema = z.object({ code: z.string(), message: z.string() });

/** A step of a workflow, in one generation. */
export const workflowStepSchema = z
  .object({
    name: z.string(),
    /** What is carried out together with it, by one job. */
    group: z.string().optional(),
    status: z.enum(STEP_STATUSES),
    /** Counts re-runs; what an earlier generation did stays on record. */
    generation: z.int().min(1),
    started_at: timestampSchema.nullable(),
    ended_at: timestampSchema.nullable(),
    /** From its first beginning to its end, pauses between tries included; null before its end. */
    duration_ms: z.number().min(0).nullable(),
    /** When it is tried again. */
    retry_at: timestampSchema.nullable(),
    attempts: z.array(
      z.object({
        started_at: timestampSchema,
        ended_at: timestampSchema.nullable(),
        error: workflowErrorSchema.nullable(),
      }),
    ),
    error: workflowErrorSchema.nullable(),
    /** Of what takes it back: null where nothing does, or need not. */
    compensation: z.enum(["due", "running", "backoff", "done", "failed"]).nullable(),
    /** What it has to tell, such as how the notification of a client went. */
    output: jsonObjectSchema.optional(),
  })
  .meta({ id: "WorkflowStep" });
export type WorkflowStepBody = z.infer<typeof workflowStepSchema>;

/** A run of a workflow. */
export const workflowSchema = z
  .object({
    id: z.string(),
    /** The client's own id of what it is about. */
    job_id: z.string(),
    /** What it is about, such as `render`. */
    kind: z.string(),
    room: z.string(),
    /** The template that it was started with, and whose limits count now. */
    template: z.string(),
    limits: z.string(),
    status: z.enum(WORKFLOW_STATUSES),
    /** `finishing`: what came of it is known, and final steps are still done. */
    phase: z.enum(["main", "undoing", "finishing", "ended"]),
    outcome: z.enum(["completed", "failed", "cancelled"]).nullable(),
    generation: z.int().min(1),
    /** Names of the steps that are being done. */
    current_steps: z.array(z.string()),
    error: workflowErrorSchema.nullable(),
    created_at: timestampSchema,
    updated_at: timestampSchema,
    ended_at: timestampSchema.nullable(),
    /** Work so far and at most; neither waits nor final steps count. */
    work_ms: z.int().min(0),
    timeout_ms: z.int().min(0),
  })
  .meta({ id: "Workflow" });
export type WorkflowBody = z.infer<typeof workflowSchema>;

/** Answer of `GET /api/v1/workflows/:id`. */
export const workflowDetailSchema = workflowSchema
  .extend({
    /** Of every generation, in its order. */
    steps: z.array(workflowStepSchema),
  })
  .meta({ id: "WorkflowDetail" });
export type WorkflowDetail = z.infer<typeof workflowDetailSchema>;

/** Body of `POST /api/v1/workflows/:id/rerun`. */
export const rerunWorkflowSchema = z
  .strictObject({
    /** The first step that is done again. */
    fromStep: z.string().min(1).max(100),
  })
  .meta({ id: "RerunWorkflow" });
export type RerunWorkflow = z.infer<typeof rerunWorkflowSchema>;
