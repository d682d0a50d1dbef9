/** Markers of ITU-T T.81, Annex B. */
const SOI = 0xd8;
const EOI = 0xd9;
const SOS = 0xda;
/** A picture that is longer is no picture. */
const MAX_BYTES = 4 * 1024 * 1024;

/** Cuts a stream of JPEG files, one after the other, into the files. */
export class JpegSplitter {
  private held: Buffer = Buffer.alloc(0);
  /** How far the held bytes have been read, always at a marker or within coded data. */
  private at = 0;
  private inScan = false;

  /** @returns the files that are whole now. */
  push(chunk: Buffer): Buffer[] {
    this.held = this.held.length === 0 ? chunk : Buffer.concat([this.held, chunk]);
    const files: Buffer[] = [];
    for (let file = this.next(); file !== undefined; file = this.next()) files.push(file);
    if (this.held.length > MAX_BYTES) this.drop(this.held.length);
    return files;
  }

  private next(): Buffer | undefined {
    if (this.at === 0 && !this.findStart()) return undefined;
    for (;;) {
      const end = this.inScan ? this.skipScan() : this.skipSegment();
      if (end === "more") return undefined;
      if (end === "broken") {
        this.drop(2);
        if (!this.findStart()) return undefined;
      }
      if (end === "end") {
        const file = this.held.subarray(0, this.at);
        this.drop(this.at);
        return file;
      }
    }
  }

  /** Forgets what stands before the next file. */
  private findStart(): boolean {
    const start = this.held.indexOf(Buffer.from([0xff, SOI]));
    // Its first byte may be the last that is there.
    this.drop(start === -1 ? Math.max(0, this.held.length - 1) : start);
    if (start === -1) return false;
    this.at = 2;
    return true;
  }

  /** Past one segment, whose length stands in it. */
  private skipSegment(): "on" | "more" | "end" | "broken" {
    if (this.held.length < this.at + 2) return "more";
    if (this.held[this.at] !== 0xff) return "broken";
    const marker = this.held[this.at + 1];
    if (marker === EOI) {
      this.at += 2;
      return "end";
    }
    if (this.held.length < this.at + 4) return "more";
    const length = this.held.readUInt16BE(this.at + 2);
    if (length < 2) return "broken";
    if (this.held.length < this.at + 2 + length) return "more";
    this.at += 2 + length;
    this.inScan = marker === SOS;
    return "on";
  }

  /** To the next marker after coded data, in which 0xff is followed by 0 or by a restart marker. */
  private skipScan(): "on" | "more" {
    for (;;) {
      const mark = this.held.indexOf(0xff, this.at);
      if (mark === -1 || mark + 1 >= this.held.length) {
        this.at = mark === -1 ? this.held.length : mark;
        return "more";
      }
      const code = this.held[mark + 1] ?? 0;
      if (code !== 0 && code !== 0xff && (code < 0xd0 || code > 0xd7)) {
        this.at = mark;
        this.inScan = false;
        return "on";
      }
      this.at = mark + (code === 0xff ? 1 : 2);
    }
  }

  private drop(bytes: number): void {
    this.held = this.held.subarray(bytes);
    this.at = 0;
    this.inScan = false;
  }
}
