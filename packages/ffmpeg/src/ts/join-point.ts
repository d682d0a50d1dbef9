import type { Buffer } from "node:buffer";
import { TS_PACKET_SIZE, TsAligner } from "./aligner.js";
import { beginsUnit, isRandomAccess, pidOf } from "./packet.js";
import { TsTables } from "./tables.js";

/** Some whole packets of a stream, and where in them somebody can begin or leave off. */
export interface TsRun {
  data: Buffer;
  /** Whether a keyframe begins in it: the beginning is a new one. */
  keyframe: boolean;
  /** Where its last picture begins: what stands before that is whole. Undefined where none begins. */
  wholeTo: number | undefined;
}

/**
 * Keeps an MPEG-TS since its newest keyframe, so that somebody who comes later can begin there at once. Bytes pass through as they
 * are; those that belong to no packet are left out.
 */
export class TsJoinPoint {
  private readonly aligner = new TsAligner();
  private readonly tables = new TsTables();
  private kept: Buffer[] = [];
  private keptBytes = 0;

  /** @param maxBytes that are kept; what follows a keyframe for longer can't be joined before the next one. */
  constructor(private readonly maxBytes: number) {}

  /** Tables, the newest keyframe and all that followed it; empty before the first one. */
  get beginning(): readonly Buffer[] {
    return this.kept;
  }

  /** @returns what came, all of which is part of the beginning from now on. */
  push(chunk: Buffer): TsRun[] {
    return this.aligner.push(chunk).map((run) => this.keep(run));
  }

  private keep(data: Buffer): TsRun {
    let from = 0;
    let wholeTo: number | undefined;
    let keyframe = false;
    for (let at = 0; at < data.length; at += TS_PACKET_SIZE) {
      const packet = data.subarray(at, at + TS_PACKET_SIZE);
      if (this.tables.push(packet) || !beginsUnit(packet) || this.tables.kindOf(pidOf(packet)) !== "video") continue;
      wholeTo = at;
      const tables = this.tables.packets;
      if (tables === undefined || !isRandomAccess(packet)) continue;
      this.kept = [tables];
      this.keptBytes = tables.length;
      keyframe = true;
      from = at;
    }
    if (this.kept.length > 0) this.add(data.subarray(from));
    return { data, keyframe: keyframe && this.kept.length > 0, wholeTo };
  }

  private add(data: Buffer): void {
    this.kept.push(data);
    this.keptBytes += data.length;
    if (this.keptBytes <= this.maxBytes) return;
    this.kept = [];
    this.keptBytes = 0;
  }
}
