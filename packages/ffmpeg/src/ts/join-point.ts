import type { Buffer } from "node:buffer";
import { TS_PACKET_SIZE, TsAligner } from "./aligner.js";
import { beginsUnit, isRandomAccess, pidOf } from "./packet.js";
import { TsTables } from "./tables.js";

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

  /** @returns runs of whole packets, which are part of the beginning from now on. */
  push(chunk: Buffer): Buffer[] {
    const runs = this.aligner.push(chunk);
    for (const run of runs) this.keep(run);
    return runs;
  }

  private keep(run: Buffer): void {
    let from = 0;
    for (let at = 0; at < run.length; at += TS_PACKET_SIZE) {
      const packet = run.subarray(at, at + TS_PACKET_SIZE);
      if (this.tables.push(packet) || !beginsUnit(packet) || !isRandomAccess(packet)) continue;
      const tables = this.tables.packets;
      if (tables === undefined || this.tables.kindOf(pidOf(packet)) !== "video") continue;
      this.kept = [tables];
      this.keptBytes = tables.length;
      from = at;
    }
    if (this.kept.length === 0) return;
    const rest = run.subarray(from);
    this.kept.push(rest);
    this.keptBytes += rest.length;
    if (this.keptBytes <= this.maxBytes) return;
    this.kept = [];
    this.keptBytes = 0;
  }
}
