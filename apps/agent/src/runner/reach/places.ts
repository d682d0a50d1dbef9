import { lstatSync, realpathSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Whether a path still leads where it led when the job was accepted: its links were followed then, so there are none on
 * it now. What does not exist is judged by the nearest folder that does.
 *
 * Looked at right before ffmpeg opens it, and not while: who may change the allowed folders in that moment can still put a
 * link there.
 */
export function leadsNowhereElse(path: string): boolean {
  try {
    if (lstatSync(path).isSymbolicLink()) return false;
    return realpathSync(path) === path;
  } catch {
    const parent = dirname(path);
    return parent === path || leadsNowhereElse(parent);
  }
}
