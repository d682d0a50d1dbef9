import type { StreamConfig } from "@stream-control/protocol";

/** Length of the intervals whose peaks are measured. */
export const LEVEL_INTERVAL_MS = 100;
/** Pictures that change less than this count as one; every freeze is told, how long it must be is the reader's to say. */
const FREEZE = "freezedetect=n=-60dB:d=0.5";
const BLACK = "blackdetect=d=0.1:pic_th=0.98:pix_th=0.10";

/**
 * The arguments of a program that looks at the outgoing MPEG-TS on its standard input as a viewer would: JPEG pictures of
 * the keyframes, one after the other, come on standard output; what it sees and hears comes as metadata lines on
 * descriptor 4. Only keyframes are decoded, so that it costs next to nothing.
 */
export function viewerArguments({ monitoring, audio }: Pick<StreamConfig, "monitoring" | "audio">): string[] {
  const print = "metadata=mode=print:file=pipe\\\\:4:direct=1";
  const samples = Math.round((audio.sampleRateHz * LEVEL_INTERVAL_MS) / 1000);
  const picture = [
    // JPEG is full range.
    `scale=-2:${monitoring.pictureHeight}:flags=fast_bilinear:out_range=full`,
    "format=yuv420p",
    ...[BLACK, FREEZE, print],
    // As if keyframes followed each other without a gap: otherwise the gap would be filled with copies.
    "setpts=N/(FRAME_RATE*TB)",
  ];
  const sound = [
    `asetnsamples=n=${samples}:p=0`,
    "astats=metadata=1:reset=1:measure_perchannel=Peak_level+RMS_level:measure_overall=none",
    `a${print}`,
  ];
  return [
    ...["-hide_banner", "-loglevel", "level+warning", "-nostats"],
    // One thread, because a second one would hold each picture back until the next.
    ...["-threads", "1", "-skip_frame", "nokey", "-flags", "low_delay", "-filter_threads", "1"],
    ...["-analyzeduration", "1000000", "-probesize", "1000000"],
    ...["-protocol_whitelist", "pipe", "-f", "mpegts", "-i", "pipe:0"],
    ...["-map", "0:v:0", "-vf", picture.join(","), "-c:v", "mjpeg", "-threads", "1", "-q:v", "6"],
    // For the limited set of pixel formats that newer versions call strict JPEG.
    ...["-strict", "unofficial", "-flush_packets", "1", "-protocol_whitelist", "pipe", "-f", "image2pipe", "pipe:1"],
    ...["-map", "0:a:0", "-af", sound.join(","), "-f", "null", "-"],
  ];
}
