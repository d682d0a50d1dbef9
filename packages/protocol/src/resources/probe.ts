import { z } from "zod";
import { sourceSchema } from "../config/source.js";
import { idSchema } from "../primitives.js";
import { bucketOfSource, renderSourceSchema } from "../renders/element.js";
import { roomSchema } from "./access.js";

const name = z.string().max(64);

/** One stream of a source, as ffprobe sees it; what it does not say is absent. */
export const probedStreamSchema = z
  .object({
    type: z.enum(["video", "audio", "other"]),
    codec: name.optional(),
    width: z.number().min(0).optional(),
    height: z.number().min(0).optional(),
    fps: z.number().min(0).optional(),
    sampleRateHz: z.number().min(0).optional(),
    channels: z.number().min(0).optional(),
    bitrateKbps: z.number().min(0).optional(),
  })
  .meta({ id: "ProbedStream" });
export type ProbedStream = z.infer<typeof probedStreamSchema>;

/** What a source holds, as an agent saw it. */
export const probedSourceSchema = z
  .object({
    /** ffmpeg's name of the container, such as `flv` or `mov,mp4,m4a,3gp,3g2,mj2`; absent where it does not show. */
    container: name.optional(),
    /** Absent where there is no end, or none is known. */
    durationSeconds: z.number().min(0).optional(),
    /** Of all streams together. */
    bitrateKbps: z.number().min(0).optional(),
    /** From the start of ffprobe to the first packet that it gave: connecting and finding out the streams included. */
    firstPacketMs: z.number().min(0),
    streams: z.array(probedStreamSchema).min(1).max(64),
  })
  .meta({ id: "ProbedSource" });
export type ProbedSource = z.infer<typeof probedSourceSchema>;

/** An object in a bucket, which an agent reads with credentials of its own. */
export const bucketSourceSchema = z
  .object({
    type: z.literal("s3"),
    url: renderSourceSchema.refine((url) => bucketOfSource(url) !== undefined, "must be s3://bucket/key"),
  })
  .meta({ id: "BucketSource" });
export type BucketSource = z.infer<typeof bucketSourceSchema>;

/** What an agent may be asked to look into: what streams are made of, and what renders are made of. */
export const lookedAtSourceSchema = z.union([sourceSchema, bucketSourceSchema]);
export type LookedAtSource = z.infer<typeof lookedAtSourceSchema>;

/** The feature by which an agent says that it also looks into images and buckets. */
export const RENDER_SOURCES_FEATURE = "render-sources";

/** How long an agent may look into a source, in milliseconds. */
const deadlineMs = z.int().min(1000).max(60_000).default(10_000);

/** Body of `POST /v1/agents/:id/probe`. */
export const agentProbeSchema = z.object({ source: sourceSchema, deadlineMs }).meta({ id: "AgentProbe" });
/** Body of `POST /v1/probe`: without an agent one is chosen, of the room that is named or of the caller's. */
export const probeRequestSchema = agentProbeSchema
  .extend({ agentId: idSchema.nullish(), room: roomSchema.nullish() })
  .meta({ id: "ProbeRequest" });
/** Answer of both. */
export const probeReplySchema = z
  .object({ ok: z.literal(true), agentId: idSchema, probe: probedSourceSchema })
  .meta({ id: "ProbeReply" });
