import { DEFAULT_PRIORITY_WEIGHTS, type PriorityWeights } from "./lanes/lane-shares.js";

/** What operators may settle about who gets which slot. */
export interface SchedulingSettings {
  readonly priorityWeights: PriorityWeights;
  /** Renders that may hold a slot at once in all rooms together, so that streams find room; 0: any number. Streams are bounded by slots alone. */
  readonly maxRenders: number;
}

export const DEFAULT_SCHEDULING: SchedulingSettings = { priorityWeights: DEFAULT_PRIORITY_WEIGHTS, maxRenders: 50 };

/** Why a render waits although there may be room. */
export const overLimit = (maxRenders: number): string =>
  `As many renders are under way as MAX_CONCURRENT_JOBS allows (${maxRenders}); it starts when one of them ends.`;
