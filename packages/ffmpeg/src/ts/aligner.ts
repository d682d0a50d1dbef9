import { Buffer } from "node:buffer";

/** Bytes of one MPEG-TS packet (ISO/IEC 13818-1, 2.4.3.2). */
export const TS_PACKET_SIZE = 188;
/** First byte of every packet. */
export const TS_SYNC_BYTE = 0x47;

/** Cuts a byte stream into whole MPEG-TS packets; what does not belong to one is skipped and counted. */
export class TsAligner {
  private rest: Buffer = Buffer.alloc(0);
  private skipped = 0;

  /** Bytes that belonged to no packet. */
  get skippedBytes(): number {
    return this.skipped;
  }

  /** @returns runs of whole packets, in order, each a view of the input where possible. */
  push(chunk: Buffer): Buffer[] {
    const data = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    const runs: Buffer[] = [];
    let start = 0;
    let position = 0;
    while (data.length - position >= TS_PACKET_SIZE) {
      if (data[position] === TS_SYNC_BYTE) {
        position += TS_PACKET_SIZE;
        continue;
      }
      if (position > start) runs.push(data.subarray(start, position));
      const next = this.findSync(data, position + 1);
      this.skipped += next - position;
      position = next;
      start = next;
    }
    if (position > start) runs.push(data.subarray(start, position));
    // A copy, so that a few bytes do not keep a whole chunk alive.
    this.rest = Buffer.from(data.subarray(position));
    return runs;
  }

  /** A sync byte counts when another follows one packet later, or when that place is not there yet. */
  private findSync(data: Buffer, from: number): number {
    let at = data.indexOf(TS_SYNC_BYTE, from);
    while (at >= 0) {
      const following = data[at + TS_PACKET_SIZE];
      if (following === undefined || following === TS_SYNC_BYTE) return at;
      at = data.indexOf(TS_SYNC_BYTE, at + 1);
    }
    return data.length;
  }
}
