import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's top folder, absolute. */
export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Folders that hold sources of ours. */
export const SOURCE_FOLDERS = ["apps", "packages", "bench", "chaos", "examples", "scripts"];

/**
 * The JavaScript entry of a development tool, to be run by `process.execPath`: no shell, no `.cmd` shims.
 *
 * @param {string} path below `node_modules`, such as `turbo/bin/turbo`
 */
export const toolPath = (path) => join(ROOT, "node_modules", path);
