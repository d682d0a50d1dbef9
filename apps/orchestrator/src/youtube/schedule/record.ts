import type { BroadcastRecord } from "@stream-control/protocol";
import type { Broadcast } from "../broadcasts/broadcast.js";
import { adminUrlOf, publicUrlOf } from "../broadcasts/words.js";

/** A broadcast as the wire shows it to those who may see its key. */
export function toBroadcastRecord(broadcast: Broadcast, lifeCycle: string | null): BroadcastRecord {
  const { broadcastId, ingestion, problem, options, autoStopAt, autoStopMinutes } = broadcast;
  return {
    ...{ id: broadcast.id, room: broadcast.room, jobId: broadcast.jobId, state: broadcast.state },
    ...{ broadcastId, videoId: broadcastId, streamId: broadcast.streamId },
    ...{ streamKey: ingestion?.streamKey ?? null, streamUrl: ingestion?.url ?? null, sheetKey: broadcast.sheetKey },
    ...{ title: broadcast.title, description: broadcast.description, privacy: broadcast.privacy },
    scheduledStartTime: broadcast.scheduledStart,
    publicUrl: broadcastId === null ? null : publicUrlOf(broadcastId),
    adminUrl: broadcastId === null ? null : adminUrlOf(broadcastId),
    ...{ autoStart: broadcast.autoStart, reservedAgentId: options.reservedAgentId ?? null },
    ...{ autoStopEnabled: autoStopAt !== null || autoStopMinutes !== null, autoStopMinutes, autoStopAt },
    lifeCycleStatus: lifeCycle,
    problem: problem && { reason: problem.reason, message: problem.message, at: problem.at },
    ...{ createdAt: broadcast.createdAt, updatedAt: broadcast.updatedAt },
  };
}
