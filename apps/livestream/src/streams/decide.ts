import { AppError } from "@stream-control/service-kit";
import { type PresenceFact, presence } from "./presence.js";
import type { EventType, Metadata, Participant, Status, Stream, StreamState } from "./stream.js";

/** What happens to a stream. */
export type Fact =
  | PresenceFact
  | { kind: "ready"; roomSid: string; at: number }
  | { kind: "failed"; error: string; at: number }
  | { kind: "retry"; at: number }
  | { kind: "stop"; at: number; version?: number | undefined }
  | { kind: "ended"; roomSid: string | null; at: number }
  | {
      kind: "edit";
      metadata?: Metadata | undefined;
      status?: "error" | undefined;
      version?: number | undefined;
      at: number;
    };

/** An event that follows from a fact, with the state right after it. */
export interface Told {
  type: EventType;
  after: StreamState;
  identity?: string;
  previousStatus?: Status;
}

export interface Decision {
  state: StreamState;
  events: readonly Told[];
}

/**
 * Which status may follow which; `active` to `creating` is a room that was lost while it was made.
 */
const NEXT: Readonly<Record<Status, readonly Status[]>> = {
  creating: ["active", "error", "stopping", "stopped"],
  active: ["stopping", "stopped", "error"],
  stopping: ["stopped"],
  stopped: [],
  error: ["creating", "active", "stopping", "stopped"],
};

/** Whether a status may follow another. */
export const mayFollow = (from: Status, to: Status): boolean => NEXT[from].includes(to);

/**
 * What a fact makes of a stream: the one place that knows which changes are legal. What comes too late, twice, or of a room that
 * is not this one any more, changes nothing.
 *
 * @throws AppError for what a client asked for and cannot have: `VERSION_CONFLICT`, `ILLEGAL_STATUS`, `STREAM_NOT_ACTIVE`.
 */
export function decide(state: StreamState, fact: Fact): Decision {
  const { stream } = state;
  switch (fact.kind) {
    case "joined":
    case "left":
      return present(state, fact);
    case "ready":
      if (!mayFollow(stream.status, "active"))
        return stream.status === "active" && stream.roomSid === null
          ? { state: { ...state, stream: { ...stream, roomSid: fact.roomSid } }, events: [] }
          : unchanged(state);
      return become(state, "active", fact.at, { roomSid: fact.roomSid, error: null });
    case "failed":
      return stream.status === "creating" ? become(state, "error", fact.at, { error: fact.error }) : unchanged(state);
    case "retry":
      return stream.status === "error" ? become(state, "creating", fact.at, { error: null }) : unchanged(state);
    case "stop":
      demandVersion(stream, fact.version);
      return mayFollow(stream.status, "stopping") ? become(state, "stopping", fact.at) : unchanged(state);
    case "ended":
      return ended(state, fact);
    case "edit":
      return edit(state, fact);
  }
}

function edit(state: StreamState, fact: Extract<Fact, { kind: "edit" }>): Decision {
  const { stream } = state;
  demandVersion(stream, fact.version);
  const metadata = fact.metadata ?? stream.metadata;
  if (fact.status !== undefined && fact.status !== stream.status) {
    if (!mayFollow(stream.status, fact.status)) throw illegal(stream.status, fact.status);
    return become(state, fact.status, fact.at, { metadata, error: "It was set to error by a client." });
  }
  if (JSON.stringify(metadata) === JSON.stringify(stream.metadata)) return unchanged(state);
  return become(state, stream.status, fact.at, { metadata });
}

/** Everybody leaves before the stream ends, so that nobody is seen joining and never leaving. */
function ended(state: StreamState, fact: Extract<Fact, { kind: "ended" }>): Decision {
  const { stream } = state;
  const isOther = fact.roomSid !== null && stream.roomSid !== null && fact.roomSid !== stream.roomSid;
  if (stream.status === "stopped" || isOther) return unchanged(state);
  let now = state;
  const events: Told[] = [];
  for (const { identity, leftAt } of state.participants.values()) {
    if (leftAt !== null) continue;
    const gone = { kind: "left", identity, at: fact.at, metadata: null, sid: null, sidJoinedAt: null } as const;
    const { state: next, events: told } = present(now, gone);
    now = next;
    events.push(...told);
  }
  const last = become(now, "stopped", fact.at, { stoppedAt: fact.at });
  const [told] = last.events;
  return { state: last.state, events: [...events, { type: "stream_stopped", after: (told as Told).after }] };
}

function present(state: StreamState, fact: PresenceFact): Decision {
  const { stream } = state;
  if (fact.kind === "joined" && stream.status !== "active") {
    if (fact.sid === null)
      throw new AppError("STREAM_NOT_ACTIVE", `The stream is ${stream.status}; only an active one can be joined.`);
    // LiveKit let them in, so the room is there; one of a stream that is over is about to be closed.
    if (stream.status !== "creating") return unchanged(state);
  }
  if (stream.status === "stopped") return unchanged(state);
  const change = presence(state.participants.get(fact.identity), fact);
  if (change === undefined) return unchanged(state);
  const { participant, told } = change;
  let now: StreamState = { ...state, participants: withOne(state, participant) };
  const events: Told[] = [];
  for (const type of told) {
    const shown = type === "participant_joined" ? { ...participant, leftAt: null } : participant;
    now = {
      stream: {
        ...now.stream,
        updatedAt: Math.max(fact.at, now.stream.updatedAt),
        lastEvent: now.stream.lastEvent + 1,
      },
      participants: withOne(state, shown),
    };
    events.push({ type, after: now, identity: participant.identity });
  }
  return { state: now, events };
}

function become(state: StreamState, status: Status, at: number, more: Partial<Stream> = {}): Decision {
  const { stream } = state;
  const next: Stream = {
    ...stream,
    ...more,
    status,
    updatedAt: Math.max(at, stream.updatedAt),
    version: stream.version + 1,
    lastEvent: stream.lastEvent + 1,
  };
  const after = { ...state, stream: next };
  return { state: after, events: [{ type: "stream_updated", after, previousStatus: stream.status }] };
}

const withOne = ({ participants }: StreamState, one: Participant): ReadonlyMap<string, Participant> =>
  new Map([...participants, [one.identity, one]]);

const unchanged = (state: StreamState): Decision => ({ state, events: [] });

function demandVersion({ version }: Stream, wanted: number | undefined): void {
  if (wanted === undefined || wanted === version) return;
  throw new AppError("VERSION_CONFLICT", `The stream has version ${version} by now, not ${wanted}. Read it again.`, {
    details: { version },
  });
}

const illegal = (from: Status, to: string): AppError =>
  new AppError("ILLEGAL_STATUS", `A stream that is ${from} cannot become ${to}.`);
