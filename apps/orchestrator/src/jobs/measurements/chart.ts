import type { Measurements, Progress } from "@stream-control/protocol";
import { type Cells, cellsOf, emptyCells, isGap, mergeInto, toSample, WIDTH } from "./columns.js";

/** Intervals of a chart at most. */
export const MAX_SLOTS = 600;
const FIRST_INTERVAL_MS = 1000;
/** Reports come about once a second; an interval that falls between two that are no further apart is no gap. */
const HELD_MS = 2500;
/** Intervals that are stored together: enough to be few rows, few enough that the newest are cheap to write again. */
export const SLOTS_PER_CHUNK = 30;

/** A chart as it is stored beside its chunks. */
export interface ChartHead {
  fromMs: number;
  intervalMs: number;
  /** Intervals in use. */
  slots: number;
  /** Dropped frames, as the present encode counts them. */
  droppedTotal: number;
}

/**
 * The measurements of one run, in at most {@link MAX_SLOTS} intervals whatever its length: when they are used up, neighbours are
 * merged and the interval doubles.
 */
export class Chart {
  private readonly cells = new Float32Array(MAX_SLOTS * WIDTH);
  private slots = 0;
  private intervalMs = FIRST_INTERVAL_MS;
  private droppedTotal = 0;
  private lastMs = Number.NEGATIVE_INFINITY;
  /** The first interval that changed since it was last stored. */
  private changedFrom = 0;

  /** @param fromMs when it begins, in milliseconds of Unix time. */
  constructor(private readonly fromMs: number) {}

  /** @throws RangeError for chunks that are not those of the head. */
  static restore(head: ChartHead, chunks: readonly Uint8Array[]): Chart {
    const chart = new Chart(head.fromMs);
    let filled = 0;
    for (const chunk of chunks) {
      const aligned = new Float32Array(new Uint8Array(chunk).buffer);
      chart.cells.set(aligned, filled);
      filled += aligned.length;
    }
    if (filled !== head.slots * WIDTH) throw new RangeError("The chunks of a chart are not whole.");
    Object.assign(chart, { ...head, changedFrom: head.slots });
    return chart;
  }

  /** Whether there is anything that was not stored. */
  get changed(): boolean {
    return this.changedFrom < this.slots;
  }

  get head(): ChartHead {
    const { fromMs, intervalMs, slots, droppedTotal } = this;
    return { fromMs, intervalMs, slots, droppedTotal };
  }

  /** Enters a report. A clock that was set back adds to the newest interval. */
  add(atMs: number, progress: Progress, viewers: number | null): void {
    const total = progress.droppedFrames ?? this.droppedTotal;
    // An encoder that was started again counts from 0.
    const droppedFrames = total >= this.droppedTotal ? total - this.droppedTotal : total;
    this.droppedTotal = total;
    const slot = this.slotAt(atMs);
    const reading = cellsOf({ progress, droppedFrames, viewers });
    if (atMs - this.lastMs <= HELD_MS) this.hold(slot, cellsOf({ progress, droppedFrames: 0, viewers }));
    this.grow(slot);
    mergeInto(this.slot(slot), reading);
    this.lastMs = Math.max(this.lastMs, atMs);
  }

  toMeasurements(): Measurements {
    const samples = Array.from({ length: this.slots }, (_, index) =>
      toSample(this.slot(index), this.fromMs + index * this.intervalMs),
    );
    return { intervalMs: this.intervalMs, from: new Date(this.fromMs).toISOString(), samples };
  }

  /** What must be stored; counts as stored from now on. */
  takeChanges(): { head: ChartHead; firstChunk: number; chunks: Uint8Array[] } {
    const firstChunk = Math.floor(this.changedFrom / SLOTS_PER_CHUNK);
    const chunks: Uint8Array[] = [];
    for (let slot = firstChunk * SLOTS_PER_CHUNK; slot < this.slots; slot += SLOTS_PER_CHUNK) {
      const end = Math.min(slot + SLOTS_PER_CHUNK, this.slots);
      chunks.push(new Uint8Array(this.cells.slice(slot * WIDTH, end * WIDTH).buffer));
    }
    this.changedFrom = this.slots;
    return { head: this.head, firstChunk, chunks };
  }

  /** Everything must be stored again: it could not be. */
  markChanged(): void {
    this.changedFrom = 0;
  }

  private slot(index: number): Cells {
    return this.cells.subarray(index * WIDTH, (index + 1) * WIDTH);
  }

  /** The interval of a moment, after as many mergers as it takes. */
  private slotAt(atMs: number): number {
    while (atMs - this.fromMs >= MAX_SLOTS * this.intervalMs) this.halve();
    return Math.max(Math.floor((atMs - this.fromMs) / this.intervalMs), this.slots - 1, 0);
  }

  /** Reports that come a little late leave no gap. */
  private hold(slot: number, reading: Cells): void {
    const first = this.slots;
    this.grow(slot - 1);
    for (let index = first; index < slot; index += 1) if (isGap(this.slot(index))) mergeInto(this.slot(index), reading);
  }

  private grow(slot: number): void {
    for (; this.slots <= slot; this.slots += 1) emptyCells(this.slot(this.slots));
    this.changedFrom = Math.min(this.changedFrom, Math.max(slot, 0));
  }

  private halve(): void {
    const half = Math.ceil(this.slots / 2);
    for (let index = 0; index < half; index += 1) {
      const merged = this.slot(index);
      if (index > 0) merged.set(this.slot(2 * index));
      if (2 * index + 1 < this.slots) mergeInto(merged, this.slot(2 * index + 1));
    }
    this.slots = half;
    this.intervalMs *= 2;
    this.changedFrom = 0;
  }
}
