import type { Readable } from "node:stream";
import { TsFeed } from "./feed.js";
import { TS_CLOCK_HZ } from "./packet.js";
import { type TsSegment, TsSplicer, type TsSplicerOptions } from "./splicer.js";
import type { TsUnit } from "./unit-reader.js";

/** Longest gap that a cut leaves in the timestamps: receivers give up at longer ones, and nobody needs them. */
const MAX_GAP_TICKS = TS_CLOCK_HZ;
/** How far a cut may run ahead of the clock by what was held. */
const MAX_AHEAD_TICKS = 0.3 * TS_CLOCK_HZ;

/** What a switcher works with. */
export interface TsSwitcherOptions extends TsSplicerOptions {
  /** Milliseconds of a clock that never jumps. */
  now: () => number;
  /** The stream that goes out. */
  onSegment: (segment: TsSegment) => void;
}

/**
 * Puts one of several feeds on air and makes one continuous stream of it, in real time. A feed is cut in at a keyframe;
 * until that is there, the one before it stays on air.
 */
export class TsSwitcher {
  private readonly splicer: TsSplicer;
  private current: TsFeed | undefined;
  private pending: { feed: TsFeed; onCut: () => void } | undefined;
  private lastPictureAt: number | undefined;

  constructor(private readonly options: TsSwitcherOptions) {
    this.splicer = new TsSplicer(options);
  }

  get onAir(): TsFeed | undefined {
    return this.current;
  }
  /** Pictures that went out. */
  get pictures(): number {
    return this.splicer.pictures;
  }
  /** Length of what went out, in milliseconds. */
  get lengthMs(): number {
    return (this.splicer.lengthTicks * 1000) / TS_CLOCK_HZ;
  }

  /** Reads an encoder's output, off air. */
  feed(source: Readable, onFrame?: () => void): TsFeed {
    return new TsFeed(source, { onFrame, onUnit: (feed, unit) => this.receive(feed, unit) });
  }

  /**
   * Takes a feed on air: from the keyframe that it holds, where that does not put the stream ahead of the clock,
   * otherwise from its next one. A later call takes the place of an earlier one that still waits.
   */
  take(feed: TsFeed, onCut: () => void): void {
    this.pending = undefined;
    if (feed === this.current) {
      onCut();
      return;
    }
    const heldTicks = feed.heldTicks;
    if (heldTicks === undefined || heldTicks - this.elapsedTicks() > MAX_AHEAD_TICKS) {
      this.pending = { feed, onCut };
      return;
    }
    const tables = feed.tables;
    const held = this.cutTo(feed, heldTicks);
    for (const unit of held) this.write(unit, tables);
    onCut();
  }

  /** Takes everything off air, and nothing that waits comes on. */
  clear(): void {
    this.pending = undefined;
    this.current?.hold();
    this.current = undefined;
  }

  private receive(feed: TsFeed, unit: TsUnit): void {
    const pending = this.pending;
    if (pending?.feed === feed && unit.keyframe) {
      this.pending = undefined;
      this.cutTo(feed, 0, unit);
      this.write(unit, feed.tables);
      pending.onCut();
    } else if (feed === this.current) this.write(unit, feed.tables);
  }

  private cutTo(feed: TsFeed, heldTicks: number, first?: TsUnit): TsUnit[] {
    this.current?.hold();
    this.current = feed;
    const held = feed.release();
    const begin = first ?? held[0];
    if (begin !== undefined) this.splicer.cut(begin, Math.min(MAX_GAP_TICKS, this.elapsedTicks() - heldTicks));
    return held;
  }

  private write(unit: TsUnit, tables: TsFeed["tables"]): void {
    const segment = this.splicer.write(unit, tables);
    if (segment === undefined) return;
    if (unit.kind === "video") this.lastPictureAt = this.options.now();
    this.options.onSegment(segment);
  }

  /** Since the last picture went out; without end before the first one. */
  private elapsedTicks(): number {
    if (this.lastPictureAt === undefined) return Number.POSITIVE_INFINITY;
    return ((this.options.now() - this.lastPictureAt) * TS_CLOCK_HZ) / 1000;
  }
}
