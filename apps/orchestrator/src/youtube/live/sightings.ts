import type { Broadcast, ConfigurationIssue, LifeCycle, Stream } from "../api/resources.js";

/** What YouTube said of a broadcast and its stream at one moment. */
export interface Sighting {
  lifeCycle: LifeCycle;
  monitorStream: boolean;
  streamStatus: string | undefined;
  /** `good`, `ok`, `bad` or `noData`. */
  health: string | undefined;
  issues: readonly ConfigurationIssue[];
  /** Undefined where nobody watches, or the channel hides it. */
  viewers: number | undefined;
}

/** Joins what the two lists said. */
export function sightingOf(broadcast: Broadcast, stream: Stream | undefined): Sighting {
  const health = stream?.status?.healthStatus;
  return {
    lifeCycle: broadcast.status?.lifeCycleStatus ?? "created",
    monitorStream: broadcast.contentDetails?.monitorStream?.enableMonitorStream === true,
    streamStatus: stream?.status?.streamStatus,
    health: health?.status,
    issues: health?.configurationIssues ?? [],
    viewers: broadcast.statistics?.concurrentViewers,
  };
}
