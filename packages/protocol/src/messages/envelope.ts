import { z } from "zod";
import { timestampSchema } from "../primitives.js";

/** What every message carries around its payload. */
export interface Envelope<Type extends string, Payload> {
  type: Type;
  msgId: string;
  /** Moment of sending, ISO 8601 in UTC. */
  ts: string;
  /** `msgId` of the message that this one answers. */
  correlationId?: string;
  agentId?: string;
  payload: Payload;
}

/**
 * An envelope as it is read: only `type` is demanded, because deployed agents leave the rest out where nothing answers
 * to it. A `ts` that is no timestamp is kept out rather than refused: nobody's job hangs on a clock.
 */
export const incomingEnvelopeSchema = z.object({
  type: z.string().min(1).max(100),
  msgId: z.string().max(200).optional(),
  ts: timestampSchema.optional().catch(undefined),
  correlationId: z.string().max(200).nullish(),
  agentId: z.string().max(128).nullish(),
  payload: z.unknown().optional(),
});
export type IncomingEnvelope = z.infer<typeof incomingEnvelopeSchema>;

/** The envelope schema of one message type, for JSON Schemas and documentation. */
export const messageSchema = <P extends z.ZodType>(type: string, payload: P) =>
  z.object({
    type: z.literal(type),
    msgId: z.string().max(200).optional(),
    ts: timestampSchema.optional(),
    correlationId: z.string().max(200).optional(),
    agentId: z.string().max(128).optional(),
    payload,
  });

/** A union of messages out of a record from type to payload schema, discriminated by `type`. */
export type MessageOf<Payloads extends Record<string, z.ZodType>> = {
  [Type in keyof Payloads & string]: Envelope<Type, z.infer<Payloads[Type]>>;
}[keyof Payloads & string];
