import { z } from "zod";
import type { StreamEvent } from "../events/event.js";

const participant = z.object({
  identity: z.string(),
  joinedAt: z.string(),
  leftAt: z.string().optional(),
  metadata: z.record(z.string(), z.unknown()).optional(),
});
const stream = z.object({
  roomName: z.string(),
  status: z.string(),
  metadata: z.record(z.string(), z.unknown()).optional(),
});

/** gRPC's metadata are texts: what is none is JSON there. */
const texts = (metadata: Record<string, unknown> | undefined): Record<string, string> =>
  Object.fromEntries(
    Object.entries(metadata ?? {}).map(([name, value]) => [
      name,
      typeof value === "string" ? value : JSON.stringify(value),
    ]),
  );

const status = (name: string): string => `STREAM_STATUS_${name.toUpperCase()}`;

/** An event as `livestream.orchestrator.v1.StreamEvent`, in the names of its `.proto`. */
export function grpcEvent({ type, streamId, timestamp, number, previousStatus, data }: StreamEvent): object {
  const common = { event_type: `STREAM_EVENT_TYPE_${type.toUpperCase()}`, stream_id: streamId, timestamp, number };
  switch (type) {
    case "stream_created": {
      const { roomName, metadata } = stream.parse(data);
      return { ...common, stream_created: { room_name: roomName, metadata: texts(metadata) } };
    }
    case "stream_updated": {
      const { status: current, metadata } = stream.parse(data);
      const previous_status = status(previousStatus ?? "unknown");
      return {
        ...common,
        stream_updated: { previous_status, current_status: status(current), metadata: texts(metadata) },
      };
    }
    case "stream_stopped":
      return { ...common, stream_stopped: { room_name: stream.parse(data).roomName } };
    case "participant_joined":
    case "participant_left": {
      const { identity, joinedAt, leftAt, metadata } = participant.parse(data.participant);
      const one = {
        ...{ id: identity, identity, joined_at: Date.parse(joinedAt), metadata: texts(metadata) },
        left_at: leftAt === undefined ? 0 : Date.parse(leftAt),
      };
      return { ...common, [type]: { participant: one } };
    }
  }
}
