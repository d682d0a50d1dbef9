/** How the service treats timelines and their subscribers. Durations in milliseconds. */
export interface ServiceSettings {
  /** How often a subscriber is to be heard of. */
  readonly heartbeatIntervalMs: number;
  /** After how long without a word they are dropped. */
  readonly staleTimeoutMs: number;
  /** How long a timeline stays that nobody follows any more. */
  readonly idleTimeoutMs: number;
  /** How long a timeline stays that nobody has followed yet. */
  readonly waitingTimeoutMs: number;
  /** How long ago the moment of a command may be. */
  readonly lateLimitMs: number;
  /** Ticks a second that one subscriber gets at most, whatever it asks for; 0 is without limit. */
  readonly maxUpdatesPerSecond: number;
  readonly maxTimelines: number;
  readonly maxSubscribers: number;
}

export const DEFAULT_SERVICE: ServiceSettings = {
  heartbeatIntervalMs: 30_000,
  staleTimeoutMs: 90_000,
  idleTimeoutMs: 60_000,
  waitingTimeoutMs: 86_400_000,
  lateLimitMs: 5000,
  maxUpdatesPerSecond: 0,
  maxTimelines: 20_000,
  maxSubscribers: 100_000,
};
