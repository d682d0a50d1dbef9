import type { Buffer } from "node:buffer";
import type { Readable } from "node:stream";
import { TsAligner } from "./aligner.js";
import { ticksBetween } from "./packet.js";
import { type TsUnit, TsUnitReader } from "./unit-reader.js";

/** Bytes that are kept of a stream that is not on air; a longer group of pictures can't be joined in its middle. */
const MAX_HELD_BYTES = 16 * 1024 * 1024;

/** What a feed tells. */
export interface TsFeedHandlers {
  /** A picture arrived. */
  onFrame?: (() => void) | undefined;
  /** Off air nothing is asked of the answer; on air the unit is written. */
  onUnit: (feed: TsFeed, unit: TsUnit) => void;
}

/**
 * One encoder's MPEG-TS, on air or not. While it is not, the units since its newest keyframe are held, so that it can be
 * taken from there.
 */
export class TsFeed {
  private readonly aligner = new TsAligner();
  private readonly reader = new TsUnitReader();
  private held: TsUnit[] = [];
  private heldBytes = 0;
  private holding = true;
  private closed = false;

  constructor(
    readonly source: Readable,
    private readonly handlers: TsFeedHandlers,
  ) {
    source.on("data", (chunk: Buffer) => {
      for (const run of this.aligner.push(chunk)) this.take(this.reader.push(run));
    });
    source.on("error", () => {});
  }

  get tables(): Buffer | undefined {
    return this.reader.tables.packets;
  }

  /** Ticks from the held keyframe to the newest held picture; undefined where none is held. */
  get heldTicks(): number | undefined {
    const [first] = this.held;
    const last = this.held.findLast(({ kind }) => kind === "video");
    return first === undefined || last === undefined ? undefined : ticksBetween(first.dts, last.dts);
  }

  /** Stops holding. @returns what was held, beginning with a keyframe. */
  release(): TsUnit[] {
    const held = this.held;
    this.forget();
    this.holding = false;
    return held;
  }

  /** Begins to hold again, from the next keyframe on. */
  hold(): void {
    this.forget();
    this.holding = true;
  }

  /** The encoder ended as it should: what it wrote last is whole. */
  finish(): void {
    this.take(this.reader.finish());
  }

  /** Nothing of it is wanted any more. It is read on, so that its process can end. */
  close(): void {
    this.closed = true;
    this.forget();
    this.source.resume();
  }

  private take(units: readonly TsUnit[]): void {
    for (const unit of units) {
      if (this.closed) return;
      this.handlers.onUnit(this, unit);
      if (this.holding) this.keep(unit);
      if (unit.kind === "video") this.handlers.onFrame?.();
    }
  }

  private keep(unit: TsUnit): void {
    if (unit.keyframe) this.forget();
    else if (this.held.length === 0) return;
    this.held.push(unit);
    this.heldBytes += unit.data.length;
    if (this.heldBytes > MAX_HELD_BYTES) this.forget();
  }

  /** Throws away what is held, so that it can only be joined at a keyframe to come. */
  forgetHeld(): void {
    this.forget();
  }

  private forget(): void {
    this.held = [];
    this.heldBytes = 0;
  }
}
