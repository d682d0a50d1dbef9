import { z } from "zod";
import { errorInfoSchema, idSchema, jsonObjectSchema, timestampSchema } from "../primitives.js";
import { agentStateSchema } from "../states.js";
import { DEFAULT_ROOM, roomSchema } from "./access.js";
import { agentResourcesSchema } from "./resources.js";

/** What an agent says it can do. Unknown fields are kept, so that an agent may say more. */
export const capabilitiesSchema = z
  .looseObject({
    /** Jobs that it can run at once. */
    slots: z.int().min(0).max(10_000).default(1),
    /** Largest picture it takes, as `1080p`. */
    maxResolution: z
      .string()
      .regex(/^\d{2,5}p$/, 'must look like "1080p"')
      .optional(),
    /** Video encoders that were tried and work. */
    videoEncoders: z.array(z.string().max(64)).max(100).optional(),
    /** Source and destination protocols that it accepts. */
    protocols: z.array(z.string().max(32)).max(100).optional(),
    /** Optional commands that it knows: `pause`, `destinations`, `input`, `overlay`, `leases`, `probe`; and kinds of jobs: `renders`, `render-sources`. */
    features: z.array(z.string().max(32)).max(100).optional(),
    ffmpegVersion: z.string().max(200).optional(),
    /** Whether it can render text; absent where it does not say. */
    drawsText: z.boolean().optional(),
    /** What its machine has for jobs. What cannot be read counts as unknown. */
    resources: agentResourcesSchema.optional().catch(undefined),
  })
  .meta({ id: "AgentCapabilities" });
export type AgentCapabilities = z.infer<typeof capabilitiesSchema>;

/** How busy an agent's machine is, as it said last. Absent figures could not be measured. */
export const agentLoadSchema = z
  .object({
    /** Of all cores together: 100 is everything. */
    cpuPercent: z.number().min(0).max(100).optional(),
    memoryUsedMiB: z.number().min(0).optional(),
    memoryTotalMiB: z.number().min(0).optional(),
    /** Free where jobs write: the fullest of those folders. */
    diskFreeMiB: z.number().min(0).optional(),
    /** Over all interfaces but loopback. */
    networkRxKbps: z.number().min(0).optional(),
    networkTxKbps: z.number().min(0).optional(),
  })
  .meta({ id: "AgentLoad" });
export type AgentLoad = z.infer<typeof agentLoadSchema>;

/** An agent as REST and the UI socket show it. */
export const agentRecordSchema = z
  .object({
    id: idSchema,
    name: z.string(),
    version: z.string(),
    /** Only jobs of its room are given to it. */
    room: roomSchema.default(DEFAULT_ROOM),
    state: agentStateSchema,
    currentJobId: z.string().nullable(),
    /** Every job that holds a slot, the oldest first. */
    currentJobIds: z.array(z.string()),
    lastSeenAt: timestampSchema,
    drain: z.boolean(),
    /** When a drain ends the jobs that are still running; null where it lets them finish. */
    drainDeadlineAt: timestampSchema.nullable(),
    capabilities: capabilitiesSchema,
    meta: jsonObjectSchema,
    /** Null for an agent that is away, or does not say. */
    load: agentLoadSchema.nullable().default(null),
    error: errorInfoSchema.nullable(),
  })
  .meta({ id: "Agent" });
export type AgentRecord = z.infer<typeof agentRecordSchema>;
