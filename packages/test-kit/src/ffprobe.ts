import { z } from "zod";
import { run } from "./run.js";

const streamSchema = z.object({
  codec_type: z.string(),
  codec_name: z.string().optional(),
  profile: z.string().optional(),
  pix_fmt: z.string().optional(),
  width: z.int().optional(),
  height: z.int().optional(),
  sample_aspect_ratio: z.string().optional(),
  r_frame_rate: z.string().optional(),
  avg_frame_rate: z.string().optional(),
  sample_rate: z.string().optional(),
  channels: z.int().optional(),
  duration: z.string().optional(),
});
const probedSchema = z.object({
  streams: z.array(streamSchema),
  format: z.object({ format_name: z.string(), duration: z.string().optional() }),
});
export type ProbedMedia = z.infer<typeof probedSchema>;
export type ProbedStream = z.infer<typeof streamSchema>;

/**
 * Streams and format of a file or a live address.
 *
 * @throws with ffprobe's own words when the input can't be read.
 */
export async function ffprobe(input: string, args: readonly string[] = [], deadlineMs = 30_000): Promise<ProbedMedia> {
  const result = await run(
    "ffprobe",
    ["-v", "error", "-show_streams", "-show_format", "-of", "json", ...args, "-i", input],
    { deadlineMs },
  );
  if (result.code !== 0) throw new Error(`ffprobe can't read ${input}: ${result.stderr}`);
  return probedSchema.parse(JSON.parse(result.stdout));
}

/** The one stream of a kind. @throws where there is none. */
export function streamOf(media: ProbedMedia, type: "video" | "audio"): ProbedStream {
  const stream = media.streams.find((candidate) => candidate.codec_type === type);
  if (stream === undefined) throw new Error(`There is no ${type} stream.`);
  return stream;
}

const packetsSchema = z.object({
  packets: z.array(z.object({ pts_time: z.string().optional(), flags: z.string() })),
});

/** A video packet: when it is shown, in seconds, and whether decoding can begin there. */
export interface VideoPacket {
  time: number;
  key: boolean;
}

/**
 * The video packets of a file, or of the first seconds of a live address, in the order of the stream.
 *
 * @param seconds how much to read; all of it unless given.
 */
export async function videoPackets(input: string, seconds?: number, deadlineMs = 60_000): Promise<VideoPacket[]> {
  const interval = seconds === undefined ? [] : ["-read_intervals", `%+${seconds}`];
  const result = await run(
    "ffprobe",
    ["-v", "error", "-select_streams", "v:0", "-show_entries", "packet=pts_time,flags", "-of", "json"].concat(
      interval,
      ["-i", input],
    ),
    { deadlineMs },
  );
  if (result.code !== 0) throw new Error(`ffprobe can't read ${input}: ${result.stderr}`);
  return packetsSchema
    .parse(JSON.parse(result.stdout))
    .packets.flatMap(({ pts_time, flags }) =>
      pts_time === undefined ? [] : [{ time: Number(pts_time), key: flags.startsWith("K") }],
    );
}

/** Seconds between each keyframe and the next, to the millisecond. */
export function keyframeDistances(packets: readonly VideoPacket[]): number[] {
  const keys = packets.filter(({ key }) => key).map(({ time }) => time);
  return keys.slice(1).map((time, index) => Math.round((time - (keys[index] ?? 0)) * 1000) / 1000);
}

/** Seconds between each picture and the next in the order of display, to the millisecond: a gap shows as a large one. */
export function frameDistances(packets: readonly VideoPacket[]): number[] {
  const times = packets.map(({ time }) => time).sort((a, b) => a - b);
  return times.slice(1).map((time, index) => Math.round((time - (times[index] ?? 0)) * 1000) / 1000);
}
