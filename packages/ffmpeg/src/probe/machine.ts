import { mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { encoderArguments } from "../arguments/encoder.js";
import { runToEnd } from "./run.js";

/** H.264 encoders, best first: a card's own ones leave the processor to others, then software, then the rest. */
export const VIDEO_ENCODER_CANDIDATES = [
  "h264_nvenc",
  "h264_qsv",
  "h264_vaapi",
  "h264_videotoolbox",
  "libx264",
  "h264_v4l2m2m",
  "libopenh264",
] as const;

const encoderSchema = z.object({
  name: z.string(),
  works: z.boolean(),
  /** ffmpeg's last words where it does not work. */
  reason: z.string().optional(),
});
/** An encoder that was tried. */
export type ProbedEncoder = z.infer<typeof encoderSchema>;

const machineSchema = z.object({
  /** What the result depends on: path, size and time of the binary, and its version. */
  key: z.string(),
  version: z.string(),
  /** Milliseconds since 1970. */
  probedAt: z.number(),
  encoders: z.array(encoderSchema),
  /** Whether text can be drawn into a picture, which takes a font; older results do not say. */
  drawsText: z.boolean().default(true),
  inputProtocols: z.array(z.string()),
  outputProtocols: z.array(z.string()),
  muxers: z.array(z.string()),
});
/** What a machine's ffmpeg can really do. */
export type MachineProbe = z.infer<typeof machineSchema>;

/** How to look at a machine. */
export interface ProbeMachineOptions {
  env: Record<string, string>;
  /** File that keeps the result for the same binary; nothing is kept where absent. */
  cacheFile?: string;
  /** Milliseconds for each single try. */
  deadlineMs?: number;
  now?: () => number;
}

/** After this many milliseconds a kept result is no longer believed: a driver or a card may have come or gone. */
const CACHE_MS = 24 * 3_600_000;

/**
 * Finds out what the machine's ffmpeg can do: encoders are tried by a short encode, because ffmpeg lists what was
 * compiled in and not what the hardware carries.
 *
 * @throws an Error that says what to do when ffmpeg can't be run.
 */
export async function probeEncoders(ffmpegPath: string, options: ProbeMachineOptions): Promise<MachineProbe> {
  const { env, cacheFile, deadlineMs = 20_000, now = Date.now } = options;
  const ask = async (...args: string[]) => {
    const { code, stdout, startError, timedOut } = await runToEnd(ffmpegPath, ["-hide_banner", ...args], {
      env,
      deadlineMs,
    });
    if (code === 0) return stdout;
    const why = startError ?? (timedOut ? "it did not answer" : `it ended with ${code}`);
    throw new Error(`${ffmpegPath} can't be used (${why}). Install ffmpeg, or point FFMPEG_PATH to it.`);
  };
  const version = /^ffmpeg version (\S+)/.exec(await ask("-version"))?.[1] ?? "unknown";
  const key = await cacheKey(ffmpegPath, version);
  const cached = cacheFile === undefined ? undefined : await readProbe(cacheFile);
  if (cached?.key === key && now() - cached.probedAt < CACHE_MS) return cached;

  const [encoders, protocols, muxers] = await Promise.all([ask("-encoders"), ask("-protocols"), ask("-muxers")]);
  const listed = new Set(Array.from(encoders.matchAll(/^ V\S+ (\S+)/gm), ([, name]) => name));
  const tried: ProbedEncoder[] = [];
  // One after the other: consumer cards allow few sessions at a time.
  for (const name of VIDEO_ENCODER_CANDIDATES)
    if (listed.has(name)) tried.push(await tryEncoder(ffmpegPath, name, env, deadlineMs));
  const drawsText = await tryText(ffmpegPath, env, deadlineMs);
  const [input = "", output = ""] = protocols.split(/^Output:$/m);
  const words = (text: string) => Array.from(text.matchAll(/^ {2}(\S+)$/gm), ([, name = ""]) => name);
  const probe: MachineProbe = {
    key,
    version,
    probedAt: now(),
    encoders: tried,
    drawsText,
    inputProtocols: words(input),
    outputProtocols: words(output),
    muxers: Array.from(muxers.matchAll(/^ {2}E (\S+)/gm), ([, name = ""]) => name).flatMap((name) => name.split(",")),
  };
  // A result that cannot be kept is none the worse: the next start tries again.
  if (cacheFile !== undefined) await writeCache(cacheFile, probe).catch(() => undefined);
  return probe;
}

async function tryEncoder(
  ffmpegPath: string,
  name: string,
  env: Record<string, string>,
  deadlineMs: number,
): Promise<ProbedEncoder> {
  const { global, filters, output } = encoderArguments(
    name,
    {
      ...{ width: 640, height: 360, fps: 30, bitrateKbps: 1000, gopSeconds: 0.5 },
      ...{ preset: "veryfast", encoder: name },
    },
    true,
  );
  const { code, stderr, timedOut } = await runToEnd(
    ffmpegPath,
    [
      ...["-hide_banner", "-nostdin", "-loglevel", "error", ...global],
      ...["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=30", "-t", "0.5", "-vf", filters.join(",")],
      ...[...output, "-f", "null", "-"],
    ],
    { env, deadlineMs },
  );
  if (code === 0) return { name, works: true };
  // The first words name the cause (a library, a device); the last ones only that something failed.
  const reason = timedOut ? "it did not finish a short encode" : firstWords(stderr);
  return { name, works: false, reason };
}

async function tryText(ffmpegPath: string, env: Record<string, string>, deadlineMs: number): Promise<boolean> {
  const picture = ["-f", "lavfi", "-i", "color=s=64x64:d=0.1", "-vf", "drawtext=text=x", "-frames:v", "1"];
  const args = ["-hide_banner", "-nostdin", "-loglevel", "error", ...picture, "-f", "null", "-"];
  return (await runToEnd(ffmpegPath, args, { env, deadlineMs })).code === 0;
}

/** The first line, without the part's name and address, which differ from run to run. */
const firstWords = (stderr: string) =>
  (stderr.trim().split("\n")[0] ?? "").replace(/^\[\S+ @ 0x[0-9a-f]+\] /, "").slice(0, 300);

/** The config asks for an encoder that this machine does not have. */
export class EncoderUnavailableError extends Error {
  override readonly name = "EncoderUnavailableError";
}

/**
 * The encoder for a job: the one asked for, or with `auto` the best that works.
 *
 * @throws EncoderUnavailableError that says which ones work.
 */
export function chooseVideoEncoder(requested: string, available: readonly ProbedEncoder[]): string {
  const working = available.filter(({ works }) => works).map(({ name }) => name);
  const best = VIDEO_ENCODER_CANDIDATES.find((name) => working.includes(name));
  const has = working.length === 0 ? "none works here" : `these work here: ${working.join(", ")}`;
  if (requested === "auto") {
    if (best === undefined)
      throw new EncoderUnavailableError("This machine has no working H.264 encoder. Install an ffmpeg with libx264.");
    return best;
  }
  if (working.includes(requested)) return requested;
  const reason = available.find(({ name }) => name === requested)?.reason;
  const why = reason === undefined ? "" : ` (${reason})`;
  throw new EncoderUnavailableError(
    `The encoder "${requested}" does not work on this machine${why}. Use "auto", or choose another: ${has}.`,
  );
}

async function cacheKey(path: string, version: string): Promise<string> {
  try {
    const { mtimeMs, size } = await stat(path);
    return [version, path, size, Math.trunc(mtimeMs)].join("|");
  } catch {
    // A bare name that the system finds by itself has no file to look at.
    return [version, path].join("|");
  }
}

/** What an earlier `probeEncoders` kept in that cache file, whether or not it still holds; undefined where there is none. */
export async function readProbe(file: string): Promise<MachineProbe | undefined> {
  try {
    const parsed = machineSchema.safeParse(JSON.parse(await readFile(file, "utf8")));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

async function writeCache(file: string, probe: MachineProbe): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}.tmp`;
  await writeFile(draft, JSON.stringify(probe));
  await rename(draft, file);
}
