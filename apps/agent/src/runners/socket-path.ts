import { createHash } from "node:crypto";
import { chmod, lstat, mkdir } from "node:fs/promises";
import { join } from "node:path";

/** Linux keeps the path of a Unix socket in 108 bytes, macOS in 104 (`sun_path`, unix(7)). */
export const MAX_SOCKET_PATH_BYTES = 100;

/**
 * Where a runner listens: in its own folder where that path is short enough, otherwise under a short name in a private
 * folder of the system's temporary one.
 *
 * @throws Error where that private folder belongs to somebody else.
 */
export async function socketPathFor(jobFolder: string, tmpdir: string): Promise<string> {
  const near = join(jobFolder, "control.sock");
  if (Buffer.byteLength(near) <= MAX_SOCKET_PATH_BYTES) return near;
  const folder = await privateFolder(tmpdir);
  const path = join(folder, `${createHash("sha256").update(jobFolder).digest("hex").slice(0, 16)}.sock`);
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES)
    throw new Error("The path of the runner's socket is too long. Choose a shorter DATA_DIR.");
  return path;
}

/**
 * A folder of this user alone in the system's temporary one, for what has no place in the data folder.
 *
 * @throws Error where it belongs to somebody else.
 */
export async function privateFolder(tmpdir: string): Promise<string> {
  const uid = process.getuid?.() ?? 0;
  const folder = join(tmpdir, `stream-control-${uid}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const found = await lstat(folder);
  if (!found.isDirectory() || found.uid !== uid)
    throw new Error(`${folder} belongs to somebody else. Remove it, or choose a shorter DATA_DIR.`);
  await chmod(folder, 0o700);
  return folder;
}
