import { open } from "node:fs/promises";
import { IMAGE_HEAD_BYTES, imageDemuxer } from "@stream-control/ffmpeg";

/** What a render says of an image source that is none. */
export const NO_IMAGE = "it is none of the images that are supported: PNG, JPEG, WebP, GIF, BMP";

/** The demuxer for the image at a path; undefined where there is none that is supported. */
export async function imageAt(path: string): Promise<string | undefined> {
  const file = await open(path).catch(() => undefined);
  try {
    const { buffer, bytesRead } = (await file?.read(Buffer.alloc(IMAGE_HEAD_BYTES), 0, IMAGE_HEAD_BYTES, 0)) ?? {};
    return buffer === undefined ? undefined : imageDemuxer(buffer.subarray(0, bytesRead));
  } finally {
    await file?.close();
  }
}
