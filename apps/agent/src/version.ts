import { readFile } from "node:fs/promises";
import { z } from "zod";

/** The version in the agent's package.json, one folder above the built program. */
export async function ownVersion(): Promise<string> {
  const text = await readFile(new URL("../package.json", import.meta.url), "utf8");
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}
