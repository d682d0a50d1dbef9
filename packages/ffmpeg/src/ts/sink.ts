import type { Buffer } from "node:buffer";
import type { Writable } from "node:stream";
import type { TsSegment } from "./splicer.js";

/** What a sink does when its reader is too slow. */
export type OverflowPolicy = "drop" | "block";

/** Settings of one sink. */
export interface TsSinkOptions {
  /** `drop` throws the queue away and goes on at the next keyframe; `block` keeps everything and asks for a pause. */
  policy: OverflowPolicy;
  /** Bytes that may wait. */
  maxBytes: number;
  /** Asked before anything is written. */
  mayWrite?: (() => boolean) | undefined;
  /** Called each time a blocking sink has room again. */
  onRoom?: () => void;
  /** Called once, when the reader gets its first bytes. */
  onBegin?: () => void;
}

/**
 * One reader of the relay, such as a sender's standard input. It begins with a keyframe, whenever it comes, and again after
 * every loss.
 */
export class TsSink {
  private queue: Buffer[] = [];
  private waiting = 0;
  private dropped = 0;
  private needsKeyframe = true;
  private begun = false;
  private blocked = false;
  private ended = false;
  private closed = false;

  constructor(
    private readonly target: Writable,
    private readonly options: TsSinkOptions,
  ) {
    target.on("drain", () => {
      this.blocked = false;
      this.flush();
    });
    target.on("close", () => this.close());
  }

  /** Bytes that were thrown away because the reader was too slow. */
  get droppedBytes(): number {
    return this.dropped;
  }

  /** Whether a blocking sink wants the source to pause. */
  get isFull(): boolean {
    return !this.closed && this.options.policy === "block" && this.waiting >= this.options.maxBytes;
  }

  write(segment: TsSegment): void {
    if (this.ended || this.closed) return;
    if (this.needsKeyframe) {
      if (!segment.keyframe) return;
      this.needsKeyframe = false;
      if (!this.begun) this.options.onBegin?.();
      this.begun = true;
    }
    this.add(segment.data);
    if (this.options.policy === "drop" && this.waiting > this.options.maxBytes) this.drop();
    this.flush();
  }

  /** Lets the reader have what waits, then ends its stream. */
  end(): void {
    this.ended = true;
    this.flush();
  }

  /** Forgets everything; the reader is gone. */
  close(): void {
    const wasFull = this.isFull;
    this.closed = true;
    this.queue = [];
    this.waiting = 0;
    if (wasFull) this.options.onRoom?.();
  }

  private add(data: Buffer): void {
    this.queue.push(data);
    this.waiting += data.length;
  }

  private drop(): void {
    this.dropped += this.waiting;
    this.queue = [];
    this.waiting = 0;
    this.needsKeyframe = true;
  }

  private flush(): void {
    if (this.closed || this.options.mayWrite?.() === false) return;
    const wasFull = this.isFull;
    while (!this.blocked) {
      const data = this.queue.shift();
      if (data === undefined) break;
      this.waiting -= data.length;
      this.blocked = !this.target.write(data);
    }
    if (wasFull && !this.isFull) this.options.onRoom?.();
    if (this.ended && this.queue.length === 0 && !this.target.writableEnded) this.target.end();
  }
}
