import { z } from "zod";
import { type RunOptions, runToEnd } from "./run.js";

const answerSchema = z.object({
  streams: z.array(
    z.object({
      codec_type: z.string(),
      width: z.number().optional(),
      height: z.number().optional(),
      nb_read_packets: z.coerce.number().optional(),
    }),
  ),
  format: z.object({ duration: z.coerce.number().optional() }).optional(),
});

/** What a finished file really holds. */
export interface ResultFacts {
  width: number;
  height: number;
  /** Pictures, counted by reading all of the file. */
  frames: number;
  hasSound: boolean;
  /** Absent where its container does not say. */
  durationSeconds?: number;
}

/** How ffprobe is run. */
export interface ProbeResultOptions extends Omit<RunOptions, "onOutput"> {
  ffprobePath: string;
}

/**
 * Reads a finished file from its beginning to its end, without decoding it.
 *
 * @returns undefined for a file without pictures, or that can't be read. Never rejects.
 */
export async function probeResult(
  path: string,
  { ffprobePath, ...options }: ProbeResultOptions,
): Promise<ResultFacts | undefined> {
  const { stdout, code } = await runToEnd(
    ffprobePath,
    [
      ...["-v", "error", "-protocol_whitelist", "file", "-count_packets"],
      ...["-show_entries", "stream=codec_type,width,height,nb_read_packets:format=duration"],
      ...["-of", "json", `file:${path}`],
    ],
    options,
  );
  if (code !== 0) return undefined;
  let answer: unknown;
  try {
    answer = JSON.parse(stdout);
  } catch {
    return undefined;
  }
  const { streams = [], format } = answerSchema.safeParse(answer).data ?? {};
  const picture = streams.find(({ codec_type }) => codec_type === "video");
  if (picture?.width === undefined || picture.height === undefined) return undefined;
  const sound = streams.find(({ codec_type }) => codec_type === "audio");
  return {
    ...{ width: picture.width, height: picture.height, frames: picture.nb_read_packets ?? 0 },
    hasSound: (sound?.nb_read_packets ?? 0) > 0,
    ...(format?.duration === undefined ? {} : { durationSeconds: format.duration }),
  };
}
