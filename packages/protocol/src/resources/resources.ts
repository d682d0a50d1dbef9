import { z } from "zod";
import { timestampSchema } from "../primitives.js";
import { agentStateSchema, jobStatusSchema } from "../states.js";
import { roomSchema } from "./access.js";

const amount = z.number().min(0).max(1e12);

/** What a machine has for jobs. Absent figures are not known, and nothing is refused because of them. */
export const agentResourcesSchema = z
  .object({
    /** Cores that the agent may use, fractions of them where it is held to that. */
    cpu: amount.optional(),
    memoryMiB: amount.optional(),
    /** Graphics processors whose encoders were tried and work. */
    gpu: amount.optional(),
    /** Of the uplink, in kbit/s. */
    networkKbps: amount.optional(),
  })
  .meta({ id: "AgentResources" });
export type AgentResources = z.infer<typeof agentResourcesSchema>;

/** What a job is reckoned to need, or an agent has of it. `cpu` in cores, `gpu` in graphics processors. */
export const resourceAmountsSchema = z
  .object({ cpu: amount, memoryMiB: amount, diskMiB: amount, gpu: amount, networkKbps: amount })
  .meta({ id: "ResourceAmounts" });
export type ResourceAmounts = z.infer<typeof resourceAmountsSchema>;

/** Parts of 1; a resource that is not known is left out. */
const utilizationSchema = resourceAmountsSchema
  .omit({ memoryMiB: true, diskMiB: true, networkKbps: true })
  .extend({ memory: amount, disk: amount, network: amount, slots: amount })
  .partial();

/** One assignment: what is kept of an agent for a job. */
export const reservationSchema = z
  .object({
    /** `res_`, the job, and the number of its assignment. */
    id: z.string(),
    jobId: z.string(),
    epoch: z.int().min(0),
    status: jobStatusSchema,
    reserved: resourceAmountsSchema,
  })
  .meta({ id: "Reservation" });
export type Reservation = z.infer<typeof reservationSchema>;

/** What there is, what is reserved of it, and what is in use as the machine says. */
const balance = {
  slots: z.int().min(0),
  slotsUsed: z.int().min(0),
  /** What is not known is left out. */
  capacity: resourceAmountsSchema.partial(),
  reserved: resourceAmountsSchema,
  used: resourceAmountsSchema.partial(),
  /** The larger of what is reserved and what is in use, as a part of the capacity. */
  utilization: utilizationSchema,
};

export const agentResourceUseSchema = z
  .object({
    agentId: z.string(),
    name: z.string(),
    room: roomSchema,
    state: agentStateSchema,
    ...balance,
    reservations: z.array(reservationSchema),
  })
  .meta({ id: "AgentResourceUse" });
export type AgentResourceUse = z.infer<typeof agentResourceUseSchema>;

/** How large a fleet ought to be, and why. */
export const scalingAdviceSchema = z
  .object({
    /** Null for all rooms together. */
    room: roomSchema.nullable(),
    /** Agents that ought to be there. */
    desiredAgents: z.int().min(0),
    /** Those that are connected and take jobs. */
    currentAgents: z.int().min(0),
    desiredSlots: z.int().min(0),
    currentSlots: z.int().min(0),
    /** Jobs that wait for an agent. */
    waitingJobs: z.int().min(0),
    /** Jobs that hold a slot. */
    runningJobs: z.int().min(0),
    reason: z.string(),
    /** When it was reckoned. */
    timestamp: timestampSchema,
  })
  .meta({ id: "ScalingAdvice" });
export type ScalingAdvice = z.infer<typeof scalingAdviceSchema>;

/** Answer of `GET /api/v1/resources`. */
export const resourcesReplySchema = z
  .object({
    timestamp: timestampSchema,
    /** Of the agents that are connected. */
    totals: z.object({ agents: z.int().min(0), connected: z.int().min(0), ...balance }),
    /** What jobs that wait would need. */
    waiting: z.object({ jobs: z.int().min(0), needed: resourceAmountsSchema }),
    agents: z.array(agentResourceUseSchema),
    scaling: z.array(scalingAdviceSchema),
  })
  .meta({ id: "ResourcesReply" });
export type ResourcesReply = z.infer<typeof resourcesReplySchema>;
