import type { AgentRecord, JobEvent, JobRecord, UiMessage } from "@stream-control/protocol";
import { nextTrend, type Trend } from "./trend.js";

/** Everything that the page knows of the room. Maps are replaced, not changed, so that a change is seen by identity. */
export interface RoomState {
  readonly agents: ReadonlyMap<string, AgentRecord>;
  readonly jobs: ReadonlyMap<string, JobRecord>;
  readonly trends: ReadonlyMap<string, Trend>;
  /** When the newest picture of a job was taken. */
  readonly pictures: ReadonlyMap<string, string>;
  /** The newest event that is included; a page that comes back is given what it missed since. */
  readonly seq: number | undefined;
  /** Whether both snapshots have come. */
  readonly complete: boolean;
}

export const EMPTY_ROOM: RoomState = {
  agents: new Map(),
  jobs: new Map(),
  trends: new Map(),
  pictures: new Map(),
  seq: undefined,
  complete: false,
};

/** A message of `/ui`, read leniently: what is unknown changes nothing. */
export type RoomMessage = Pick<UiMessage, "type" | "payload"> & { seq?: number };

const byId = <T extends { id: string }>(
  known: ReadonlyMap<string, T>,
  payload: T | readonly T[],
): ReadonlyMap<string, T> =>
  Array.isArray(payload)
    ? new Map((payload as readonly T[]).map((entry) => [entry.id, entry]))
    : new Map(known).set((payload as T).id, payload as T);

/** What the room is after some messages: an array replaces its list, an object replaces or adds the entry with its id. */
export function applyMessages(before: RoomState, messages: readonly RoomMessage[]): RoomState {
  let state = before;
  const trends = new Map(before.trends);
  const pictures = new Map(before.pictures);
  for (const { type, payload, seq } of messages) {
    if (seq !== undefined) state = { ...state, seq: Math.max(seq, state.seq ?? 0) };
    if (type === "ui.agent.update")
      state = { ...state, agents: byId(state.agents, payload as AgentRecord | AgentRecord[]) };
    if (type === "ui.job.update") {
      const jobs = payload as JobRecord | JobRecord[];
      state = { ...state, jobs: byId(state.jobs, jobs), complete: state.complete || Array.isArray(jobs) };
      for (const job of [jobs].flat()) {
        const trend = nextTrend(trends.get(job.id), job);
        if (trend !== undefined) trends.set(job.id, trend);
      }
    }
    if (type === "ui.job.snapshot") {
      const { jobId, takenAt } = payload as { jobId: string; takenAt: string };
      pictures.set(jobId, takenAt);
    }
  }
  for (const id of trends.keys()) if (!state.jobs.has(id)) trends.delete(id);
  for (const id of pictures.keys()) if (!state.jobs.has(id)) pictures.delete(id);
  return { ...state, trends, pictures };
}

/** The events among some messages. */
export const eventsAmong = (messages: readonly RoomMessage[]): JobEvent[] =>
  messages.flatMap(({ type, payload }) => (type === "ui.job.event" ? [payload as JobEvent] : []));
