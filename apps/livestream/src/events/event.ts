import { z } from "zod";
import { EVENT_TYPES, STATUSES } from "../streams/stream.js";

/** An event as instances tell it to each other; it comes over a broker that others may write to. */
export const eventSchema = z.object({
  type: z.enum(EVENT_TYPES),
  streamId: z.string(),
  /** Counts the events of its stream from 1, without gaps. */
  number: z.int().positive(),
  /** Unix milliseconds. */
  timestamp: z.number(),
  /** Which instance wrote it. */
  instanceId: z.string(),
  previousStatus: z.enum(STATUSES).nullable(),
  /** The stream, or `{participant, stream}`. */
  data: z.record(z.string(), z.unknown()),
});
export type StreamEvent = z.infer<typeof eventSchema>;

/** An event as clients on WebSocket and SSE get it. */
export const eventBody = ({ type, streamId, number, data, timestamp, instanceId }: StreamEvent) => ({
  type,
  streamId,
  data,
  timestamp: new Date(timestamp).toISOString(),
  number,
  instanceId,
});
