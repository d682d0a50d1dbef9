import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  parseRenderRequest,
  playedSources,
  type RenderRequestInput,
  type RenderSourceFacts,
  renderTimeline,
} from "@stream-control/protocol";
import { ffmpeg, ffprobe, run } from "@stream-control/test-kit";
import {
  type CompositionPart,
  canSeek,
  compositionArguments,
  IMAGE_HEAD_BYTES,
  imageDemuxer,
  type ResolvedComposition,
} from "../../src/index.js";

/** What came of a request: the file, or why there is none. */
export type Rendered = { ok: true; file: string; totalFrames: number } | { ok: false; issues: { path: string }[] };

export type Prepared =
  | { ok: true; composition: Omit<ResolvedComposition, "output" | "part"> }
  | { ok: false; issues: { path: string }[] };

/** Makes a request whose sources are files ready, as a runner does, but without one. */
export async function prepare(folder: string, given: RenderRequestInput, name = "out"): Promise<Prepared> {
  const parsed = parseRenderRequest(given);
  if (!parsed.ok) return parsed;
  const request = parsed.value;
  const facts = new Map<string, Facts>();
  for (const source of playedSources(request)) facts.set(source, await factsOf(source));
  const timeline = renderTimeline(request, (source) => facts.get(source));
  if (!timeline.ok) return timeline;
  const heads = new Map<string, Buffer>();
  for (const element of request.elements) {
    if (element.type === "image")
      heads.set(element.source, (await readFile(element.source)).subarray(0, IMAGE_HEAD_BYTES));
  }
  const textFile = (index: number) => join(folder, `${name}-text-${index}.txt`);
  for (const [index, element] of request.elements.entries())
    if (element.type === "text") await writeFile(textFile(index), element.text);
  const localSource = (path: string) => {
    const head = heads.get(path);
    const { hasAudio = false, formatName } = facts.get(path) ?? {};
    return {
      ...{ path, hasAudio, seekable: canSeek(formatName) },
      imageDemuxer: head === undefined ? undefined : imageDemuxer(head),
    };
  };
  return { ok: true, composition: { request, timeline: timeline.value, localSource, textFile } };
}

/** Renders a request, or a part of it. */
export async function render(
  folder: string,
  given: RenderRequestInput,
  name = "out",
  part?: CompositionPart,
): Promise<Rendered> {
  const prepared = await prepare(folder, given, name);
  if (!prepared.ok) return prepared;
  const { request, timeline } = prepared.composition;
  const file = join(folder, `${name}.${request.output_format}`);
  await encode(compositionArguments({ ...prepared.composition, output: file, part }), join(folder, `${name}.progress`));
  return { ok: true, file, totalFrames: timeline.totalFrames };
}

/** Runs what a runner would. */
export async function encode(args: readonly string[], progress: string): Promise<void> {
  const toFile = args.map((arg) => (arg === "pipe:3" ? progress : arg));
  const result = await run("ffmpeg", toFile, { deadlineMs: 60_000 });
  if (result.code !== 0) throw new Error(`ffmpeg refused ${args.join(" ")}\n${result.stderr.slice(-2000)}`);
}

/** A hash of each frame of a composition or of some of its frames, as composed: nothing is encoded. */
export async function composedFrames(
  prepared: Extract<Prepared, { ok: true }>,
  output: string,
  part?: CompositionPart,
): Promise<string[]> {
  const args = compositionArguments({ ...prepared.composition, output: "none", part });
  const graph = args.slice(0, args.indexOf("-map"));
  const sound = args.includes("[sound]") ? ["-map", "[sound]", "-f", "null", "-"] : [];
  await encode(
    [...graph, "-map", "[picture]", "-f", "framehash", "-hash", "md5", output, ...sound],
    `${output}.progress`,
  );
  const lines = (await readFile(output, "utf8")).split("\n").filter((line) => /^\d/.test(line));
  return lines.map((line) => line.split(",").at(-1)?.trim() ?? "");
}

/** As {@link render}, of a request that must be good. */
export async function rendered(folder: string, request: RenderRequestInput, name?: string): Promise<Picture> {
  const result = await render(folder, request, name);
  if (!result.ok) throw new Error(`The request was refused: ${JSON.stringify(result.issues)}`);
  return Picture.read(result.file, request.width, request.height);
}

interface Facts extends RenderSourceFacts {
  formatName: string | undefined;
}

async function factsOf(source: string): Promise<Facts> {
  const { streams, format } = await ffprobe(source);
  const has = (type: string) => streams.some(({ codec_type }) => codec_type === type);
  const durationSeconds = format.duration === undefined ? undefined : Number(format.duration);
  return { hasVideo: has("video"), hasAudio: has("audio"), durationSeconds, formatName: format.format_name };
}

type Color = readonly [red: number, green: number, blue: number];

/** The frames of a file, to be looked at pixel by pixel. */
export class Picture {
  private constructor(
    readonly file: string,
    private readonly width: number,
    private readonly height: number,
    private readonly bytes: Buffer,
  ) {}

  static async read(file: string, width: number, height: number): Promise<Picture> {
    const raw = `${file}.rgb`;
    await ffmpeg(["-i", file, "-map", "v:0", "-vsync", "passthrough", "-pix_fmt", "rgb24", "-f", "rawvideo", raw]);
    return new Picture(file, width, height, await readFile(raw));
  }

  get frames(): number {
    return this.bytes.length / (this.width * this.height * 3);
  }

  at(frame: number, x: number, y: number): Color {
    const from = ((frame * this.height + y) * this.width + x) * 3;
    const [red = -1, green = -1, blue = -1] = this.bytes.subarray(from, from + 3);
    return [red, green, blue];
  }

  /** Whether a pixel has about that colour; encoding costs some. */
  is(frame: number, x: number, y: number, wanted: Color, tolerance = 12): boolean {
    return this.at(frame, x, y).every((value, index) => Math.abs(value - (wanted[index] ?? 0)) <= tolerance);
  }
}

export const RED = [255, 0, 0] as const;
export const GREEN = [0, 255, 0] as const;
export const BLUE = [0, 0, 255] as const;
export const WHITE = [255, 255, 255] as const;
export const BLACK = [0, 0, 0] as const;
