import { expect, test } from "@jest/globals";
import { type Counters, MachineLoad, networkCounters } from "../src/machine-load.js";

const TABLE = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 999 1 0 0 0 0 0 0 999 1 0 0 0 0 0 0
  eth0: 1000 10 0 0 0 0 0 0 500 5 0 0 0 0 0 0
wlan0:2000 20 0 0 0 0 0 0 700 7 0 0 0 0 0 0
`;

test("is what happened between two looks, loopback left out", () => {
  const network = networkCounters(TABLE);
  expect(network).toEqual({ rxBytes: 3000, txBytes: 1200 });
  expect(networkCounters(undefined)).toBeUndefined();
  const looks: Counters[] = [
    { atMs: 0, busyMs: 1000, idleMs: 1000, memoryUsedMiB: 10, memoryTotalMiB: 100, network },
    {
      ...{ atMs: 2000, busyMs: 2000, idleMs: 4000, memoryUsedMiB: 20, memoryTotalMiB: 100 },
      network: { rxBytes: 253_000, txBytes: 1200 },
    },
    { atMs: 3000, busyMs: 2000, idleMs: 4000, memoryUsedMiB: 20, memoryTotalMiB: 100, network: undefined },
  ];
  const load = new MachineLoad([], () => looks.shift() as Counters);
  expect(load.measure()).toEqual({ memoryUsedMiB: 10, memoryTotalMiB: 100 });
  expect(load.measure()).toEqual({
    ...{ memoryUsedMiB: 20, memoryTotalMiB: 100, cpuPercent: 25, networkRxKbps: 1000, networkTxKbps: 0 },
  });
  expect(load.measure()).toEqual({ memoryUsedMiB: 20, memoryTotalMiB: 100 });
});

test("of this machine has every figure within its bounds", () => {
  const load = new MachineLoad();
  load.measure();
  const { cpuPercent = 0, memoryUsedMiB = 0, memoryTotalMiB = 0 } = load.measure();
  expect(cpuPercent >= 0 && cpuPercent <= 100).toBe(true);
  expect(memoryUsedMiB > 0 && memoryUsedMiB < memoryTotalMiB).toBe(true);
});
