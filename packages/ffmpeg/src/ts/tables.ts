import { Buffer } from "node:buffer";
import { TS_PACKET_SIZE } from "./aligner.js";
import { beginsUnit, hasPayload, payloadStart, pidOf } from "./packet.js";

/** Stream types with pictures (ISO/IEC 13818-1 table 2-34): MPEG-1, MPEG-2, MPEG-4, H.264, H.265. */
const VIDEO_STREAM_TYPES = new Set([0x01, 0x02, 0x10, 0x1b, 0x24]);
/** MPEG-1 and MPEG-2 sound, AAC with ADTS and with LATM, AC-3, E-AC-3. */
const AUDIO_STREAM_TYPES = new Set([0x03, 0x04, 0x0f, 0x11, 0x81, 0x87]);

export type StreamKind = "video" | "audio";

/**
 * Keeps the newest PAT and PMT of an MPEG-TS with one programme, and knows from them which PID carries what. Tables are
 * taken where they fit into one packet, as ffmpeg's always do.
 */
export class TsTables {
  private pat: Buffer | undefined;
  private pmt: Buffer | undefined;
  private pmtPid: number | undefined;
  private kinds = new Map<number, StreamKind>();

  /** PAT and PMT, one packet each, as a late reader needs them first; undefined until both were seen. */
  get packets(): Buffer | undefined {
    return this.pat && this.pmt ? Buffer.concat([this.pat, this.pmt]) : undefined;
  }

  /** What a PID carries; undefined for what is neither picture nor sound. */
  kindOf(pid: number): StreamKind | undefined {
    return this.kinds.get(pid);
  }

  /** @returns whether the packet belongs to a table. */
  push(packet: Buffer): boolean {
    const pid = pidOf(packet);
    if (pid !== 0 && pid !== this.pmtPid) return false;
    if (!beginsUnit(packet)) return true;
    if (pid === 0) {
      const found = programMapPid(packet);
      if (found !== undefined) {
        this.pmtPid = found;
        this.pat = Buffer.from(packet);
      }
    } else {
      const kinds = streamKinds(packet);
      if (kinds !== undefined) {
        this.kinds = kinds;
        this.pmt = Buffer.from(packet);
      }
    }
    return true;
  }
}

/** The table section in a packet that begins one, without its checksum; undefined where it is not whole. */
function sectionOf(packet: Buffer, tableId: number): Buffer | undefined {
  if (!hasPayload(packet)) return undefined;
  const payload = payloadStart(packet);
  if (payload >= TS_PACKET_SIZE) return undefined;
  const start = payload + 1 + packet.readUInt8(payload);
  if (start + 3 > TS_PACKET_SIZE || packet.readUInt8(start) !== tableId) return undefined;
  const end = start + 3 + (packet.readUInt16BE(start + 1) & 0x0fff);
  return end > TS_PACKET_SIZE || end - start < 12 ? undefined : packet.subarray(start, end - 4);
}

function programMapPid(packet: Buffer): number | undefined {
  const section = sectionOf(packet, 0x00);
  for (let at = 8; section !== undefined && at + 4 <= section.length; at += 4)
    // Programme 0 is the network table.
    if (section.readUInt16BE(at) !== 0) return section.readUInt16BE(at + 2) & 0x1fff;
  return undefined;
}

function streamKinds(packet: Buffer): Map<number, StreamKind> | undefined {
  const section = sectionOf(packet, 0x02);
  if (section === undefined || section.length < 12) return undefined;
  const kinds = new Map<number, StreamKind>();
  let at = 12 + (section.readUInt16BE(10) & 0x0fff);
  while (at + 5 <= section.length) {
    const type = section.readUInt8(at);
    const pid = section.readUInt16BE(at + 1) & 0x1fff;
    if (VIDEO_STREAM_TYPES.has(type)) kinds.set(pid, "video");
    else if (AUDIO_STREAM_TYPES.has(type)) kinds.set(pid, "audio");
    at += 5 + (section.readUInt16BE(at + 3) & 0x0fff);
  }
  return [...kinds.values()].includes("video") ? kinds : undefined;
}
