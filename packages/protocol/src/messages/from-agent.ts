import { z } from "zod";
import { errorInfoSchema, idSchema, jsonObjectSchema, timestampSchema } from "../primitives.js";
import { roomSchema } from "../resources/access.js";
import { agentLoadSchema, capabilitiesSchema } from "../resources/agent.js";
import { probedSourceSchema } from "../resources/probe.js";
import { progressSchema } from "../resources/progress.js";
import { jobStatusSchema } from "../states.js";
import type { MessageOf } from "./envelope.js";

const jobId = z.string().min(1).max(128);
/** The assignment that a report is about; absent from agents that do not know epochs. */
const epoch = z.int().min(0).optional();

/** A job that an agent says it is running. */
export const activeJobSchema = z.object({ jobId, status: jobStatusSchema, epoch });
export type ActiveJob = z.infer<typeof activeJobSchema>;

const commandAck = z.object({ jobId, success: z.boolean(), error: errorInfoSchema.optional() });

/** Payloads of every message that an agent sends, by type. */
export const agentMessagePayloads = {
  "agent.hello": z.object({
    agentId: idSchema,
    name: z.string().min(1).max(200),
    version: z.string().max(100),
    capabilities: capabilitiesSchema.prefault({}),
    /** The agent asks not to be given jobs. */
    drain: z.boolean().default(false),
    activeJob: activeJobSchema.nullish(),
    /** All running jobs, from agents with several slots. */
    activeJobs: z.array(activeJobSchema).max(10_000).optional(),
    protocolVersion: z.int().min(1).optional(),
    /** The room that it belongs to, where its token does not say. */
    room: roomSchema.optional(),
    meta: jsonObjectSchema.optional(),
    auth: z.object({ token: z.string().max(4096) }),
  }),
  "agent.heartbeat": z
    .looseObject({
      /** One that cannot be read is left out: a heartbeat is worth more than what it carries. */
      load: agentLoadSchema.optional().catch(undefined),
    })
    .prefault({}),
  "agent.assign.ack": z.object({
    jobId,
    accepted: z.boolean(),
    epoch,
    reason: z.string().max(4096).optional(),
    error: errorInfoSchema.optional(),
  }),
  "agent.job.update": z.object({
    jobId,
    status: jobStatusSchema,
    epoch,
    error: errorInfoSchema.nullish(),
    progress: progressSchema.optional(),
  }),
  "agent.job.log": z.object({
    jobId,
    level: z.enum(["debug", "info", "warn", "error"]).catch("info").default("info"),
    message: z.string().max(16_384),
    epoch,
    ts: timestampSchema.optional().catch(undefined),
  }),
  "agent.job.stopped": z.object({
    jobId,
    status: z.enum(["STOPPED", "FAILED"]),
    epoch,
    error: errorInfoSchema.nullish(),
    progress: progressSchema.optional(),
  }),
  "agent.error": z.object({
    code: z.string().min(1).max(64),
    message: z.string().max(4096),
    jobId: jobId.nullish(),
    detail: jsonObjectSchema.optional(),
  }),
  /** Something worth keeping that happened to a running job, such as `stream.source_lost`. */
  "agent.job.event": z.object({
    jobId,
    epoch,
    type: z.string().regex(/^[a-z][a-z0-9_.]{0,63}$/, "must be lower-case words joined by dots and underscores"),
    message: z.string().max(4096),
    data: jsonObjectSchema.optional(),
  }),
  /** A picture of what goes out, to orchestrators whose hello names the feature `snapshots`. */
  "agent.job.snapshot": z.object({
    jobId,
    epoch,
    takenAt: timestampSchema,
    contentType: z.literal("image/jpeg"),
    /** The file in Base64 (RFC 4648), at most 512 KiB of it. */
    data: z.base64().min(4).max(700_000),
  }),
  "agent.job.command.ack": commandAck.extend({ commandId: z.string().min(1).max(128) }),
  /** Answers `orchestrator.probe`: what the source holds, or why it can't be read. */
  "agent.probe.result": z
    .object({
      probeId: z.string().min(1).max(128),
      success: z.boolean(),
      probe: probedSourceSchema.optional(),
      error: errorInfoSchema.optional(),
    })
    .refine(({ success, probe }) => !success || probe !== undefined, { path: ["probe"], message: "is missing" }),
  "agent.job.mute": commandAck,
  "agent.job.unmute": commandAck,
  "agent.job.paused": commandAck,
  "agent.job.unpaused": commandAck,
  "agent.reboot.ack": z.looseObject({ accepted: z.boolean().optional() }).prefault({}),
} as const;

export type AgentMessage = MessageOf<typeof agentMessagePayloads>;
export type AgentMessageType = AgentMessage["type"];
export type AgentPayload<T extends AgentMessageType> = z.infer<(typeof agentMessagePayloads)[T]>;
/** A payload as an agent may write it, defaults left out. */
export type AgentPayloadInput<T extends AgentMessageType> = z.input<(typeof agentMessagePayloads)[T]>;
