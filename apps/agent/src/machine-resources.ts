import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import type { AgentResources } from "@stream-control/protocol";

const MIB = 1024 * 1024;

/** Where the system tells what there is; another folder in tests. */
export interface SystemFolders {
  cgroup: string;
  dev: string;
  net: string;
}

const SYSTEM: SystemFolders = { cgroup: "/sys/fs/cgroup", dev: "/dev", net: "/sys/class/net" };

/**
 * What the machine has for jobs: what it has in all, or what a container is held to where that is less. What the system does not
 * tell is left out.
 *
 * @param encoders those that were tried and work.
 */
export function machineResources(encoders: readonly string[], system: SystemFolders = SYSTEM): AgentResources {
  const networkKbps = uplinkKbps(system.net);
  const gpu = graphicsProcessors(encoders, system.dev);
  return {
    cpu: Math.min(availableParallelism(), cpuLimit(system.cgroup)),
    memoryMiB: Math.floor(Math.min(totalmem(), memoryLimit(system.cgroup)) / MIB),
    // Whoever asks for one where there is none is told so by the agent, in place of waiting for ever.
    ...(gpu === 0 ? {} : { gpu }),
    ...(networkKbps === undefined ? {} : { networkKbps }),
  };
}

/** `cpu.max` of cgroup v2 is quota and period in microseconds, or `max` (Documentation/admin-guide/cgroup-v2). */
function cpuLimit(cgroup: string): number {
  const [, quota, period] = /^(\d+) (\d+)/.exec(text(`${cgroup}/cpu.max`)) ?? [];
  return quota === undefined || Number(period) === 0 ? Number.POSITIVE_INFINITY : Number(quota) / Number(period);
}

function memoryLimit(cgroup: string): number {
  const bytes = /^\d+/.exec(text(`${cgroup}/memory.max`))?.[0];
  return bytes === undefined ? Number.POSITIVE_INFINITY : Number(bytes);
}

/** Devices that a working encoder stands for: NVIDIA's are numbered, those of VA-API and Quick Sync are render nodes. */
function graphicsProcessors(encoders: readonly string[], dev: string): number {
  const count = (folder: string, name: RegExp) => entries(folder).filter((entry) => name.test(entry)).length;
  if (encoders.some((name) => name.endsWith("_nvenc"))) return count(dev, /^nvidia\d+$/);
  if (encoders.some((name) => /_(?:vaapi|qsv|amf)$/.test(name))) return count(`${dev}/dri`, /^renderD\d+$/);
  return 0;
}

/** The fastest link that is up and says its speed, which virtual ones do not. */
function uplinkKbps(net: string): number | undefined {
  const speeds = entries(net).flatMap((name) => {
    const mbps =
      name === "lo" || text(`${net}/${name}/operstate`).trim() !== "up" ? 0 : Number(text(`${net}/${name}/speed`));
    return mbps > 0 ? [mbps * 1000] : [];
  });
  return speeds.length === 0 ? undefined : Math.max(...speeds);
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function text(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
