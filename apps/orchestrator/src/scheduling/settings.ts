import type { Configuration, LoadBalancingStrategy } from "@stream-control/protocol";
import type { PriorityWeights } from "./lanes/lane-shares.js";
import type { FailoverSettings } from "./strategies/chooser.js";

/** What operators may settle about who gets which slot. */
export interface SchedulingSettings {
  readonly priorityWeights: PriorityWeights;
  /** Renders that may hold a slot at once in all rooms together, so that streams find room; 0: any number. Streams are bounded by slots alone. */
  readonly maxRenders: number;
  /** How an agent is chosen for a job that says nothing else. */
  readonly strategy: LoadBalancingStrategy;
  readonly failover: FailoverSettings;
}

/** What of the settings in force is about scheduling. */
export const schedulingOf = ({ orchestration, loadBalancing, resilience }: Configuration): SchedulingSettings => ({
  priorityWeights: orchestration.priorityWeights,
  maxRenders: orchestration.maxConcurrentJobs,
  strategy: loadBalancing.strategy,
  failover: { enabled: resilience.failoverEnabled, threshold: loadBalancing.failoverThreshold },
});

/** Why a render waits although there may be room. */
export const overLimit = (maxRenders: number): string =>
  `As many renders are under way as MAX_CONCURRENT_JOBS allows (${maxRenders}); it starts when one of them ends.`;
