import { readFile } from "node:fs/promises";

/**
 * What tells one start of the machine from the next; undefined where the system has no such thing. Linux makes a new one at
 * each boot (random(4)); containers on one kernel share it, so that process ids need a look of their own.
 */
export async function currentBootId(platform: NodeJS.Platform): Promise<string | undefined> {
  if (platform !== "linux") return undefined;
  const text = await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "");
  return text.trim() || undefined;
}
