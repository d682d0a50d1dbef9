import type { Insertable, Selectable } from "@stream-control/store";
import type { Metadata, Participant, Status, Stream } from "./stream.js";
import type { LivestreamTables } from "./tables.js";

const parsed = (text: string | null): Metadata | null => (text === null ? null : JSON.parse(text));
const written = (value: Metadata | null): string | null => (value === null ? null : JSON.stringify(value));

export const toStream = (row: Selectable<LivestreamTables["livestreams"]>): Stream => ({
  id: row.id,
  roomName: row.room_name,
  status: row.status as Status,
  metadata: parsed(row.metadata),
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  stoppedAt: row.stopped_at,
  version: row.version,
  lastEvent: row.last_event,
  roomSid: row.room_sid,
  error: row.error,
});

export const fromStream = (stream: Stream): Insertable<LivestreamTables["livestreams"]> => ({
  id: stream.id,
  room_name: stream.roomName,
  status: stream.status,
  metadata: written(stream.metadata),
  created_at: stream.createdAt,
  updated_at: stream.updatedAt,
  stopped_at: stream.stoppedAt,
  version: stream.version,
  last_event: stream.lastEvent,
  room_sid: stream.roomSid,
  error: stream.error,
});

export const toParticipant = (row: Selectable<LivestreamTables["livestream_participants"]>): Participant => ({
  identity: row.identity,
  joinedAt: row.joined_at,
  leftAt: row.left_at,
  metadata: parsed(row.metadata),
  sid: row.sid,
  sidJoinedAt: row.sid_joined_at,
});

export const fromParticipant = (
  streamId: string,
  one: Participant,
): Insertable<LivestreamTables["livestream_participants"]> => ({
  stream_id: streamId,
  identity: one.identity,
  joined_at: one.joinedAt,
  left_at: one.leftAt,
  metadata: written(one.metadata),
  sid: one.sid,
  sid_joined_at: one.sidJoinedAt,
});
