import { createHash } from "node:crypto";
import { chmod, lstat, mkdir } from "node:fs/promises";
import { join } from "node:path";

/** Linux keeps the path of a Unix socket in 108 bytes, macOS in 104 (`sun_path`, unix(7)). */
const MAX_SOCKET_PATH_BYTES = 100;

/**
 * Where a socket of a folder is: in the folder itself where that path is short enough, otherwise under a short name in a
 * private folder of the system's temporary one.
 *
 * @param name of the socket in the folder.
 * @param elsewhere in the temporary folder in any case.
 * @throws Error where that private folder belongs to somebody else.
 */
export async function socketPathFor(folder: string, tmpdir: string, name: string, elsewhere = false): Promise<string> {
  const near = join(folder, name);
  if (!elsewhere && Buffer.byteLength(near) <= MAX_SOCKET_PATH_BYTES) return near;
  const uid = process.getuid?.() ?? 0;
  const ours = join(tmpdir, `stream-control-${uid}`);
  await mkdir(ours, { recursive: true, mode: 0o700 });
  const found = await lstat(ours);
  if (!found.isDirectory() || found.uid !== uid)
    throw new Error(`${ours} belongs to somebody else. Remove it, or choose a shorter DATA_DIR.`);
  await chmod(ours, 0o700);
  const path = join(ours, `${createHash("sha256").update(near).digest("hex").slice(0, 16)}.sock`);
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES)
    throw new Error("The path of the runner's socket is too long. Choose a shorter DATA_DIR.");
  return path;
}
