import { join } from "node:path";
import { cutArguments } from "@stream-control/ffmpeg";
import type { RenderRequest, RenderTask } from "@stream-control/protocol";
import { CommandError } from "../../errors.js";
import type { ReadyComposition } from "../compose.js";
import { joinParts, type LocalParts } from "../merge.js";
import type { SourcesOptions } from "../sources.js";
import { type Ingredients, segmentsOf, soundFingerprint, wholeFingerprint } from "./fingerprint.js";
import { type Piece, planPieces } from "./plan.js";
import { type Film, type RenderCache, secondName } from "./render-cache.js";

/** Formats whose pictures can be cut and joined without a loss of their moments. */
const CAN_BE_CUT: ReadonlySet<string> = new Set(["mp4", "mov"]);

/** What a reuse works with. */
export interface ReuseOptions {
  request: RenderRequest;
  task: RenderTask | undefined;
  composition: ReadyComposition;
  ingredients: Ingredients;
  cache: RenderCache;
  sources: SourcesOptions;
  /** The file to make. */
  draft: string;
  /**
   * Runs one ffmpeg.
   *
   * @param isCounted its pictures are those of the whole, one behind the other.
   * @returns how many pictures it made. Rejects where it fails.
   */
  run: (args: readonly string[], isCounted: boolean) => Promise<number>;
  signal: AbortSignal;
}

/** How much of what was made did not have to be encoded. */
export interface Reused {
  reusedFrames: number;
}

/** What is known of a composition before it is rendered: what of it was rendered before, and by what it is found again. */
export class Reuse {
  private readonly film: Film;
  private readonly canBeCut: boolean;

  constructor(private readonly options: ReuseOptions) {
    const { request, task, composition, ingredients } = options;
    const { timeline } = composition;
    this.canBeCut = task === undefined && CAN_BE_CUT.has(request.output_format);
    this.film = {
      name: wholeFingerprint(request, task, timeline, ingredients),
      segments: this.canBeCut ? segmentsOf(request, timeline, ingredients) : [],
      ...(this.canBeCut ? { sound: soundFingerprint(request, timeline, ingredients) } : {}),
    };
  }

  /** Where the encoder is to begin anew, so that segments can be cut out of what is made. */
  get keyframes(): number[] {
    return this.film.segments.map(({ firstFrame }) => firstFrame);
  }

  /**
   * Makes the file of what was rendered before, as far as that goes.
   *
   * @returns undefined where it has to be rendered as a whole.
   */
  async make(): Promise<Reused | undefined> {
    const { cache, draft, composition } = this.options;
    if (cache.isOff) return undefined;
    const { part, timeline } = composition;
    if (await cache.take(this.film.name, draft))
      return { reusedFrames: part.type === "frames" ? part.frames : timeline.totalFrames };
    if (this.film.segments.length < 2) return undefined;
    const known = await Promise.all(this.film.segments.map(({ fingerprint }) => cache.find(fingerprint)));
    const pieces = planPieces(this.film.segments, known);
    try {
      return pieces === undefined ? undefined : await this.join(pieces);
    } catch (thrown) {
      // Whatever is wrong with what was kept: it can be rendered as a whole.
      if (thrown instanceof CommandError && !this.options.signal.aborted) return undefined;
      throw thrown;
    }
  }

  /** Gives the file that was made a second name, by which it can be kept once it is published. */
  async hold(): Promise<string | undefined> {
    return this.options.cache.isOff ? undefined : secondName(this.options.draft);
  }

  /** Keeps what was made for the next render. What can't be kept is not. */
  async keep(held: string): Promise<void> {
    await this.options.cache.keep(this.film, held).catch(() => undefined);
  }

  private async join(pieces: readonly Piece[]): Promise<Reused | undefined> {
    const { composition, draft, run, sources } = this.options;
    const films = new Map<string, string>();
    for (const piece of pieces) {
      if (piece.type === "encode" || films.has(piece.film)) continue;
      const path = join(sources.folder, `film-${films.size}.${this.options.request.output_format}`);
      if (!(await this.options.cache.take(piece.film, path))) return undefined;
      films.set(piece.film, path);
    }
    const { fps, totalFrames } = composition.timeline;
    const pictures: LocalParts["pictures"] = [];
    for (const [index, piece] of pieces.entries()) {
      const { firstFrame, frames } = piece;
      const path = join(sources.folder, `piece-${index}.mp4`);
      const args =
        piece.type === "cut"
          ? cutArguments({ path: films.get(piece.film) ?? "", fps, firstFrame, frames, output: path })
          : composition.argumentsFor({ type: "frames", firstFrame, frames }, path, this.keyframes);
      if ((await run(args, true)) !== frames) return undefined;
      pictures.push({ path, frames });
    }
    const sound = await this.sound();
    const task = { type: "merge" as const, parts: [], totalFrames };
    const joined = await joinParts(task, { pictures, ...(sound === undefined ? {} : { sound }) }, draft, sources);
    if ((await run(joined.arguments, false)) !== totalFrames) return undefined;
    return { reusedFrames: cutFrames(pieces) };
  }

  /** The sound of all of it, mixed anew: that takes little, and is exact wherever pictures were cut. */
  private async sound(): Promise<string | undefined> {
    const { composition, sources, run } = this.options;
    const path = join(sources.folder, "piece-sound.mp4");
    const args = composition.argumentsFor({ type: "sound" }, path);
    if (!composition.hasSound) return undefined;
    const known = this.film.sound === undefined ? undefined : await this.options.cache.find(this.film.sound);
    const film = join(sources.folder, `sound.${this.options.request.output_format}`);
    if (known !== undefined && (await this.options.cache.take(known.film, film))) return film;
    await run(args, false);
    return path;
  }
}

const cutFrames = (pieces: readonly Piece[]): number =>
  pieces.reduce((sum, { type, frames }) => sum + (type === "cut" ? frames : 0), 0);
