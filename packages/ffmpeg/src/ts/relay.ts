import type { Buffer } from "node:buffer";
import type { Readable, Writable } from "node:stream";
import { TsAligner } from "./aligner.js";
import { TsInspector } from "./inspector.js";
import { TsSink, type TsSinkOptions } from "./sink.js";

/**
 * Carries the MPEG-TS of the program on air to any number of sinks, which come and go. No sink that drops can hold up the
 * program or another sink; one that blocks pauses the program until it has room.
 */
export class TsRelay {
  private readonly aligner = new TsAligner();
  private readonly inspector = new TsInspector();
  private readonly sinks = new Set<TsSink>();
  private source: Readable | undefined;

  /** @param onKeyframe called for every keyframe that passes. */
  constructor(private readonly onKeyframe: () => void = () => {}) {}

  /** Bytes that were no part of a packet. */
  get skippedBytes(): number {
    return this.aligner.skippedBytes;
  }

  /** Reads from the program's standard output from now on. */
  connect(source: Readable): void {
    this.source = source;
    source.on("data", (chunk: Buffer) => this.push(chunk));
    source.on("error", () => {});
  }

  /** Adds a reader; it gets the tables and then the stream from the next keyframe on. */
  add(target: Writable, options: Omit<TsSinkOptions, "onRoom">): TsSink {
    const sink = new TsSink(target, { ...options, onRoom: () => this.resumeIfRoom() });
    this.sinks.add(sink);
    return sink;
  }

  /** Takes a reader away without ending its stream. */
  remove(sink: TsSink): void {
    sink.close();
    this.sinks.delete(sink);
    this.resumeIfRoom();
  }

  /** Ends every reader's stream after what still waits for it. */
  end(): void {
    for (const sink of this.sinks) sink.end();
  }

  private push(chunk: Buffer): void {
    for (const run of this.aligner.push(chunk))
      for (const segment of this.inspector.push(run)) {
        const tables = this.inspector.tables;
        if (segment.keyframe) this.onKeyframe();
        for (const sink of this.sinks) sink.write(segment, tables);
      }
    if (this.isHeldUp()) this.source?.pause();
  }

  private isHeldUp(): boolean {
    return [...this.sinks].some((sink) => sink.isFull);
  }

  private resumeIfRoom(): void {
    if (this.source?.isPaused() === true && !this.isHeldUp()) this.source.resume();
  }
}
