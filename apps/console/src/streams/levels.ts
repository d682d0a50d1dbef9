import type { AudioLevels } from "@stream-control/protocol";

/** What a meter reaches down to, in decibels below full scale. */
export const FLOOR_DBFS = -60;
/** How fast a meter falls, in decibels per second: the 20 dB in 1.7 s of a peak programme meter (IEC 60268-18). */
const FALL_DB_PER_S = 20 / 1.7;

/** Where on the scale of a meter a level is: 0 at the floor, 1 at full scale. */
export const onScale = (dbfs: number): number => Math.min(1, Math.max(0, 1 - dbfs / FLOOR_DBFS));

/**
 * What a meter shows of one channel: the peaks that were reported together are shown one after another over the time that
 * they were measured in, and the meter falls slowly between them.
 */
export class Ballistics {
  private levels: AudioLevels | undefined;
  private sinceMs = 0;
  private shownDbfs = FLOOR_DBFS;
  private lastMs: number | undefined;

  constructor(private readonly channel: number) {}

  report(levels: AudioLevels, nowMs: number): void {
    this.levels = levels;
    this.sinceMs = nowMs;
  }

  /** The level that is shown at a moment, in decibels below full scale. Moments must not go back. */
  at(nowMs: number): number {
    const elapsedS = (nowMs - (this.lastMs ?? nowMs)) / 1000;
    this.lastMs = nowMs;
    const fallen = Math.max(FLOOR_DBFS, this.shownDbfs - FALL_DB_PER_S * elapsedS);
    this.shownDbfs = Math.max(fallen, this.measured(nowMs));
    return this.shownDbfs;
  }

  private measured(nowMs: number): number {
    if (this.levels === undefined) return FLOOR_DBFS;
    const { intervalMs, peaksDbfs } = this.levels;
    const index = Math.floor((nowMs - this.sinceMs) / intervalMs);
    return peaksDbfs[index]?.[this.channel] ?? FLOOR_DBFS;
  }
}
