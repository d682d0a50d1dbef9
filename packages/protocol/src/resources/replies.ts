import { z } from "zod";
import { destinationSchema } from "../config/destination.js";
import { presetDestinationSchema } from "../config/presets.js";
import { sourceSchema } from "../config/source.js";
import { agentRecordSchema } from "./agent.js";
import { jobRecordSchema } from "./job.js";
import { streamMetadataSchema } from "./stream-metadata.js";

/** Every error answer of the REST interface. */
export const errorBodySchema = z
  .object({
    /** A sentence for a person. */
    error: z.string(),
    /** A symbol for a program. */
    code: z.string(),
    details: z.unknown().optional(),
  })
  .meta({ id: "ErrorBody" });
export type ErrorBody = z.infer<typeof errorBodySchema>;

/** A list that was asked for with parameters. */
export const pageOf = <S extends z.ZodType>(item: S) =>
  z.object({ items: z.array(item), nextCursor: z.string().nullable() });
export interface Page<T> {
  items: T[];
  /** Give it back as `cursor` for what follows; null at the end. */
  nextCursor: string | null;
}

/** Answer of stop, mute, unmute and dismiss. */
export const jobReplySchema = z.object({ ok: z.literal(true), job: jobRecordSchema }).meta({ id: "JobReply" });
/** Answer of drain. */
export const agentReplySchema = z.object({ ok: z.literal(true), agent: agentRecordSchema }).meta({ id: "AgentReply" });
/** Answer of `GET /v1/jobs/:id/metadata`. */
export const metadataReplySchema = z.object({ metadata: streamMetadataSchema }).meta({ id: "MetadataReply" });

/** Body of `POST /v1/agents/:id/drain`. */
export const drainRequestSchema = z
  .object({
    drain: z.boolean(),
    /** Milliseconds after which the jobs that still run are ended: movable ones go to other agents, the rest stop. */
    deadlineMs: z.int().min(0).max(604_800_000).nullish(),
    /** Move what may move to other agents now, instead of letting it finish here. */
    migrate: z.boolean().default(false),
  })
  .meta({ id: "DrainRequest" });
export type DrainRequest = z.infer<typeof drainRequestSchema>;

/** Body of `POST /v1/jobs/:id/destinations`. */
export const addDestinationSchema = z
  .object({ destination: z.union([destinationSchema, presetDestinationSchema]) })
  .meta({ id: "AddDestination" });
/** Body of `POST /v1/jobs/:id/input`; null goes back to the config's own source. */
export const switchInputSchema = z.object({ source: sourceSchema.nullable() }).meta({ id: "SwitchInput" });
