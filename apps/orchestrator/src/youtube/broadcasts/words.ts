import type { LogEntry } from "../../jobs/changes.js";
import type { Broadcast } from "./broadcast.js";

/** Pages of a broadcast: to watch it, and to manage it. */
export const publicUrlOf = (broadcastId: string): string => `https://youtube.com/watch?v=${broadcastId}`;
export const adminUrlOf = (broadcastId: string): string =>
  `https://studio.youtube.com/video/${broadcastId}/livestreaming`;

const idOf = ({ broadcastId }: Broadcast) => (broadcastId === null ? {} : { broadcastId });

/** What the event log says of broadcasts. */
export const said = {
  ready: (broadcast: Broadcast): LogEntry => ({
    type: "broadcast.ready",
    message: "The YouTube broadcast is ready.",
    data: { ...idOf(broadcast), privacy: broadcast.privacy },
  }),
  live: (broadcast: Broadcast): LogEntry => ({
    type: "broadcast.live",
    message: "The YouTube broadcast is live.",
    data: idOf(broadcast),
  }),
  completed: (broadcast: Broadcast, peakViewers: number | undefined): LogEntry => ({
    type: "broadcast.completed",
    message: "The YouTube broadcast was completed.",
    data: { ...idOf(broadcast), ...(peakViewers === undefined ? {} : { peakViewers }) },
  }),
  deleted: (broadcast: Broadcast): LogEntry => ({
    type: "broadcast.deleted",
    message: "The YouTube broadcast was deleted, since it never went live.",
    data: idOf(broadcast),
  }),
  endedAtYouTube: (broadcast: Broadcast): LogEntry => ({
    type: "broadcast.ended_at_youtube",
    message: "The broadcast was ended at YouTube; the stream itself goes on. A new broadcast takes a new job.",
    data: idOf(broadcast),
    result: "failed",
  }),
  failed: (broadcast: Broadcast, reason: string, message: string): LogEntry => ({
    type: "broadcast.failed",
    message: `The stream goes on without YouTube: ${message}`,
    data: { ...idOf(broadcast), reason },
    result: "failed",
  }),
  delayed: (broadcast: Broadcast, reason: string, message: string): LogEntry => ({
    type: "broadcast.delayed",
    message,
    data: { ...idOf(broadcast), reason, attempt: broadcast.attempts },
    result: "failed",
  }),
  halted: (broadcast: Broadcast, reason: string, message: string): LogEntry => ({
    type: "broadcast.not_live",
    message: `The broadcast does not go live: ${message} It is tried again when the stream starts anew or the broadcast is refreshed.`,
    data: { ...idOf(broadcast), reason },
    result: "failed",
  }),
  completeFailed: (broadcast: Broadcast, reason: string, message: string): LogEntry => ({
    type: "broadcast.complete_failed",
    message: `The broadcast could not be completed: ${message}`,
    data: { ...idOf(broadcast), reason, attempt: broadcast.attempts },
    result: "failed",
  }),
  editFailed: (broadcast: Broadcast, reason: string, message: string): LogEntry => ({
    type: "broadcast.edit_failed",
    message: `YouTube was not given the new title and description: ${message}`,
    data: { ...idOf(broadcast), reason },
    result: "failed",
  }),
  edited: (broadcast: Broadcast): LogEntry => ({
    type: "broadcast.edited",
    message: "YouTube has the new title and description.",
    data: idOf(broadcast),
  }),
  added: (broadcast: Broadcast): LogEntry => ({
    type: "broadcast.added",
    message: "The running stream was given the YouTube broadcast.",
    data: idOf(broadcast),
  }),
  notAdded: (broadcast: Broadcast, message: string): LogEntry => ({
    type: "broadcast.not_added",
    message: `The running stream could not be given the YouTube broadcast: ${message} It has it when it starts anew.`,
    data: idOf(broadcast),
    result: "failed",
  }),
} as const;
