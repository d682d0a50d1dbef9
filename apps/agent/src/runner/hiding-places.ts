import { existsSync } from "node:fs";

const SHARED_MEMORY = "/dev/shm";

/**
 * Folders for what a command line must not show: the job's own, which only this user may enter and which goes with the job;
 * and on Linux, for when the disk is full, memory that is mounted as a folder.
 */
export function hidingPlaces(jobFolder: string, platform: NodeJS.Platform): string[] {
  return platform === "linux" && existsSync(SHARED_MEMORY) ? [jobFolder, SHARED_MEMORY] : [jobFolder];
}
