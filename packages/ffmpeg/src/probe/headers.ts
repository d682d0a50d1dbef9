import { z } from "zod";
import { type RunOptions, runToEnd } from "./run.js";

const answerSchema = z.object({
  streams: z.array(
    z.object({
      codec_name: z.string(),
      width: z.number(),
      height: z.number(),
      pix_fmt: z.string().optional(),
      extradata_hash: z.string().optional(),
    }),
  ),
});

/** How ffprobe is run. */
export interface ProbeHeadersOptions extends Omit<RunOptions, "onOutput"> {
  ffprobePath: string;
}

/**
 * What a decoder is told before the first picture of a file: the same words for files whose pictures may follow each other in one.
 *
 * @returns an empty string for a file without pictures, or that can't be read. Never rejects.
 */
export async function probeStreamHeaders(
  path: string,
  { ffprobePath, ...options }: ProbeHeadersOptions,
): Promise<string> {
  const { stdout, code } = await runToEnd(
    ffprobePath,
    [
      ...["-v", "error", "-protocol_whitelist", "file", "-select_streams", "v:0", "-show_data_hash", "sha256"],
      ...["-show_entries", "stream=codec_name,width,height,pix_fmt,extradata_hash", "-of", "json", `file:${path}`],
    ],
    options,
  );
  const [stream] = code === 0 ? (answerSchema.safeParse(parsed(stdout)).data?.streams ?? []) : [];
  return stream === undefined ? "" : JSON.stringify(Object.entries(stream).sort());
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
