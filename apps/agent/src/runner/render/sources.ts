import { stat } from "node:fs/promises";
import { join } from "node:path";
import { canSeek, type LocalSource, probeSource, type Redactor, type SourceInfo } from "@stream-control/ffmpeg";
import {
  bucketOfSource,
  pathOfSource,
  playedSources,
  type RenderRequest,
  type RenderSourceFacts,
} from "@stream-control/protocol";
import type { CachedSource, SourceCache } from "../../cache/source-cache.js";
import type { RenderSpec } from "../contract.js";
import { CommandError } from "../errors.js";
import type { Reach } from "../reach/reach.js";
import { RefusedError, refusal } from "../reach/refusals.js";
import { download } from "./download.js";
import { imageAt, NO_IMAGE } from "./image-at.js";
import { fetchFromBucket } from "./s3-source.js";

const PROBE_MS = 30_000;
const DOWNLOADS_AT_ONCE = 4;

/** A source on this machine's disk, and what is known of it. */
export interface ReadySource extends LocalSource {
  /** What identifies its contents: a hash of them, or of the file that has them. */
  content: string;
  /** Of a source that is played. */
  facts?: RenderSourceFacts | undefined;
}

/** What sources are made ready with. */
export interface SourcesOptions {
  spec: RenderSpec;
  env: Record<string, string>;
  hideIn: readonly string[];
  launcher: readonly string[];
  /** The job's own. */
  folder: string;
  reach: Reach;
  redactor: Redactor;
  signal: AbortSignal;
  cache: SourceCache;
  /** Told how much of all sources has come, and of how much, as far as servers have said. */
  onFetched: (bytes: number, ofBytes: number) => void;
}

/** Every source of a request. */
export const allSources = ({ elements }: RenderRequest): string[] => [
  ...new Set(elements.flatMap((element) => ("source" in element ? [element.source] : []))),
];

/** A source on this machine's disk, and what identifies its contents. */
export type FetchedSource = Pick<ReadySource, "path" | "content">;

/** A file of this machine is not read twice for it: whoever changes it gives it another time. */
async function identityOf(path: string): Promise<string> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
  return [path, dev, ino, size, mtimeNs, ctimeNs].join(":");
}

/** Whether files of this machine are those that they were when they were looked at. */
export async function areUnchanged(sources: ReadonlyMap<string, FetchedSource>): Promise<boolean> {
  for (const [source, { path, content }] of sources)
    if (bucketOfSource(source) === undefined && pathOfSource(source) !== undefined)
      if ((await identityOf(path).catch(() => undefined)) !== content) return false;
  return true;
}

/**
 * Brings sources to this machine's disk, each once, some at a time.
 *
 * @param needed as the request names them.
 * @returns paths by source. @throws CommandError for the first that can't be had.
 */
export async function fetchSources(
  needed: readonly string[],
  options: SourcesOptions,
): Promise<Map<string, FetchedSource>> {
  const { folder, reach, signal } = options;
  const counter = new FetchCounter(options.onFetched);
  const paths = new Map<string, FetchedSource>();
  const waiting = [...needed.entries()];
  const giveUp = new AbortController();
  const either = AbortSignal.any([signal, giveUp.signal]);
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, source] = next;
      const path = pathOfSource(source) ?? join(folder, `source-${index}`);
      let content: string | undefined;
      if (bucketOfSource(source) !== undefined)
        content = (await fetchFromBucket(source, path, { ...options, signal: either, onBytes: counter.of(source) }))
          .sha256;
      else if (pathOfSource(source) === undefined)
        content = (await fetchFromWeb(source, path, { ...options, signal: either }, counter)).sha256;
      else if (!reach.mayRead(path)) throw new RefusedError(refusal("source", "path"));
      paths.set(source, { path, content: content ?? (await identityOf(path)) });
    }
  };
  const workers = Array.from({ length: DOWNLOADS_AT_ONCE }, () =>
    worker().catch((thrown: unknown) => {
      giveUp.abort();
      throw thrown;
    }),
  );
  const ended = await Promise.allSettled(workers);
  // The first that failed is the reason why the others were given up.
  const failures = ended.flatMap((end) => (end.status === "rejected" ? [end.reason as unknown] : []));
  const reason = failures.find((failure) => !isGivenUp(failure)) ?? failures[0];
  if (reason !== undefined) throw reason;
  return paths;
}

function fetchFromWeb(
  source: string,
  path: string,
  { cache, reach, signal }: SourcesOptions,
  counter: FetchCounter,
): Promise<CachedSource> {
  const resolve = (url: string) => reach.webAddresses(url);
  return cache.get(source, path, {
    ...{ signal, mayReach: resolve },
    fetch: (to, have) => download(source, to, { resolve, signal, have, onBytes: counter.of(source) }),
  });
}

/** Adds up what comes of several sources at once. */
class FetchCounter {
  private readonly sources = new Map<string, { bytes: number; ofBytes: number }>();

  constructor(private readonly onFetched: SourcesOptions["onFetched"]) {}

  of(source: string): (bytes: number, ofBytes: number | undefined) => void {
    return (bytes, ofBytes = bytes) => {
      this.sources.set(source, { bytes, ofBytes });
      const all = [...this.sources.values()];
      const sum = (field: "bytes" | "ofBytes") => all.reduce((total, one) => total + one[field], 0);
      this.onFetched(sum("bytes"), sum("ofBytes"));
    };
  }
}

const isGivenUp = (thrown: unknown): boolean =>
  (thrown instanceof CommandError && thrown.info.detail?.cause === "CONNECTION_LOST") ||
  (thrown instanceof Error && thrown.name === "AbortError");

/** Looks into every source. @throws CommandError for the first that can't be used, naming its elements. */
export async function probeSources(
  paths: ReadonlyMap<string, FetchedSource>,
  options: SourcesOptions,
): Promise<Map<string, ReadySource>> {
  const { request } = options.spec.render;
  const played = new Set(playedSources(request));
  const ready = new Map<string, ReadySource>();
  for (const [source, { path, content }] of paths) {
    const isImage = request.elements.some((element) => element.type === "image" && element.source === source);
    const image = isImage ? await imageAt(path) : undefined;
    if (isImage && image === undefined) throw unusable(request, source, NO_IMAGE);
    const facts = played.has(source) ? await probe(source, path, options) : undefined;
    const seekable = canSeek(facts?.formatName);
    ready.set(source, { path, content, hasAudio: facts?.hasAudio ?? false, seekable, imageDemuxer: image, facts });
  }
  return ready;
}

async function probe(source: string, path: string, options: SourcesOptions): Promise<SourceInfo> {
  const { spec, env, hideIn, launcher, redactor, signal } = options;
  const result = await probeSource({
    source: { type: "file", path, loop: false },
    ...{ ffprobePath: spec.ffprobePath, env, hideIn, launcher, redactor, signal },
    ...{ deadlineMs: PROBE_MS, stallTimeoutMs: PROBE_MS },
  });
  if (result.ok) return result.info;
  throw unusable(spec.render.request, source, "it holds no media that can be read");
}

/** The error of a source that is there but is not what its elements need. */
function unusable({ elements }: RenderRequest, source: string, why: string): CommandError {
  const issues = elements.flatMap((element, index) =>
    "source" in element && element.source === source ? [{ path: `elements.${index}.source`, message: why }] : [],
  );
  return new CommandError({
    code: "CONFIG_INVALID",
    message: `The source of ${issues.map(({ path }) => path.replace(".source", "")).join(", ")} can't be used: ${why}.`,
    detail: { fault: "source", issues, retryable: false },
  });
}
