import { readFile } from "node:fs/promises";

/** Clock ticks per second in /proc, on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

/** What a process has used so far, and how it stands. */
export interface ProcessUsage {
  cpuMs: number;
  memoryMiB: number;
  /** One letter: `R` runs, `S` waits, `D` waits for a disk, `T` is stopped, `Z` is over. */
  state: string;
}

/** Reads what a process uses from Linux's /proc; undefined for a process that is gone, and on other systems. */
export async function readUsage(pid: number): Promise<ProcessUsage | undefined> {
  try {
    const [stat, status] = await Promise.all([
      readFile(`/proc/${pid}/stat`, "utf8"),
      readFile(`/proc/${pid}/status`, "utf8"),
    ]);
    // The second field is the name in brackets and may hold blanks.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const ticks = Number(fields[11]) + Number(fields[12]);
    const kib = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0);
    if (!Number.isFinite(ticks)) return undefined;
    return { cpuMs: (ticks * 1000) / TICKS_PER_SECOND, memoryMiB: kib / 1024, state: fields[0] ?? "" };
  } catch {
    return undefined;
  }
}
