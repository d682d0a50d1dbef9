import { readFileSync, statfsSync } from "node:fs";
import { cpus, freemem, totalmem } from "node:os";
import type { AgentLoad } from "@stream-control/protocol";

const MIB = 1024 * 1024;

/** Counters of the machine at a moment. */
export interface Counters {
  atMs: number;
  /** Milliseconds of all cores together since the start. */
  busyMs: number;
  idleMs: number;
  memoryUsedMiB: number;
  memoryTotalMiB: number;
  /** Bytes since the start; undefined where the system does not tell. */
  network: { rxBytes: number; txBytes: number } | undefined;
}

/** How busy the machine is between two looks. */
export class MachineLoad {
  private last: Counters | undefined;

  /** @param folders where jobs write. */
  constructor(
    private readonly folders: readonly string[] = [],
    private readonly read: () => Counters = readCounters,
  ) {}

  /** @returns the load since the last call; of processor and network nothing at the first. */
  measure(): AgentLoad {
    const now = this.read();
    const before = this.last;
    this.last = now;
    const diskFreeMiB = freeMiB(this.folders);
    const sizes = {
      ...{ memoryUsedMiB: now.memoryUsedMiB, memoryTotalMiB: now.memoryTotalMiB },
      ...(diskFreeMiB === undefined ? {} : { diskFreeMiB }),
    };
    if (before === undefined || now.atMs <= before.atMs) return sizes;
    const busy = now.busyMs - before.busyMs;
    const whole = busy + now.idleMs - before.idleMs;
    return { ...sizes, ...(whole > 0 ? { cpuPercent: bounded((busy / whole) * 100) } : {}), ...rates(before, now) };
  }
}

/** Bits per millisecond are kilobits per second. A counter that went back belongs to an interface that was taken away. */
function rates(before: Counters, now: Counters): Pick<AgentLoad, "networkRxKbps" | "networkTxKbps"> {
  if (before.network === undefined || now.network === undefined) return {};
  const elapsedMs = now.atMs - before.atMs;
  const kbps = (from: number, to: number) => Math.max(0, Math.round(((to - from) * 8) / elapsedMs));
  return {
    networkRxKbps: kbps(before.network.rxBytes, now.network.rxBytes),
    networkTxKbps: kbps(before.network.txBytes, now.network.txBytes),
  };
}

/** Of the fullest disk, as an ordinary user may fill it; undefined where none of the folders is there. */
function freeMiB(folders: readonly string[]): number | undefined {
  const free = folders.flatMap((folder) => {
    try {
      const { bavail, bsize } = statfsSync(folder);
      return [Math.floor((bavail * bsize) / MIB)];
    } catch {
      return [];
    }
  });
  return free.length === 0 ? undefined : Math.min(...free);
}

const bounded = (percent: number) => Math.round(Math.min(100, Math.max(0, percent)) * 10) / 10;

function readCounters(): Counters {
  const times = cpus().map(({ times: { user, nice, sys, irq, idle } }) => ({ busy: user + nice + sys + irq, idle }));
  const sum = (of: "busy" | "idle") => times.reduce((total, core) => total + core[of], 0);
  return {
    ...{ atMs: performance.now(), busyMs: sum("busy"), idleMs: sum("idle") },
    ...{ memoryUsedMiB: Math.round((totalmem() - available()) / MIB), memoryTotalMiB: Math.round(totalmem() / MIB) },
    network: networkCounters(text("/proc/net/dev")),
  };
}

/** Bytes of memory that programs could have; what the system only keeps for speed counts among them (proc(5)). */
function available(): number {
  const kib = /^MemAvailable:\s+(\d+) kB$/m.exec(text("/proc/meminfo") ?? "")?.[1];
  return kib === undefined ? freemem() : Number(kib) * 1024;
}

/** Sums `/proc/net/dev` over all interfaces but loopback: received bytes stand first, sent ones ninth. */
export function networkCounters(table: string | undefined): Counters["network"] {
  if (table === undefined) return undefined;
  const rows = table.split("\n").flatMap((line) => {
    const [, name, figures] = /^\s*([^:\s]+):\s*(.*)$/.exec(line) ?? [];
    return name === undefined || name === "lo" ? [] : [(figures ?? "").trim().split(/\s+/).map(Number)];
  });
  const sum = (column: number) => rows.reduce((total, figures) => total + (figures[column] || 0), 0);
  return { rxBytes: sum(0), txBytes: sum(8) };
}

function text(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
