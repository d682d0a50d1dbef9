import type { Configuration } from "@stream-control/protocol";
import type { PriorityWeights } from "./lanes/lane-shares.js";

/** What operators may settle about who gets which slot. */
export interface SchedulingSettings {
  readonly priorityWeights: PriorityWeights;
  /** Renders that may hold a slot at once in all rooms together, so that streams find room; 0: any number. Streams are bounded by slots alone. */
  readonly maxRenders: number;
}

/** What of the settings in force is about scheduling. */
export const schedulingOf = ({ orchestration }: Configuration): SchedulingSettings => ({
  priorityWeights: orchestration.priorityWeights,
  maxRenders: orchestration.maxConcurrentJobs,
});

/** Why a render waits although there may be room. */
export const overLimit = (maxRenders: number): string =>
  `As many renders are under way as MAX_CONCURRENT_JOBS allows (${maxRenders}); it starts when one of them ends.`;
