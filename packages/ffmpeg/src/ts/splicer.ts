import { Buffer } from "node:buffer";
import { TS_PACKET_SIZE } from "./aligner.js";
import {
  hasPayload,
  pidOf,
  setContinuity,
  shiftClock,
  TS_CLOCK_HZ,
  ticksBetween,
  wrapTicks,
  writeTicks,
} from "./packet.js";
import type { TsUnit } from "./unit-reader.js";

/** A piece of the spliced stream, whole units only. */
export interface TsSegment {
  data: Buffer;
  /** Whether a reader can begin with it: the tables stand first, then a picture at which decoding can start. */
  keyframe: boolean;
}

/** What the splicer has to know of the streams, which all are encoded alike. */
export interface TsSplicerOptions {
  fps: number;
  sampleRateHz: number;
}

/** Samples of one AAC frame. */
const AAC_FRAME_SAMPLES = 1024;

/**
 * Writes ONE continuous MPEG-TS out of several that follow each other. At a cut, one difference moves all timestamps of
 * the new stream (so picture and sound stay together) behind the last ones sent; continuity counters go on; sound that
 * would lie before what was already sent is left out. Times wrap at 33 bits and are compared the short way round.
 */
export class TsSplicer {
  private readonly frameTicks: number;
  private readonly soundTicks: number;
  private readonly counters = new Map<number, number>();
  private delta = 0;
  private lastDts: number | undefined;
  private highestPts = 0;
  private lastSound: number | undefined;
  private sentPictures = 0;
  private sentTicks = 0;

  constructor({ fps, sampleRateHz }: TsSplicerOptions) {
    this.frameTicks = Math.round(TS_CLOCK_HZ / fps);
    this.soundTicks = (AAC_FRAME_SAMPLES * TS_CLOCK_HZ) / sampleRateHz;
  }

  /** Pictures written so far. */
  get pictures(): number {
    return this.sentPictures;
  }
  /** Length of the pictures written so far. */
  get lengthTicks(): number {
    return this.sentTicks;
  }

  /**
   * Goes on with another stream, whose first picture is given.
   *
   * @param advanceTicks wanted distance between the last picture sent and this one; at least one frame in any case.
   */
  cut(first: Pick<TsUnit, "pts" | "dts">, advanceTicks = 0): void {
    if (this.lastDts === undefined) return;
    const wanted = wrapTicks(this.lastDts + Math.max(this.frameTicks, Math.round(advanceTicks)));
    this.delta = wrapTicks(wanted - first.dts);
    // With B-frames a picture may have been sent that is shown later than the next one decoded.
    const shown = ticksBetween(this.highestPts, wrapTicks(first.pts + this.delta));
    if (shown < this.frameTicks) this.delta = wrapTicks(this.delta + this.frameTicks - shown);
  }

  /**
   * The next unit of the present stream, rewritten in place.
   *
   * @param tables the stream's PAT and PMT, which are put before a keyframe.
   * @returns undefined where it has to be left out.
   */
  write(unit: TsUnit, tables: Buffer | undefined): TsSegment | undefined {
    const pts = wrapTicks(unit.pts + this.delta);
    const dts = wrapTicks(unit.dts + this.delta);
    if (!this.accept(unit, pts, dts)) return undefined;
    const { data, header } = unit;
    writeTicks(data, header.ptsAt, pts);
    if (header.dtsAt !== header.ptsAt) writeTicks(data, header.dtsAt, dts);
    const whole = unit.keyframe && tables !== undefined ? Buffer.concat([tables, data]) : data;
    for (let at = 0; at < whole.length; at += TS_PACKET_SIZE) this.number(whole.subarray(at, at + TS_PACKET_SIZE));
    return { data: whole, keyframe: unit.keyframe && tables !== undefined };
  }

  private accept(unit: TsUnit, pts: number, dts: number): boolean {
    if (unit.kind === "audio") {
      if (this.lastSound !== undefined && ticksBetween(this.lastSound, pts) < this.soundTicks / 2) return false;
      this.lastSound = pts;
      return true;
    }
    if (this.lastDts !== undefined && ticksBetween(this.lastDts, dts) <= 0) return false;
    if (this.lastDts === undefined || ticksBetween(this.highestPts, pts) > 0) this.highestPts = pts;
    this.sentPictures += 1;
    this.sentTicks += this.lastDts === undefined ? this.frameTicks : ticksBetween(this.lastDts, dts);
    this.lastDts = dts;
    return true;
  }

  private number(packet: Buffer): void {
    const pid = pidOf(packet);
    shiftClock(packet, this.delta);
    const last = this.counters.get(pid) ?? 15;
    const next = hasPayload(packet) ? (last + 1) & 0x0f : last;
    setContinuity(packet, next);
    this.counters.set(pid, next);
  }
}
