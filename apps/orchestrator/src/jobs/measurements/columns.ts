import { ALARMS, type MeasurementSample, type ON_AIR, type OnAir, type Progress } from "@stream-control/protocol";

/** One thing that was measured of a job at one moment. */
export interface Reading {
  progress: Progress;
  /** Frames dropped since the reading before. */
  droppedFrames: number;
  viewers: number | null;
}

/**
 * How an interval lies in memory and in the database: as many numbers, of which sums and counts make means. Not-a-number is
 * what was not measured.
 */
const COLUMNS = [
  ...["reports", "dropped", "alarms", "onAir", "viewers", "peak", "memory", "cpuSum", "cpuCount"],
  ...["fpsSum", "fpsCount", "fpsMin", "fpsMax"],
  ...["bitrateSum", "bitrateCount", "bitrateMin", "bitrateMax"],
  ...["speedSum", "speedCount", "speedMin", "speedMax"],
] as const;
export const WIDTH = COLUMNS.length;

const at = (name: (typeof COLUMNS)[number]): number => COLUMNS.indexOf(name);
const REPORTS = at("reports");
const DROPPED = at("dropped");
const ALARM_BITS = at("alarms");
const ON_AIR_RANK = at("onAir");
const VIEWERS = at("viewers");
const PEAK = at("peak");
const MEMORY = at("memory");
const CPU = at("cpuSum");
/** Where sum, count, smallest and largest of a value stand one after the other. */
const FPS = at("fpsSum");
const BITRATE = at("bitrateSum");
const SPEED = at("speedSum");

/** From what is wanted to what is furthest from it. */
const RANKS: readonly OnAir[] = ["program", "nothing", "paused", "backup", "slate"] satisfies (typeof ON_AIR)[number][];

/** One interval. */
export type Cells = Float32Array;

export const isGap = (cells: Cells): boolean => cells[REPORTS] === 0;

/** An interval of which nothing is known. */
export function emptyCells(cells: Cells): void {
  cells.fill(0);
  for (const column of [ON_AIR_RANK, VIEWERS, PEAK, MEMORY]) cells[column] = Number.NaN;
  for (const value of [FPS, BITRATE, SPEED]) cells.fill(Number.NaN, value + 2, value + 4);
}

/** A reading as an interval of its own. */
export function cellsOf({ progress, droppedFrames, viewers }: Reading): Cells {
  const cells = new Float32Array(WIDTH);
  emptyCells(cells);
  cells[REPORTS] = 1;
  cells[DROPPED] = droppedFrames;
  cells[VIEWERS] = viewers ?? Number.NaN;
  cells[MEMORY] = progress.memoryMiB ?? Number.NaN;
  if (progress.cpuPercent !== undefined) cells.set([progress.cpuPercent, 1], CPU);
  for (const [column, value] of [
    [FPS, progress.fps],
    [BITRATE, progress.bitrateKbps],
    [SPEED, progress.speed],
  ] as const)
    if (value !== undefined) cells.set([value, 1, value, value], column);
  const peaks = progress.audio?.peaksDbfs.flat() ?? [];
  if (peaks.length > 0) cells[PEAK] = Math.max(...peaks);
  if (progress.onAir !== undefined) cells[ON_AIR_RANK] = RANKS.indexOf(progress.onAir);
  cells[ALARM_BITS] = (progress.alarms ?? []).reduce((bits, alarm) => bits | (1 << ALARMS.indexOf(alarm)), 0);
  return cells;
}

/** Adds a later interval to an earlier one, in place. */
export function mergeInto(earlier: Cells, later: Cells): void {
  if (isGap(later)) return;
  for (const column of [REPORTS, DROPPED, CPU, CPU + 1]) add(earlier, later, column);
  earlier[ALARM_BITS] = (earlier[ALARM_BITS] ?? 0) | (later[ALARM_BITS] ?? 0);
  for (const column of [ON_AIR_RANK, PEAK, MEMORY]) pick(earlier, later, column, Math.max);
  pick(earlier, later, VIEWERS, (_before, now) => now);
  for (const value of [FPS, BITRATE, SPEED]) {
    add(earlier, later, value);
    add(earlier, later, value + 1);
    pick(earlier, later, value + 2, Math.min);
    pick(earlier, later, value + 3, Math.max);
  }
}

function add(into: Cells, from: Cells, column: number): void {
  into[column] = (into[column] ?? 0) + (from[column] ?? 0);
}

function pick(into: Cells, from: Cells, column: number, which: (a: number, b: number) => number): void {
  const [a = Number.NaN, b = Number.NaN] = [into[column], from[column]];
  into[column] = Number.isNaN(a) ? b : Number.isNaN(b) ? a : which(a, b);
}

/** An interval as the wire shows it; null where nothing was heard. */
export function toSample(cells: Cells, atMs: number): MeasurementSample | null {
  if (isGap(cells)) return null;
  const value = (column: number) => shown(cells[column]);
  const mean = (column: number) => shown((cells[column] ?? 0) / (cells[column + 1] ?? 0));
  const bits = cells[ALARM_BITS] ?? 0;
  return {
    at: new Date(atMs).toISOString(),
    ...{ fps: mean(FPS), fpsMin: value(FPS + 2), fpsMax: value(FPS + 3) },
    ...{ bitrateKbps: mean(BITRATE), bitrateKbpsMin: value(BITRATE + 2), bitrateKbpsMax: value(BITRATE + 3) },
    ...{ speed: mean(SPEED), speedMin: value(SPEED + 2), speedMax: value(SPEED + 3) },
    droppedFrames: cells[DROPPED] ?? 0,
    ...{ cpuPercent: mean(CPU), memoryMiB: value(MEMORY), viewers: value(VIEWERS), peakDbfs: value(PEAK) },
    onAir: RANKS[cells[ON_AIR_RANK] ?? Number.NaN] ?? null,
    alarms: ALARMS.filter((_alarm, index) => (bits & (1 << index)) !== 0),
  };
}

/** Three decimals are more than anything of it is measured to. */
const shown = (value = Number.NaN): number | null => (Number.isFinite(value) ? Math.round(value * 1000) / 1000 : null);
