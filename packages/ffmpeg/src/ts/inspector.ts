import { Buffer } from "node:buffer";
import { TS_PACKET_SIZE } from "./aligner.js";

/** A run of packets. */
export interface TsSegment {
  data: Buffer;
  /** Whether the first packet begins a picture at which decoding can start. */
  keyframe: boolean;
}

/** Stream types with pictures (ISO/IEC 13818-1 table 2-34): MPEG-1, MPEG-2, MPEG-4, H.264, H.265. */
const VIDEO_STREAM_TYPES = new Set([0x01, 0x02, 0x10, 0x1b, 0x24]);
const NO_PID = -1;

/**
 * Reads just enough of an MPEG-TS: the tables, of which it keeps the newest, and where decoding can begin (the random
 * access indicator on the video's packets). Tables are taken where they fit into one packet, as ffmpeg's always do for
 * one programme.
 */
export class TsInspector {
  private patPacket: Buffer | undefined;
  private pmtPacket: Buffer | undefined;
  private pmtPid = NO_PID;
  private videoPid = NO_PID;

  /** PAT and PMT, as a late reader needs them first; undefined until both were seen. */
  get tables(): Buffer | undefined {
    return this.patPacket && this.pmtPacket ? Buffer.concat([this.patPacket, this.pmtPacket]) : undefined;
  }

  /** Cuts a run of whole packets before every keyframe. */
  push(packets: Buffer): TsSegment[] {
    const segments: TsSegment[] = [];
    let start = 0;
    let keyframe = false;
    for (let at = 0; at + TS_PACKET_SIZE <= packets.length; at += TS_PACKET_SIZE) {
      if (!this.inspect(packets.subarray(at, at + TS_PACKET_SIZE))) continue;
      if (at > start) segments.push({ data: packets.subarray(start, at), keyframe });
      start = at;
      keyframe = true;
    }
    if (start < packets.length) segments.push({ data: packets.subarray(start), keyframe });
    return segments;
  }

  /** @returns whether the packet begins a keyframe. */
  private inspect(packet: Buffer): boolean {
    const pid = packet.readUInt16BE(1) & 0x1fff;
    const begins = (packet.readUInt8(1) & 0x40) !== 0;
    if (!begins) return false;
    if (pid === 0) {
      const found = programMapPid(packet);
      if (found !== NO_PID) {
        this.pmtPid = found;
        this.patPacket = Buffer.from(packet);
      }
    } else if (pid === this.pmtPid) {
      const found = videoPidOf(packet);
      if (found !== NO_PID) {
        this.videoPid = found;
        this.pmtPacket = Buffer.from(packet);
      }
    }
    return pid === this.videoPid && isRandomAccess(packet);
  }
}

/** The adaptation field is there, is not empty, and its second flag is set. */
function isRandomAccess(packet: Buffer): boolean {
  const hasAdaptation = (packet.readUInt8(3) & 0x20) !== 0;
  return hasAdaptation && packet.readUInt8(4) > 0 && (packet.readUInt8(5) & 0x40) !== 0;
}

/** The table section in a packet that begins one, without its checksum; undefined where it is not whole. */
function sectionOf(packet: Buffer, tableId: number): Buffer | undefined {
  const control = packet.readUInt8(3);
  if ((control & 0x10) === 0) return undefined;
  const payload = (control & 0x20) === 0 ? 4 : 5 + packet.readUInt8(4);
  if (payload >= TS_PACKET_SIZE) return undefined;
  const start = payload + 1 + packet.readUInt8(payload);
  if (start + 3 > TS_PACKET_SIZE || packet.readUInt8(start) !== tableId) return undefined;
  const end = start + 3 + (packet.readUInt16BE(start + 1) & 0x0fff);
  return end > TS_PACKET_SIZE || end - start < 12 ? undefined : packet.subarray(start, end - 4);
}

function programMapPid(packet: Buffer): number {
  const section = sectionOf(packet, 0x00);
  for (let at = 8; section !== undefined && at + 4 <= section.length; at += 4)
    // Programme 0 is the network table.
    if (section.readUInt16BE(at) !== 0) return section.readUInt16BE(at + 2) & 0x1fff;
  return NO_PID;
}

function videoPidOf(packet: Buffer): number {
  const section = sectionOf(packet, 0x02);
  if (section === undefined || section.length < 12) return NO_PID;
  let at = 12 + (section.readUInt16BE(10) & 0x0fff);
  while (at + 5 <= section.length) {
    if (VIDEO_STREAM_TYPES.has(section.readUInt8(at))) return section.readUInt16BE(at + 1) & 0x1fff;
    at += 5 + (section.readUInt16BE(at + 3) & 0x0fff);
  }
  return NO_PID;
}
