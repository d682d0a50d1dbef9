import type { Selectable } from "@stream-control/store";
import type { YouTubeBroadcastTable } from "../../store/tables.js";

/** A broadcast's row as it is stored. */
export type StoredBroadcast = Selectable<YouTubeBroadcastTable>;

/** Where an encoder pushes to. */
export interface Ingestion {
  /** RTMPS where YouTube gives it. */
  url: string;
  streamKey: string;
}

/** What can be asked for with a broadcast, beside its texts. */
export interface BroadcastOptions {
  /** Restart the encoder when YouTube finds the stream unhealthy for a while. */
  restartUnhealthy?: boolean;
  /** The agent that is kept free for its start. */
  reservedAgentId?: string;
  /** Somebody wants it gone. */
  discard?: boolean;
  /** YouTube does not take it, so that what there is of it goes too. */
  givenUp?: boolean;
  /** Of the job that is started for it by itself: so that it is started once. */
  autoStarts?: number;
}

/** Why something has not been done yet. */
export interface BroadcastProblem {
  kind: string;
  reason: string;
  message: string;
  at: string;
}

/** A broadcast that is ours to look after, as everybody works with it: opened and parsed. */
export interface Broadcast {
  readonly id: string;
  readonly origin: "job" | "schedule";
  readonly room: string;
  jobId: string | null;
  state: "preparing" | "ready" | "live" | "ended";
  /** An insert was begun whose outcome is not known. */
  unsure: "stream" | "broadcast" | null;
  /** Title of its stream: random, so that it can be found again and nobody else's is taken for it. */
  readonly marker: string;
  title: string;
  description: string;
  /** As YouTube has them; `announced` is the start that YouTube was given for the one that was wanted then. */
  sentTexts: { title: string; description: string; scheduledStart?: string; announced?: string } | null;
  privacy: string;
  /** Label under which a stream key is kept and used again. */
  sheetKey: string | null;
  /** The stream is one that is kept for its sheet. */
  keepsStream: boolean;
  streamId: string | null;
  ingestion: Ingestion | null;
  broadcastId: string | null;
  channelId: string | null;
  bound: boolean;
  /** ISO 8601, a whole second that no other broadcast of the same title has. */
  scheduledStart: string;
  /** The assignment that was made before the broadcast was ready; its agent is given the destination while it runs. */
  lateEpoch: number | null;
  /** Failures in a row. */
  attempts: number;
  retryAt: string | null;
  problem: BroadcastProblem | null;
  options: BroadcastOptions;
  autoStart: boolean;
  autoStopMinutes: number | null;
  autoStopAt: string | null;
  /** What is submitted when its time comes. */
  startRequest: Record<string, unknown> | null;
  readonly createdAt: string;
  updatedAt: string;
  liveAt: string | null;
  endedAt: string | null;
  outcome: string | null;
}
