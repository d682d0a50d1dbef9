import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Progress } from "@stream-control/protocol";

/** Where the result of a job is, as its agent has told, and as it may be: below a folder of the job's own. */
export interface ResultPlace {
  /** A relative path with slashes. */
  key: string;
}

/** One name of a key, as agents make them: nothing hidden, nothing that leads elsewhere. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/**
 * Where an agent says that a result is.
 *
 * @param owners names of folders that belong to the render: its job's, and those of the jobs that made parts of it.
 * @returns undefined where it does not say, and for a place that is not the render's own: an agent has no say about others' files.
 */
export function placeOf(progress: Progress | null, owners: readonly string[]): ResultPlace | undefined {
  const key = progress?.render?.file;
  if (key === undefined) return undefined;
  const [owner, ...names] = key.split("/");
  const isOwn = owner !== undefined && owners.includes(owner) && NAME.test(owner);
  return isOwn && names.length > 0 && names.every((name) => NAME.test(name)) ? { key } : undefined;
}

/** What agents have rendered, where the orchestrator can reach it. */
export class ResultFiles {
  /** @param mediaDir the folder that is served under `/media/`, where there is one. */
  constructor(private readonly mediaDir: string | undefined) {}

  /** Whether what agents render can be fetched at all. */
  get areServed(): boolean {
    return this.mediaDir !== undefined;
  }

  /** Whether a result is there: looked up, never assumed. */
  exists({ key }: ResultPlace): Promise<boolean> {
    if (this.mediaDir === undefined) return Promise.resolve(false);
    return stat(join(this.mediaDir, key)).then(
      (found) => found.isFile(),
      () => false,
    );
  }

  /**
   * The address of a result.
   *
   * @param base the service's own, as its caller knows it: `https://host`.
   * @returns undefined where it is not there.
   */
  async urlOf(place: ResultPlace, base: string): Promise<string | undefined> {
    if (!(await this.exists(place))) return undefined;
    return `${base}/media/${place.key.split("/").map(encodeURIComponent).join("/")}`;
  }

  /** Removes everything below a folder of results, parts included. */
  async removeFolder(owner: string): Promise<void> {
    if (!NAME.test(owner)) throw new RangeError("That is no folder of results.");
    if (this.mediaDir !== undefined) await rm(join(this.mediaDir, owner), { recursive: true, force: true });
  }
}
