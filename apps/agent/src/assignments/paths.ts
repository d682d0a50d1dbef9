import { stat } from "node:fs/promises";
import { fileFormatOf } from "@stream-control/ffmpeg";
import {
  type Destination,
  FILE_FORMATS,
  type Issue,
  type Overlay,
  type Slate,
  type Source,
} from "@stream-control/protocol";
import { allowedPath } from "./allowed-paths.js";
import { checkDevices } from "./devices.js";

/** Checks the path of a file that is read. @returns it with its links followed, where it is allowed. */
async function checkFile(path: string, field: string, folders: readonly string[], issues: Issue[]): Promise<string> {
  const verdict = await allowedPath(path, folders);
  if (!verdict.ok) issues.push({ path: field, message: verdict.message });
  else if ((await kindOf(verdict.path)) !== "file")
    issues.push({ path: field, message: "there is no such file on this agent" });
  return verdict.ok ? verdict.path : path;
}

/** Checks what a source reads from this machine's disk. */
export async function checkSource(
  source: Source,
  field: string,
  folders: readonly string[],
  issues: Issue[],
): Promise<Source> {
  if (source.type === "device") checkDevices(source, field, issues);
  return source.type === "file"
    ? { ...source, path: await checkFile(source.path, `${field}.path`, folders, issues) }
    : source;
}

/** Checks what a slate reads from this machine's disk. */
export async function checkSlate(
  slate: Slate,
  field: string,
  folders: readonly string[],
  issues: Issue[],
): Promise<Slate> {
  return "path" in slate ? { ...slate, path: await checkFile(slate.path, `${field}.path`, folders, issues) } : slate;
}

/** Checks what an overlay reads from this machine's disk. */
export async function checkOverlay(
  overlay: Overlay | undefined,
  folders: readonly string[],
  issues: Issue[],
): Promise<Overlay | undefined> {
  if (overlay?.logo === undefined) return overlay;
  const path = await checkFile(overlay.logo.path, "overlay.logo.path", folders, issues);
  return { ...overlay, logo: { ...overlay.logo, path } };
}

/**
 * Checks what a destination writes to this machine's disk.
 *
 * @param written paths that the job writes to already; this one's is added.
 * @returns the destination with its path absolute and its format known; undefined where an issue was added instead.
 */
export async function checkDestination(
  destination: Destination,
  field: string,
  folders: readonly string[],
  written: Set<string>,
  issues: Issue[],
): Promise<Destination | undefined> {
  if ("url" in destination) return destination;
  const complain = (message: string) => void issues.push({ path: `${field}.path`, message });
  const verdict = await allowedPath(destination.path, folders);
  if (!verdict.ok) {
    complain(verdict.message);
    return undefined;
  }
  const { path } = verdict;
  if (written.has(path)) complain("another destination writes there too");
  written.add(path);
  const kind = await kindOf(path);
  if (destination.type === "hls") {
    if (kind === "file") complain("is a file, and HLS needs a folder");
    return { ...destination, path };
  }
  if (kind === "folder") complain("is a folder");
  const format = fileFormatOf({ ...destination, path });
  if (format !== undefined) return { ...destination, path, format };
  complain(`must end in one of ${FILE_FORMATS.join(", ")}, or "format" be given`);
  return undefined;
}

async function kindOf(path: string): Promise<"file" | "folder" | "nothing"> {
  return stat(path).then(
    (found) => (found.isDirectory() ? "folder" : "file"),
    () => "nothing",
  );
}
