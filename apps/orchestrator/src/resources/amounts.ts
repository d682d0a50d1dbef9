import type { ResourceAmounts } from "@stream-control/protocol";

/** What can run short on a machine. */
export const RESOURCES = [
  "cpu",
  "memoryMiB",
  "diskMiB",
  "gpu",
  "networkKbps",
] as const satisfies (keyof ResourceAmounts)[];
export type Resource = (typeof RESOURCES)[number];

/**
 * Amounts of each, as whole numbers: cores and graphics processors in thousandths. So they can be added and taken away any number
 * of times and end at the very same sum.
 */
export type Amounts = Readonly<Record<Resource, number>>;

export const NOTHING: Amounts = { cpu: 0, memoryMiB: 0, diskMiB: 0, gpu: 0, networkKbps: 0 };

/** Thousandths of which one is counted. */
const SCALE: Amounts = { cpu: 1000, memoryMiB: 1, diskMiB: 1, gpu: 1000, networkKbps: 1 };

const each = (of: (resource: Resource) => number): Amounts => ({
  cpu: of("cpu"),
  memoryMiB: of("memoryMiB"),
  diskMiB: of("diskMiB"),
  gpu: of("gpu"),
  networkKbps: of("networkKbps"),
});

export const plus = (a: Amounts, b: Amounts): Amounts => each((resource) => a[resource] + b[resource]);
export const minus = (a: Amounts, b: Amounts): Amounts => each((resource) => a[resource] - b[resource]);

/** Amounts as they are shown. */
export const shown = (amounts: Amounts): ResourceAmounts => each((resource) => amounts[resource] / SCALE[resource]);

/** Known amounts as they are counted, rounded down. */
export function counted(known: { [R in Resource]?: number | undefined }): Partial<Amounts> {
  const result: Partial<Record<Resource, number>> = {};
  for (const resource of RESOURCES) {
    const value = known[resource];
    if (value !== undefined) result[resource] = Math.floor(value * SCALE[resource]);
  }
  return result;
}

/** Steps to which needs are rounded up, so that jobs of about the same size are of one kind to the scheduler. */
const STEPS = { cpu: 125, memoryMiB: 64, gpu: 125, networkKbps: 500 } as const;
const LEAST_DISK_MIB = 64;

/** A need as it is counted, rounded up to a step; of disk to the next power of two. */
export function needOf(raw: ResourceAmounts): Amounts {
  const up = (resource: keyof typeof STEPS) =>
    Math.ceil((raw[resource] * SCALE[resource]) / STEPS[resource]) * STEPS[resource];
  const disk = raw.diskMiB <= 0 ? 0 : Math.max(LEAST_DISK_MIB, 2 ** Math.ceil(Math.log2(raw.diskMiB)));
  return { cpu: up("cpu"), memoryMiB: up("memoryMiB"), diskMiB: disk, gpu: up("gpu"), networkKbps: up("networkKbps") };
}

/** Equal for equal amounts. */
export const amountsKey = ({ cpu, memoryMiB, diskMiB, gpu, networkKbps }: Amounts): string =>
  `${cpu}/${memoryMiB}/${diskMiB}/${gpu}/${networkKbps}`;
