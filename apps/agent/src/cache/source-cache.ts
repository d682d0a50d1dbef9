import { join } from "node:path";
import { z } from "zod";
import type { Downloaded, Validators } from "../runner/render/download.js";
import type { CacheSettings } from "./contract.js";
import { FileCache } from "./file-cache.js";
import { freshMs, mayBeKept } from "./freshness.js";
import { IndexFile } from "./index-file.js";
import { alone } from "./single-flight.js";

/** What was fetched from an address the last time. */
const entrySchema = z.object({
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.number().min(0),
  etag: z.string().optional(),
  lastModified: z.string().optional(),
  /** Until then nobody has to be asked; milliseconds since 1970. */
  freshUntil: z.number(),
  /** Addresses that it came by, redirections included. */
  via: z.array(z.string()).max(16),
});
type Entry = z.infer<typeof entrySchema>;

/** A source on this machine's disk. */
export interface CachedSource {
  sha256: string;
  bytes: number;
}

/** How a source is fetched where it is not here. */
export interface Fetching {
  signal: AbortSignal;
  /** Whether the job may reach an address. Rejects where it may not. */
  mayReach: (url: string) => Promise<unknown>;
  /** Fetches into a file; what is here is named, so that the server can say that it is good. */
  fetch: (path: string, have: Validators | undefined) => Promise<Downloaded>;
}

/**
 * Sources that were fetched before, by their contents: what two addresses lead to is kept once. An address leads to a file of
 * here for as long as its server said, or says when it is asked; and for jobs that may reach everything by which it came.
 */
export class SourceCache {
  private readonly files: FileCache;
  private readonly index: IndexFile<Entry>;

  constructor(
    private readonly settings: CacheSettings,
    private readonly now: () => number,
  ) {
    this.files = new FileCache(settings);
    this.index = new IndexFile(join(settings.folder, "index"), entrySchema);
  }

  /** Brings a source to a path, written over. One process at a time fetches from an address; others wait for what comes of it. */
  async get(url: string, path: string, fetching: Fetching): Promise<CachedSource> {
    if (this.files.isOff) return fetching.fetch(path, undefined);
    await fetching.mayReach(url);
    const fresh = await this.fresh(url, path, fetching);
    if (fresh !== undefined) return fresh;
    return alone(this.lockOf(url), fetching.signal, async () => {
      return (await this.fresh(url, path, fetching)) ?? this.fetch(url, path, fetching);
    });
  }

  /** From here, without asking. */
  private async fresh(url: string, path: string, fetching: Fetching): Promise<CachedSource | undefined> {
    const entry = await this.index.read(url);
    return entry !== undefined && entry.freshUntil > this.now() ? this.use(entry, path, fetching) : undefined;
  }

  private async use(entry: Entry, path: string, { mayReach }: Fetching): Promise<CachedSource | undefined> {
    for (const address of entry.via) await mayReach(address);
    const { sha256, bytes } = entry;
    return (await this.files.take(sha256, path, { bytes })) ? { sha256, bytes } : undefined;
  }

  private async fetch(url: string, path: string, fetching: Fetching): Promise<CachedSource> {
    const known = await this.index.read(url);
    const isHere = known !== undefined && (await this.files.size(known.sha256)) === known.bytes;
    const answer = await fetching.fetch(path, isHere ? known : undefined);
    const freshUntil = this.now() + freshMs(answer);
    if (answer.isUnchanged && known !== undefined) {
      const entry = { ...known, freshUntil, via: answer.via };
      await this.index.write(url, entry);
      // It was dropped in this very moment.
      return (await this.use(entry, path, fetching)) ?? this.remember(url, path, await fetching.fetch(path, undefined));
    }
    return this.remember(url, path, answer);
  }

  private async remember(url: string, path: string, answer: Downloaded): Promise<CachedSource> {
    const { sha256, bytes, etag, lastModified, via } = answer;
    const freshUntil = this.now() + freshMs(answer);
    const canBeAsked = etag !== undefined || lastModified !== undefined || freshUntil > this.now();
    if (!mayBeKept(answer) || !canBeAsked) await this.index.remove(url);
    else {
      await this.files.keep(sha256, path);
      await this.index.write(url, {
        ...{ sha256, bytes, freshUntil, via },
        ...(etag === undefined ? {} : { etag }),
        ...(lastModified === undefined ? {} : { lastModified }),
      });
    }
    return { sha256, bytes };
  }

  private lockOf(url: string): string {
    return join(this.settings.folder, "locks", IndexFile.nameOf(url));
  }
}
