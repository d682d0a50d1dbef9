import type { Broadcast } from "./broadcast.js";
import { newMarker } from "./kept-streams.js";

/** What differs from one new broadcast to another. */
export type NewBroadcast = Pick<
  Broadcast,
  "id" | "origin" | "room" | "title" | "description" | "privacy" | "createdAt"
> &
  Partial<Broadcast>;

/** A broadcast of which nothing is there yet. */
export const newBroadcast = (given: NewBroadcast): Broadcast => ({
  ...{ jobId: null, state: "preparing", unsure: null, marker: newMarker(), sentTexts: null },
  ...{ sheetKey: null, keepsStream: false, streamId: null, ingestion: null },
  ...{ broadcastId: null, channelId: null, bound: false, scheduledStart: given.createdAt, lateEpoch: null },
  ...{ attempts: 0, retryAt: null, problem: null, options: {} },
  ...{ autoStart: false, autoStopMinutes: null, autoStopAt: null, startRequest: null },
  ...{ updatedAt: given.createdAt, liveAt: null, endedAt: null, outcome: null },
  ...given,
});
