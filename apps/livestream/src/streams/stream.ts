/** `error`: LiveKit did not make the room; it can be tried again or removed. `stopped` is final. */
export const STATUSES = ["creating", "active", "stopping", "stopped", "error"] as const;
export type Status = (typeof STATUSES)[number];

/** What clients may attach to a stream or a participant. */
export type Metadata = Readonly<Record<string, unknown>>;

/** A livestream: one room of LiveKit, from its creation to its end. Times are Unix milliseconds. */
export interface Stream {
  readonly id: string;
  readonly roomName: string;
  readonly status: Status;
  readonly metadata: Metadata | null;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly stoppedAt: number | null;
  /** Counts changes of status and metadata. */
  readonly version: number;
  /** Number of its newest event; they are counted from 1 without gaps. */
  readonly lastEvent: number;
  /** The room's own id; a room that is made again under the same name has another. */
  readonly roomSid: string | null;
  /** Why it is in `error`. */
  readonly error: string | null;
}

/** Somebody in a stream. */
export interface Participant {
  readonly identity: string;
  readonly joinedAt: number;
  readonly leftAt: number | null;
  readonly metadata: Metadata | null;
  /** LiveKit's id of the connection that is known; null until one has been seen. */
  readonly sid: string | null;
  /** When LiveKit says that this connection joined. */
  readonly sidJoinedAt: number | null;
}

export interface StreamState {
  readonly stream: Stream;
  readonly participants: ReadonlyMap<string, Participant>;
}

export const EVENT_TYPES = [
  "stream_created",
  "stream_updated",
  "stream_stopped",
  "participant_joined",
  "participant_left",
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

const time = (ms: number): string => new Date(ms).toISOString();

/** A participant as clients see it. */
export const participantBody = ({ identity, joinedAt, leftAt, metadata }: Participant) => ({
  id: identity,
  identity,
  joinedAt: time(joinedAt),
  ...(leftAt === null ? {} : { leftAt: time(leftAt) }),
  ...(metadata === null ? {} : { metadata }),
});

/** A stream as clients see it. */
export const streamBody = ({ stream, participants }: StreamState) => ({
  id: stream.id,
  roomName: stream.roomName,
  status: stream.status,
  createdAt: time(stream.createdAt),
  updatedAt: time(stream.updatedAt),
  ...(stream.stoppedAt === null ? {} : { stoppedAt: time(stream.stoppedAt) }),
  participants: [...participants.values()].map(participantBody),
  ...(stream.metadata === null ? {} : { metadata: stream.metadata }),
  ...(stream.error === null ? {} : { errorMessage: stream.error }),
  version: stream.version,
  lastEvent: stream.lastEvent,
});

export type StreamBody = ReturnType<typeof streamBody>;
