import type { JobRecord } from "@stream-control/protocol";

/** Measurements that a card draws: two minutes at one a second. */
const KEPT = 120;

/** What a running stream measured lately, the oldest first. */
export interface Trend {
  readonly fps: readonly number[];
  readonly bitrateKbps: readonly number[];
  /** Frames that were dropped from one measurement to the next. */
  readonly dropped: readonly number[];
  readonly measuredAt: string;
  readonly droppedBefore: number;
}

const push = (values: readonly number[], value: number) => [...values.slice(1 - KEPT), value];

/** The trend with the job's newest measurement; the same object where there is none. */
export function nextTrend(trend: Trend | undefined, { progress }: JobRecord): Trend | undefined {
  const measuredAt = progress?.measuredAt;
  if (progress == null || measuredAt === undefined || measuredAt === trend?.measuredAt) return trend;
  const droppedSoFar = progress.droppedFrames ?? 0;
  return {
    measuredAt,
    droppedBefore: droppedSoFar,
    fps: push(trend?.fps ?? [], progress.fps ?? 0),
    bitrateKbps: push(trend?.bitrateKbps ?? [], progress.bitrateKbps ?? 0),
    // A restarted encoder counts from zero again.
    dropped: push(trend?.dropped ?? [], trend === undefined ? 0 : Math.max(0, droppedSoFar - trend.droppedBefore)),
  };
}
