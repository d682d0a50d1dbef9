import { createHash } from "node:crypto";

/** A picture of what a job sends out. */
export interface Snapshot {
  jpeg: Buffer;
  takenAt: string;
  etag: string;
}

const MAX_BYTES = 512 * 1024;
/** More often than this nobody needs a picture, whatever an agent sends. */
const SHORTEST_INTERVAL_MS = 400;
/** How each JPEG begins: start of image, and the first byte of its first marker (ITU-T T.81, B.1.1). */
const BEGINNING = Buffer.from([0xff, 0xd8, 0xff]);

/** The newest picture of each running job. It is not stored: the next one comes in some seconds. */
export class SnapshotBoard {
  private readonly byJob = new Map<string, Snapshot & { atMs: number }>();

  constructor(private readonly monotonic: () => number) {}

  /** @returns whether it was taken: a JPEG of a bearable size that does not come too soon after the last. */
  set(jobId: string, base64: string, takenAt: string): boolean {
    const atMs = this.monotonic();
    if (atMs - (this.byJob.get(jobId)?.atMs ?? Number.NEGATIVE_INFINITY) < SHORTEST_INTERVAL_MS) return false;
    const jpeg = Buffer.from(base64, "base64");
    if (jpeg.length > MAX_BYTES || !jpeg.subarray(0, BEGINNING.length).equals(BEGINNING)) return false;
    const etag = `"${createHash("sha1").update(jpeg).digest("base64url")}"`;
    this.byJob.set(jobId, { jpeg, takenAt, etag, atMs });
    return true;
  }

  get(jobId: string): Snapshot | undefined {
    return this.byJob.get(jobId);
  }

  forget(jobId: string): void {
    this.byJob.delete(jobId);
  }
}
