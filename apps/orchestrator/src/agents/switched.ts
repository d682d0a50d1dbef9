/** What the confirmation of a command means for the stream's metadata and its log. */
export const SWITCHED = {
  "agent.job.mute": {
    ...{ patch: { isMuted: true }, event: "job.muted", message: "The sound is off." },
    failed: { event: "job.mute_failed", message: "The agent could not mute the stream." },
  },
  "agent.job.unmute": {
    ...{ patch: { isMuted: false }, event: "job.unmuted", message: "The sound is on." },
    failed: { event: "job.unmute_failed", message: "The agent could not unmute the stream." },
  },
  "agent.job.paused": {
    ...{ patch: { isPaused: true }, event: "job.paused", message: "The stream is paused." },
    failed: { event: "job.pause_failed", message: "The agent could not pause the stream." },
  },
  "agent.job.unpaused": {
    ...{ patch: { isPaused: false }, event: "job.unpaused", message: "The stream goes on." },
    failed: { event: "job.unpause_failed", message: "The agent could not unpause the stream." },
  },
} as const;
