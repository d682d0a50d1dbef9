import { LEVEL_INTERVAL_MS } from "@stream-control/ffmpeg";
import type { AudioLevels } from "@stream-control/protocol";
import { FLOOR_DBFS, type Sign } from "./metadata-lines.js";

/** Intervals that are kept for a report; of more, the oldest are left out. */
const MAX_INTERVALS = 20;
/** A peak from here on was cut off: encoding takes a few tenths of a decibel from the tops of what was at full scale. */
const CLIPPED_DBFS = -0.5;
/** The part of the intervals that must have such a peak: a single one is no more than loud. */
const CLIPPED_PART = 0.3;
/** Where no peak is louder, there is no sound. */
const SILENT_DBFS = -60;

/** What was heard since the last report. */
export interface Heard {
  levels: AudioLevels;
  silent: boolean;
  clipped: boolean;
}

/** Collects the peaks of the outgoing sound between two reports. */
export class LevelMeter {
  private peaks: number[][] = [];
  private peak: number[] = [];
  private rms: number[] = [];

  push(sign: Sign): void {
    if (sign.kind === "interval") this.close();
    if (sign.kind !== "level" || sign.channel < 1) return;
    (sign.measure === "peak" ? this.peak : this.rms)[sign.channel - 1] = sign.dbfs;
  }

  /** @returns undefined where nothing was measured since the last time. */
  take(): Heard | undefined {
    const peaksDbfs = this.peaks;
    this.peaks = [];
    if (peaksDbfs.length === 0) return undefined;
    const all = peaksDbfs.flat();
    const clipped = peaksDbfs.filter((channels) => channels.some((dbfs) => dbfs >= CLIPPED_DBFS)).length;
    const rmsDbfs = this.peak.map((_, channel) => this.rms[channel] ?? FLOOR_DBFS);
    return {
      levels: { intervalMs: LEVEL_INTERVAL_MS, peaksDbfs, rmsDbfs: rmsDbfs.length === 0 ? [FLOOR_DBFS] : rmsDbfs },
      silent: all.every((dbfs) => dbfs < SILENT_DBFS),
      clipped: clipped >= peaksDbfs.length * CLIPPED_PART,
    };
  }

  /** An interval is whole when the next one begins. */
  private close(): void {
    if (this.peak.length === 0) return;
    // A channel may have been left out of a line that was cut off.
    this.peaks = [...this.peaks, Array.from(this.peak, (dbfs) => dbfs ?? FLOOR_DBFS)].slice(-MAX_INTERVALS);
  }
}
