import type { Writable } from "node:stream";
import { TsSink, type TsSinkOptions } from "./sink.js";
import type { TsSegment } from "./splicer.js";

/** What a relay works with. */
export interface TsRelayOptions {
  /** Told when the source should pause, and when it should go on. */
  onHeldUp?: (heldUp: boolean) => void;
  /** Asked before anything is written. */
  mayWrite?: () => boolean;
}

/**
 * Carries the stream on air to any number of sinks, which come and go. No sink that drops can hold up the stream or
 * another sink; while one that blocks is full, the relay says so, and its owner pauses the source.
 */
export class TsRelay {
  private readonly sinks = new Set<TsSink>();
  private heldUp = false;

  constructor(private readonly options: TsRelayOptions = {}) {}

  push(segment: TsSegment): void {
    for (const sink of this.sinks) sink.write(segment);
    this.look();
  }

  /** Adds a reader; it gets the stream from the next keyframe on. */
  add(target: Writable, options: Omit<TsSinkOptions, "onRoom" | "mayWrite">): TsSink {
    const sink = new TsSink(target, { ...options, mayWrite: this.options.mayWrite, onRoom: () => this.look() });
    this.sinks.add(sink);
    return sink;
  }

  /** Takes a reader away without ending its stream. */
  remove(sink: TsSink): void {
    sink.close();
    this.sinks.delete(sink);
    this.look();
  }

  /** Ends every reader's stream after what still waits for it. */
  end(): void {
    for (const sink of this.sinks) sink.end();
  }

  private look(): void {
    const heldUp = [...this.sinks].some((sink) => sink.isFull);
    if (heldUp === this.heldUp) return;
    this.heldUp = heldUp;
    this.options.onHeldUp?.(heldUp);
  }
}
