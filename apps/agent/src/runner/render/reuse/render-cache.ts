import { link, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { CacheSettings } from "../../../cache/contract.js";
import { FileCache } from "../../../cache/file-cache.js";
import { IndexFile } from "../../../cache/index-file.js";
import type { Segment } from "./fingerprint.js";
import type { KnownSegment } from "./plan.js";

const filmSchema = z.object({ bytes: z.number(), changedAtMs: z.number() });
const segmentSchema = z.object({ film: z.string(), firstFrame: z.int().min(0), frames: z.int().min(1) });

/** What is known of a film that was rendered: its own fingerprint is its name. */
export interface Film {
  name: string;
  segments: readonly Segment[];
  /** The fingerprint of its sound, where it has one that can be taken out of it. */
  sound?: string | undefined;
}

/** Films that were rendered before, and which pictures and sounds are in them. */
export class RenderCache {
  private readonly files: FileCache;
  private readonly films: IndexFile<z.infer<typeof filmSchema>>;
  private readonly parts: IndexFile<KnownSegment>;

  constructor(settings: CacheSettings) {
    this.files = new FileCache(settings);
    this.films = new IndexFile(join(settings.folder, "films"), filmSchema);
    this.parts = new IndexFile(join(settings.folder, "parts"), segmentSchema);
  }

  get isOff(): boolean {
    return this.files.isOff;
  }

  /** Gives a film a name outside, by which it stays. @returns whether it is here as it was kept. */
  async take(name: string, path: string): Promise<boolean> {
    const kept = await this.films.read(name);
    return kept !== undefined && (await this.files.take(name, path, kept));
  }

  /** Where a segment, or a sound, was rendered before. */
  async find(fingerprint: string): Promise<KnownSegment | undefined> {
    const found = await this.parts.read(fingerprint);
    return found !== undefined && (await this.files.size(found.film)) !== undefined ? found : undefined;
  }

  /**
   * Keeps a film that is done; it may have a name elsewhere, too.
   *
   * @param path goes.
   */
  async keep({ name, segments, sound }: Film, path: string): Promise<void> {
    const about = await stat(path);
    await this.films.write(name, { bytes: about.size, changedAtMs: about.mtimeMs });
    await this.files.keep(name, path, { isMove: true });
    for (const { fingerprint, firstFrame, frames } of segments)
      await this.parts.write(fingerprint, { film: name, firstFrame, frames });
    if (sound !== undefined) await this.parts.write(sound, { film: name, firstFrame: 0, frames: 1 });
  }
}

/** A second name for a file that is about to be moved away; undefined where its disk knows none. */
export async function secondName(path: string): Promise<string | undefined> {
  const other = `${path}.kept`;
  return link(path, other).then(
    () => other,
    () => undefined,
  );
}
