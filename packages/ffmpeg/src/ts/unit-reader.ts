import { Buffer } from "node:buffer";
import { TS_PACKET_SIZE } from "./aligner.js";
import { beginsUnit, isRandomAccess, type PesHeader, payloadStart, pesHeader, pidOf, readTicks } from "./packet.js";
import { type StreamKind, TsTables } from "./tables.js";

/** One whole picture, or one whole stretch of sound, in its packets. */
export interface TsUnit {
  kind: StreamKind;
  pid: number;
  /** Whole packets, a copy of its own. */
  data: Buffer;
  /** Where the timestamps stand in the data. */
  header: PesHeader;
  /** Whether decoding can begin here; never for sound. */
  keyframe: boolean;
  pts: number;
  dts: number;
}

interface Growing {
  packets: Buffer[];
  header: PesHeader;
  kind: StreamKind;
  keyframe: boolean;
  bytes: number;
}

/** A unit that grows beyond this is broken. */
const MAX_UNIT_PACKETS = 200_000;

/**
 * Puts the packets of an MPEG-TS together to whole units, so that a stream that breaks off anywhere ends with a whole one.
 * A unit is given out when its header's length is reached; one whose header gives none when the next of its PID begins.
 */
export class TsUnitReader {
  readonly tables = new TsTables();
  private readonly growing = new Map<number, Growing>();

  /** @returns the units that a run of whole packets completed, in the order of their completion. */
  push(run: Buffer): TsUnit[] {
    const units: TsUnit[] = [];
    for (let at = 0; at + TS_PACKET_SIZE <= run.length; at += TS_PACKET_SIZE)
      this.take(run.subarray(at, at + TS_PACKET_SIZE), units);
    return units;
  }

  /** Gives out what waits for the beginning of the next; only right for a stream that ended as it should. */
  finish(): TsUnit[] {
    const units: TsUnit[] = [];
    for (const pid of [...this.growing.keys()]) this.complete(pid, units);
    return units;
  }

  private take(packet: Buffer, units: TsUnit[]): void {
    if (this.tables.push(packet)) return;
    const pid = pidOf(packet);
    const kind = this.tables.kindOf(pid);
    if (kind === undefined) return;
    if (beginsUnit(packet)) {
      this.complete(pid, units);
      const header = pesHeader(packet);
      if (header === undefined) return;
      const keyframe = kind === "video" && isRandomAccess(packet);
      this.growing.set(pid, { packets: [], header, kind, keyframe, bytes: 0 });
    }
    const unit = this.growing.get(pid);
    if (unit === undefined) return;
    unit.packets.push(packet);
    unit.bytes += TS_PACKET_SIZE - payloadStart(packet);
    if (unit.header.bytes !== undefined && unit.bytes >= unit.header.bytes) this.complete(pid, units);
    else if (unit.packets.length > MAX_UNIT_PACKETS) this.growing.delete(pid);
  }

  private complete(pid: number, units: TsUnit[]): void {
    const unit = this.growing.get(pid);
    this.growing.delete(pid);
    if (unit === undefined || unit.bytes < (unit.header.bytes ?? 0)) return;
    const { kind, keyframe, header } = unit;
    const data = Buffer.concat(unit.packets);
    const [pts, dts] = [readTicks(data, header.ptsAt), readTicks(data, header.dtsAt)];
    units.push({ kind, pid, data, header, keyframe, pts, dts });
  }
}
