/** How an image begins, and the demuxer that reads it and nothing else: one that is chosen by name follows no pattern in a path. */
const BEGINNINGS: readonly { demuxer: string; at: number; bytes: Buffer }[] = [
  { demuxer: "png_pipe", at: 0, bytes: Buffer.from("89504e470d0a1a0a", "hex") },
  { demuxer: "jpeg_pipe", at: 0, bytes: Buffer.from("ffd8ff", "hex") },
  { demuxer: "webp_pipe", at: 8, bytes: Buffer.from("WEBP") },
  { demuxer: "gif", at: 0, bytes: Buffer.from("GIF8") },
  { demuxer: "bmp_pipe", at: 0, bytes: Buffer.from("BM") },
];

/** Bytes of a file that {@link imageDemuxer} has to see. */
export const IMAGE_HEAD_BYTES = 16;

/**
 * The demuxer for an image, by how it begins: PNG, JPEG, WebP, GIF (its first picture) or BMP.
 *
 * @returns undefined for anything else.
 */
export const imageDemuxer = (head: Buffer): string | undefined =>
  BEGINNINGS.find(({ at, bytes }) => head.subarray(at, at + bytes.length).equals(bytes))?.demuxer;
