import type { Progress } from "@stream-control/protocol";

/** Where results are kept: in a folder that is served, or in a bucket. */
export type StoreKind = "folder" | "s3";

/** Where the result of a job is, as its agent has told, and as it may be: below a folder of the job's own. */
export interface ResultPlace {
  store: StoreKind;
  /** A relative path with slashes. */
  key: string;
}

/** One name of a key, as agents make them: nothing hidden, nothing that leads elsewhere. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/** Whether that can be the name of a folder of results. */
export const isOwnerName = (name: string): boolean => NAME.test(name);

/**
 * Where an agent says that a result is.
 *
 * @param owners names of folders that belong to the render: its job's, and those of the jobs that made parts of it.
 * @returns undefined where it does not say, and for a place that is not the render's own: an agent has no say about others' files.
 */
export function placeOf(progress: Progress | null, owners: readonly string[]): ResultPlace | undefined {
  const { file: key, store = "folder" } = progress?.render ?? {};
  if (key === undefined) return undefined;
  const [owner, ...names] = key.split("/");
  const isOwn = owner !== undefined && owners.includes(owner) && isOwnerName(owner);
  return isOwn && names.length > 0 && names.every((name) => NAME.test(name)) ? { store, key } : undefined;
}
