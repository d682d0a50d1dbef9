import { ffmpeg } from "./run.js";

/** Loudness of one stretch of sound. */
export interface VolumeSample {
  /** Seconds from the start of the stream. */
  time: number;
  /** Root mean square level in dBFS; -Infinity is digital silence. */
  rmsDb: number;
}

/**
 * Measures the sound of a file in stretches of about a tenth of a second, by ffmpeg's `astats`.
 *
 * @param input a file.
 */
export async function volumeOverTime(input: string): Promise<VolumeSample[]> {
  const print = "ametadata=mode=print:key=lavfi.astats.Overall.RMS_level:file=-";
  const { stdout } = await ffmpeg([
    "-loglevel",
    "error",
    "-i",
    input,
    "-map",
    "a:0",
    "-af",
    `aresample=48000,asetnsamples=4800,astats=metadata=1:reset=1,${print}`,
    "-f",
    "null",
    "/dev/null",
  ]);
  const samples: VolumeSample[] = [];
  let time = 0;
  for (const line of stdout.split("\n")) {
    const at = /pts_time:([\d.]+)/.exec(line)?.[1];
    if (at !== undefined) time = Number(at);
    const level = /RMS_level=(\S+)/.exec(line)?.[1];
    if (level !== undefined) samples.push({ time, rmsDb: level === "-inf" ? Number.NEGATIVE_INFINITY : Number(level) });
  }
  return samples;
}
