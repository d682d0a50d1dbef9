import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import type { Destination, ErrorInfo } from "@stream-control/protocol";
import { fileProblem } from "../data-dir/file-problem.js";

/** Makes the folders that destinations write to. @returns why that was not possible. */
export async function makeFolders(destinations: readonly Destination[]): Promise<ErrorInfo | undefined> {
  for (const destination of destinations) {
    if ("url" in destination) continue;
    const folder = destination.type === "file" ? dirname(destination.path) : destination.path;
    try {
      await mkdir(folder, { recursive: true });
    } catch (thrown) {
      const message = `A folder to write to could not be made: ${folder} ${fileProblem(thrown)}.`;
      return { code: "OUTPUT_NOT_WRITABLE", message, detail: { fault: "destination" } };
    }
  }
  return undefined;
}
