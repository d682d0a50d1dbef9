import { z } from "zod";
import { timestampSchema } from "../primitives.js";
import { agentRecordSchema } from "../resources/agent.js";
import { jobEventSchema, jobRecordSchema } from "../resources/job.js";
import type { MessageOf } from "./envelope.js";

/** Payloads of every message that the orchestrator sends to a UI: an array is a snapshot, an object one change. */
export const uiMessagePayloads = {
  "ui.agent.update": z.union([z.array(agentRecordSchema), agentRecordSchema]),
  "ui.job.update": z.union([z.array(jobRecordSchema), jobRecordSchema]),
  "ui.job.event": jobEventSchema,
  /** There is a new picture of what goes out, at `GET /v1/jobs/:id/snapshot`. */
  "ui.job.snapshot": z.object({ jobId: z.string(), takenAt: timestampSchema }),
} as const;

export type UiMessage = MessageOf<typeof uiMessagePayloads>;
export type UiMessageType = UiMessage["type"];
export type UiPayload<T extends UiMessageType> = z.infer<(typeof uiMessagePayloads)[T]>;
