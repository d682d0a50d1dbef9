import { lstat, realpath } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, resolve } from "node:path";

export type PathVerdict = { ok: true; path: string } | { ok: false; message: string };

/**
 * Whether a path of a job lies below an allowed folder once every symbolic link on the way is followed. What does not
 * exist yet is judged by the nearest folder that does.
 *
 * @param given as the job has it; a relative one is taken below the first folder.
 * @param folders allowed folders, absolute.
 * @returns the path with its links followed, absolute.
 */
export async function allowedPath(given: string, folders: readonly string[]): Promise<PathVerdict> {
  const [first] = folders;
  if (first === undefined) return { ok: false, message: "this agent has no folder for that" };
  const followed = await followLinks(resolve(first, given));
  if (followed === undefined) return { ok: false, message: "leads through a symbolic link to nowhere" };
  for (const folder of folders) {
    const root = await followLinks(folder);
    if (root !== undefined && isBelow(root, followed)) return { ok: true, path: followed };
  }
  return { ok: false, message: `must lie below ${folders.join(" or ")} on this agent` };
}

function isBelow(root: string, path: string): boolean {
  const way = relative(root, path);
  return way !== "" && way !== ".." && !way.startsWith("../") && !isAbsolute(way);
}

/** The real path of the nearest ancestor that exists, and the rest as it is; undefined at a dangling link. */
async function followLinks(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch {
    const parent = dirname(path);
    if (parent === path) return undefined;
    // Somebody made it a moment ago, or it is a link to nowhere.
    if (await exists(path)) return realpath(path).catch(() => undefined);
    const realParent = await followLinks(parent);
    return realParent === undefined ? undefined : join(realParent, basename(path));
  }
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
